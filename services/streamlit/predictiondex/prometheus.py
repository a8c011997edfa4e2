"""Prometheus as this page needs it: all its charts from one query, and how far the model's inputs have drifted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from predictiondex.queries import DRIFT, DRIFT_ROWS, SERIES, every_line, named
from predictiondex.web import Failure, Service, ServiceError, Web

# Points of a chart; each is about two pixels wide.
POINTS = 120
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Alert:
    """An alert that fires now."""

    name: str
    severity: str


@dataclass(frozen=True)
class Watch:
    """What Prometheus saw between two instants, in seconds since 1970."""

    start: float
    end: float
    series: Mapping[str, Points]
    up: Mapping[str, bool]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class Drift:
    """The stability index of each feature, and the battles it is taken over: no index before there are enough, no number
    without an API."""

    indices: tuple[tuple[str, float], ...]
    rows: int | None


class Prometheus:
    """A connection to Prometheus. Every method raises `ServiceError` and nothing else."""

    def __init__(self, base_url: str) -> None:
        self._web = Web(Service.PROMETHEUS, base_url)

    def watch(self, end: float, seconds: int) -> Watch:
        """Everything the monitoring page draws, in one request."""
        step = max(seconds // POINTS, 5)
        # Aligned, so that points stay where they are when the window moves on.
        end -= end % step
        start = end - seconds
        query: dict[str, str | float] = {"query": every_line(step), "start": start, "end": end, "step": step}
        series: dict[str, Points] = {}
        up: dict[str, bool] = {}
        alerts: list[Alert] = []
        for labels, points in self._ask("query_range", query, "values"):
            name = labels.get(SERIES, "")
            now = bool(points) and points[-1][0] >= end - step
            match name:
                case "up":
                    job = labels.get("job", "")
                    up[job] = up.get(job, True) and now and points[-1][1] == 1
                case "alert" if now:
                    alerts.append(Alert(labels.get("alertname", ""), labels.get("severity", "")))
                case "alert":
                    pass
                case _:
                    series[name] = points
        return Watch(start, end, series, up, tuple(alerts))

    def drift(self) -> Drift:
        """How far what the model is asked has moved from what it learned from; the most first."""
        query = {"query": f"{named('index', DRIFT)} or {named('rows', DRIFT_ROWS)}"}
        indices: list[tuple[str, float]] = []
        rows = None
        for labels, points in self._ask("query", query, "value"):
            value = points[-1][1] if points else math.nan
            if labels.get(SERIES) == "rows":
                rows = None if math.isnan(value) else int(value)
            elif not math.isnan(value):
                indices.append((labels.get("feature", ""), value))
        return Drift(tuple(sorted(indices, key=lambda item: -item[1])), rows)

    def _ask(self, path: str, query: Mapping[str, str | float], values: str) -> list[tuple[Mapping[str, str], Points]]:
        """Series as their labels and their points, of which those that are infinite are left out."""
        answer = self._web.json("GET", f"/api/v1/{path}", params=query)
        try:
            if answer["status"] != "success":
                raise ServiceError(Service.PROMETHEUS, Failure.OTHER, f"the query failed: {answer.get('error')}")
            return [
                (item["metric"], _points(item[values] if values == "values" else [item[values]]))
                for item in answer["data"]["result"]
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._web.wrong_shape("the answer", error) from error


def _points(values: list[tuple[float, str]]) -> Points:
    points = ((float(instant), float(value)) for instant, value in values)
    return tuple((instant, value) for instant, value in points if math.isfinite(value))
