"""What is started, in which steps, and how fast it could be at best."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measure
import peers
import standin

CHAIN_PORT = 23820
FLOOR_PORT = 23800


@dataclass(frozen=True)
class Step:
    """A command of a round. `cold` and `warm` steps are watched from outside until everything answers."""

    name: str
    verb: str
    watched: bool = False
    repeat: int = 1


@dataclass(frozen=True)
class Scenario:
    """A definition and the steps that each tool takes with it in a round."""

    name: str
    steps: tuple[Step, ...]
    # Rounds that fit into the usual run; docker-compose 1 takes part in fewer of them, and in none where it hangs.
    rounds: int
    old_rounds: int
    running: int
    targets: tuple[tuple[str, int, str], ...] = ()
    files: int = 0
    text: str = field(default="", repr=False)

    def place(self) -> Path:
        """Writes the definition into its folder below `target/bench`, and empties what its services write to."""
        folder = peers.HOME / "run" / self.name
        for name in ("beat", "models"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
        file = folder / "stack.yaml"
        file.write_text(self.text)
        return file

    def watch(self, folder: Path) -> Sequence[measure.Target]:
        if self.files:
            return [measure.files(folder / "beat", self.files)]
        return [measure.http(*target) for target in self.targets]


def every(links: int, sizes: Sequence[int]) -> list[Scenario]:
    return [_stack(), _chain(links), *(_fan(size) for size in sizes), _config()]


def _stack() -> Scenario:
    targets = (
        ("db", 23801, "/"), ("api", 23802, "/health"), ("streamlit", 23803, "/_stcore/health"),
        ("prometheus", 23804, "/-/ready"), ("grafana", 23805, "/api/health"), ("node-exporter", 23806, "/metrics"),
        ("mlflow", 23807, "/health"),
    )
    steps = (
        Step("cold", "up", watched=True), Step("again", "up"), Step("stop", "stop"),
        Step("warm", "up", watched=True), Step("down", "down"),
    )
    return Scenario("stack", steps, 10, 3, 7, targets, text=_stack_text())


def _stack_text() -> str:
    return (peers.ROOT / "bench" / "stack.yaml").read_text()


def _chain(links: int) -> Scenario:
    lines = ["services:"]
    for number in range(1, links + 1):
        lines += [
            f"  link{number:02}:",
            f"    image: {standin.IMAGE}",
            '    command: [serve, "8080"]',
            '    environment: { START_MS: "200" }',
            f'    ports: ["127.0.0.1:{CHAIN_PORT + number}:8080"]',
            "    healthcheck: { test: [CMD, curl, -f, http://localhost:8080/health], interval: 5s, timeout: 5s, retries: 5 }",
        ]
        if number > 1:
            lines.append(f"    depends_on: {{ link{number - 1:02}: {{ condition: service_healthy }} }}")
    targets = tuple((f"link{n:02}", CHAIN_PORT + n, "/health") for n in range(1, links + 1))
    steps = (Step("cold", "up", watched=True), Step("again", "up"), Step("down", "down"))
    return Scenario("chain", steps, 10, 3, links, targets, text="\n".join(lines) + "\n")


def _fan(size: int) -> Scenario:
    lines = ["services:"]
    for number in range(1, size + 1):
        lines += [
            f"  leaf{number:03}:",
            f"    image: {standin.IMAGE}",
            "    command: [beat]",
            '    volumes: ["./beat:/beat"]',
            "    stop_signal: SIGKILL",
        ]
    rounds, old = {20: (10, 3), 50: (10, 1), 100: (10, 0), 200: (10, 0)}.get(size, (3, 1))
    steps = (Step("cold", "up", watched=True), Step("again", "up"), Step("down", "down"))
    return Scenario(f"fan-{size}", steps, rounds, old, size, files=size, text="\n".join(lines) + "\n")


def _config() -> Scenario:
    return Scenario("config", (Step("config", "config", repeat=5),), 10, 10, 0, text=_stack_text())


def bounds(pdex: Path, scenario: Scenario, floor: dict[str, float]) -> dict[str, float]:
    """The least time in seconds in which the scenario's steps could be done, from its definition: the longest way along the
    gates, each service costing what this engine needs to start one container and then its own time. Containers and networks are
    made ahead of the gates, so only the first of them counts. What the engine loses when several containers start at once is
    not in it."""
    command = [str(pdex), "-f", str(scenario.place()), "-p", "pdexbch-bound", "config", "--format", "json"]
    services: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["services"]
    found = {}
    if scenario.targets:
        made = floor["network"] + floor["create"]
        found["cold"] = made + max(_end(services, name, floor, warm=False) for name in services)
    if any(step.name == "warm" for step in scenario.steps):
        found["warm"] = max(_end(services, name, floor, warm=True) for name in services)
    return found


def _end(services: dict[str, Any], name: str, floor: dict[str, float], *, warm: bool) -> float:
    service = services[name]
    begun = max((_end(services, gate, floor, warm=warm) for gate in service.get("depends_on", {})), default=0.0)
    times = {key: int(value) / 1000 for key, value in (service.get("environment") or {}).items() if key.endswith("_MS")}
    if "RUN_MS" in times:
        # A one-shot that succeeded need not run again.
        return begun + (0.0 if warm else floor["job"] + times["RUN_MS"])
    first = sum(times.get(key, 0.0) for key in ("INIT_MS", "TEMPORARY_MS", "AWAY_MS"))
    return begun + floor["start"] + times.get("START_MS", 0.0) + (0.0 if warm else first)
