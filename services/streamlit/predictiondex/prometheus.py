"""Prometheus as this page needs it: all its charts from one query, and how far the model's inputs have drifted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from predictiondex.web import Failure, Service, ServiceError, Web

# Points of a chart; each is about two pixels wide.
POINTS = 120
# Rates need two scrapes, which are 15 s apart; with four of them, one that is missed leaves no hole.
RATE_SECONDS_LEAST = 60
# Probes and scrapes are no traffic.
TRAFFIC = 'endpoint!~"/health.*|/metrics"'
# The label by which the answer's series are told apart.
SERIES = "series"


def _quantile(share: float, histogram: str, selector: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{selector}[WINDOW])))"


def _errors(status: str) -> str:
    total = f"sum(rate(api_requests_total{{{TRAFFIC}}}[WINDOW]))"
    # No failure at all is no series: nought of the total stands in for it.
    return f'(sum(rate(api_requests_total{{{TRAFFIC}, status=~"{status}"}}[WINDOW])) or 0 * {total}) / {total}'


# WINDOW stands for what rates are taken over. Each has one series, but `up` (one per job) and `alert` (one per alert).
EXPRESSIONS = {
    "requests": f"sum(rate(api_requests_total{{{TRAFFIC}}}[WINDOW]))",
    "predictions": "sum(rate(model_predictions_total[WINDOW]))",
    "errors_4xx": _errors("4.."),
    "errors_5xx": _errors("5.."),
    "latency_p50": _quantile(0.5, "api_request_duration_seconds", f"{{{TRAFFIC}}}"),
    "latency_p95": _quantile(0.95, "api_request_duration_seconds", f"{{{TRAFFIC}}}"),
    "latency_p99": _quantile(0.99, "api_request_duration_seconds", f"{{{TRAFFIC}}}"),
    "model_p50": _quantile(0.5, "model_prediction_latency_seconds"),
    "model_p99": _quantile(0.99, "model_prediction_latency_seconds"),
    "confidence": ("sum(rate(model_prediction_confidence_sum[WINDOW])) / sum(rate(model_prediction_confidence_count[WINDOW]))"),
    "cpu_api": 'sum(rate(process_cpu_seconds_total{job="api"}[WINDOW]))',
    "cpu_machine": '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[WINDOW]))',
    "memory_api": 'sum(process_resident_memory_bytes{job="api"})',
    "memory_machine": "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)",
    "up": "up",
    "alert": 'max by (alertname, severity) (ALERTS{alertstate="firing"})',
}
DRIFT = "max by (feature) (model_input_drift_psi)"
DRIFT_ROWS = "max(model_input_drift_rows)"

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
        query: dict[str, str | float] = {"query": everything(step), "start": start, "end": end, "step": step}
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
        query = {"query": f"{_named('index', DRIFT)} or {_named('rows', DRIFT_ROWS)}"}
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


def everything(step: int) -> str:
    """The one query: each expression under a name of its own."""
    window = f"{max(RATE_SECONDS_LEAST, 2 * step)}s"
    return " or ".join(_named(name, expression.replace("WINDOW", window)) for name, expression in EXPRESSIONS.items())


def _named(name: str, expression: str) -> str:
    return f'label_replace({expression}, "{SERIES}", "{name}", "", "")'


def _points(values: list[tuple[float, str]]) -> Points:
    points = ((float(instant), float(value)) for instant, value in values)
    return tuple((instant, value) for instant, value in points if math.isfinite(value))
