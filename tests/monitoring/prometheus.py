"""A Prometheus of the test's own with the project's rules, and what it answers."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from grafana import ROOT, Range

Json = dict[str, Any]
Found = TypeVar("Found")
# Of one question.
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Series:
    labels: dict[str, str]
    # (seconds since 1970, value), in order.
    points: list[tuple[float, float]]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    return body


def post(url: str, document: object) -> bytes:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    return body


def until(what: str, within_seconds: float, look: Callable[[], Found | None]) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            found = look()
        except (OSError, urllib.error.URLError):
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_seconds:.0f} s: {what}"
        time.sleep(0.2)


def configuration(text: str, addresses: dict[str, str], scrape_seconds: int) -> str:
    """The project's scrape configuration with other addresses and another interval; each address has to be in it once."""
    for stack, here in addresses.items():
        assert text.count(f'"{stack}"') == 1, f"{stack} is not scraped"
        text = text.replace(f'"{stack}"', f'"{here}"')
    text, replaced = re.subn(r"(scrape_interval|evaluation_interval): 15s", rf"\1: {scrape_seconds}s", text)
    assert replaced == 2, "the intervals are not where they were"
    return text


class Prometheus:
    """Lives from `start` to `stop`."""

    def __init__(self, program: str, port: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.program, self.port, self.folder = program, port, folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, addresses: dict[str, str], scrape_seconds: int) -> None:
        rules = ROOT / "prometheus"
        for path in rules.glob("*.yml"):
            (self.folder / path.name).write_bytes(path.read_bytes())
        text = (rules / "prometheus.yml").read_text(encoding="utf-8")
        (self.folder / "prometheus.yml").write_text(configuration(text, addresses, scrape_seconds), encoding="utf-8")
        command = [
            self.program,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until("Prometheus is ready", 30, lambda: get(f"{self.url}/-/ready"))

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)

    def ask(self, path: str, **parameters: str | float) -> Json:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            answer: Json = json.loads(get(url))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        assert answer["status"] == "success", answer
        assert not answer.get("warnings"), answer["warnings"]
        data: Json = answer["data"]
        return data

    def at(self, expression: str, instant: float | None = None) -> list[Series]:
        """An instant's values."""
        found = self.ask("query", query=expression, **({} if instant is None else {"time": instant}))
        if found["resultType"] == "scalar":
            moment, value = found["result"]
            return [Series({}, [(moment, float(value))])]
        return [Series(one["metric"], [(one["value"][0], float(one["value"][1]))]) for one in found["result"]]

    def over(self, expression: str, shown: Range) -> list[Series]:
        """Values over a range, at Grafana's steps."""
        found = self.ask("query_range", query=expression, start=shown.start, end=shown.end, step=shown.interval)
        return [Series(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found["result"]]

    def value(self, expression: str) -> float | None:
        """The only value at this instant, if there is one."""
        found = self.at(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return found[0].points[0][1] if found else None

    def targets(self) -> dict[str, str]:
        """Job → health."""
        return {one["labels"]["job"]: one["health"] for one in self.ask("targets")["activeTargets"]}

    def alerts(self) -> dict[str, str]:
        """Alert → its furthest state; those that wait for nothing are not there."""
        found: dict[str, str] = {}
        for one in self.ask("alerts")["alerts"]:
            name = one["labels"]["alertname"]
            found[name] = "firing" if "firing" in (found.get(name), one["state"]) else one["state"]
        return found
