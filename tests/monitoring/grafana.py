"""The dashboards as Grafana asks Prometheus for them: their panels, queries and variables. Reads files, asks nobody."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "dashboards"

Json = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """The time shown, in seconds since 1970, and how often Prometheus scrapes."""

    start: float
    end: float
    scrape_seconds: float
    # Of a panel; Grafana asks for about as many as it has pixels.
    points: int = 120

    @property
    def interval(self) -> float:
        """`$__interval`, which is also the step; at least the scrape interval, as the data source is provisioned."""
        return max(self.scrape_seconds, math.ceil((self.end - self.start) / self.points))

    @property
    def rate_interval(self) -> float:
        """`$__rate_interval`, as Grafana defines it: at least four scrapes, so that a lost one leaves a rate."""
        return max(self.interval + self.scrape_seconds, 4 * self.scrape_seconds)

    def substitute(self, expression: str) -> str:
        values = {
            "__rate_interval": self.rate_interval,
            "__interval": self.interval,
            "__range": self.end - self.start,
        }
        return re.sub(r"\$(\w+)", lambda found: f"{math.ceil(values[found.group(1)])}s", expression)


@dataclass(frozen=True)
class Query:
    """One query of one panel, or of the marks of a whole dashboard."""

    dashboard: str
    panel: str
    ref: str
    expression: str
    legend: str
    instant: bool = False

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel} / {self.ref}"


def dashboards() -> dict[str, Json]:
    """File name → dashboard."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def queries(dashboard: Json) -> list[Query]:
    """What its panels ask."""
    return [query(dashboard, panel, target) for panel in dashboard["panels"] for target in panel["targets"]]


def query(dashboard: Json, panel: Json, target: Json) -> Query:
    instant = bool(target.get("instant"))
    return Query(dashboard["title"], panel["title"], target["refId"], target["expr"], target["legendFormat"], instant)


def marks(dashboard: Json) -> list[Query]:
    """What its annotations ask; Grafana's own asks nobody."""
    asking = [mark for mark in dashboard["annotations"]["list"] if not mark.get("builtIn")]
    return [Query(dashboard["title"], mark["name"], "mark", mark["expr"], mark["titleFormat"]) for mark in asking]


def legend(form: str, labels: dict[str, str]) -> str:
    """A series' name: the form with its labels, or all labels where there is none."""
    if form:
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found.group(1), ""), form).strip()
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
