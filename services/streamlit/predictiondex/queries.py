"""What Prometheus is asked: PromQL and nothing else, so that a test can ask it a Prometheus of its own."""

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


def every_line(step: int) -> str:
    """The one query: each expression under a name of its own."""
    window = f"{max(RATE_SECONDS_LEAST, 2 * step)}s"
    return " or ".join(named(name, expression.replace("WINDOW", window)) for name, expression in EXPRESSIONS.items())


def named(name: str, expression: str) -> str:
    """An expression whose series say which it is."""
    return f'label_replace({expression}, "{SERIES}", "{name}", "", "")'
