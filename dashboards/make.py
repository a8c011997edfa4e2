#!/usr/bin/env python3
"""Writes the dashboards beside it: `dashboards/make.py` writes, `dashboards/make.py --check` ends with 1 where a file is not what this
would write.

A dashboard's JSON is 1,500 lines of which all but the titles, queries, units and bounds repeat themselves; those are kept here, the rest
is made. Grafana reads the JSON alone (stack/grafana/provisioning). The form is that of Grafana 10.1.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

# The uid that stack/grafana/provisioning gives Prometheus.
SOURCE = {"type": "prometheus", "uid": "prometheus"}
# Probes and scrapes are no traffic.
TRAFFIC = 'endpoint!~"/health.*|/metrics"'
# What a container or the kernel has in memory or shows twice is no disk.
DISK = 'fstype!~"tmpfs|ramfs|overlay"'

GREEN, ORANGE, RED = "green", "orange", "red"


def steps(*bounds, base=GREEN):
    """Colours from each bound on; below the first one, `base`."""
    return {"mode": "absolute", "steps": [{"color": base, "value": None}, *({"color": c, "value": v} for v, c in bounds)]}


def query(expr, legend="", **more):
    return {"datasource": SOURCE, "expr": " ".join(expr.split()), "legendFormat": legend, **more}


def panel(kind, title, description, unit, queries, options, *, defaults=None, custom=None):
    queries = [queries] if isinstance(queries, dict) else queries
    field = {"unit": unit, "thresholds": steps(), "mappings": [], **(defaults or {})}
    if custom:
        field["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": description,
        "pluginVersion": "10.1.0",
        "datasource": SOURCE,
        "targets": [{"refId": "ABCDEFGH"[number], **one} for number, one in enumerate(queries)],
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
    }


def last():
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, unit, expr, *, bounds=None, decimals=None, mappings=(), shown="auto", graph="area", legend=""):
    """One number, with its course behind it; `shown` is `name` where the label tells more than the number."""
    defaults = {"color": {"mode": "thresholds"}, "thresholds": bounds or steps(), "mappings": list(mappings)}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"reduceOptions": last(), "orientation": "auto", "textMode": shown}
    options |= {"colorMode": "value", "graphMode": graph, "justifyMode": "auto"}
    return panel("stat", title, description, unit, query(expr, legend), options, defaults=defaults)


def lines(title, description, unit, *queries, bounds=None, stack=False, most=None):
    """Lines over time; bounds are drawn dashed."""
    defaults = {"color": {"mode": "palette-classic"}, "min": 0}
    if most is not None:
        defaults["max"] = most
    if bounds:
        defaults["thresholds"] = steps(*bounds, base="transparent")
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 30 if stack else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if bounds else "off"},
    }
    legend = {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]}
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, unit, list(queries), options, defaults=defaults, custom=custom)


def bars(title, description, unit, expr, legend, *, bounds=None, decimals=1):
    """One bar for each series, as it is at the end of the range."""
    colour = {"mode": "thresholds"} if bounds else {"mode": "fixed", "fixedColor": "blue"}
    defaults = {"color": colour, "thresholds": bounds or steps(), "min": 0, "decimals": decimals}
    options = {"reduceOptions": last(), "orientation": "horizontal", "displayMode": "basic", "valueMode": "color"}
    options |= {"showUnfilled": True, "minVizWidth": 0, "minVizHeight": 10}
    return panel(
        "bargauge", title, description, unit, query(expr, legend, instant=True, range=False), options, defaults=defaults
    )


def heat(title, description, unit, expr):
    """A histogram over time: how many observations fell into which bucket."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"show": True, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return panel("heatmap", title, description, unit, query(expr, "{{le}}", format="heatmap"), options)


def states(title, description, expr, legend, words):
    """A band for each series, coloured by what its value means."""
    colours = {str(value): {"text": text, "color": color, "index": value} for value, text, color in words}
    defaults = {"color": {"mode": "thresholds"}, "mappings": [{"type": "value", "options": colours}]}
    options = {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8}
    options |= {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"lineWidth": 0, "fillOpacity": 75}
    return panel("state-timeline", title, description, "none", query(expr, legend), options, defaults=defaults, custom=custom)


def mark(name, expr, title, color, *, value_is_time=False):
    """Marks on every panel of a dashboard, asked of Prometheus, so that nobody needs Grafana's credentials to set them."""
    found = {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": color, "expr": expr, "step": "15s"}
    found |= {"titleFormat": title, "textFormat": "", "tagKeys": ""}
    return found | ({"useValueForTime": True} if value_is_time else {})


STARTS = mark("Starts", "process_start_time_seconds * 1000", "{{job}} started", "blue", value_is_time=True)
UP_STARTED = mark(
    "Last up, started", "pdex_up_started_timestamp_seconds * 1000", "{{service}} runs", "blue", value_is_time=True
)
UP_READY = mark("Last up, ready", "pdex_up_ready_timestamp_seconds * 1000", "{{service}} is ready", "green", value_is_time=True)
ALERTS = mark("Alerts", 'sum by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}} fires", "red")
MODELS = mark(
    "Models",
    "count by (model_name, version) (model_info) unless count by (model_name, version) (model_info offset 1m)",
    "{{model_name}} {{version}} comes into service",
    "purple",
)


def dashboard(uid, title, description, rows, marks):
    """`rows` are (height, panel, …); the panels of a row share its width, which is 24."""
    panels, top = [], 0
    for height, *row in rows:
        width = 24 // len(row)
        for left, one in enumerate(row):
            panels.append({"id": len(panels) + 1, **one, "gridPos": {"x": left * width, "y": top, "w": width, "h": height}})
        top += height
    own = {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": True, "hide": True}
    own |= {"datasource": {"type": "grafana", "uid": "-- Grafana --"}, "iconColor": "rgba(0, 211, 255, 1)"}
    link = {
        "title": "PredictionDex",
        "type": "dashboards",
        "tags": ["predictiondex"],
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    link |= {"asDropdown": False, "includeVars": False, "keepTime": True, "targetBlank": False}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["predictiondex"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": [own, *marks]},
        "links": [link],
        "panels": panels,
    }


def told(expr):
    """Nothing where it is not a number: while nobody asks, shares and quantiles are 0 / 0, which Grafana would print."""
    return f"{expr} >= 0"


def share(part, whole):
    return told(f"sum(rate({part}[$__rate_interval])) / sum(rate({whole}[$__rate_interval]))")


def quantile(number, histogram, matchers="", by="le"):
    return told(f"histogram_quantile({number}, sum by ({by}) (rate({histogram}_bucket{matchers}[$__rate_interval])))")


def percentiles(histogram, matchers=""):
    return [query(quantile(q, histogram, matchers), name) for q, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))]


# Rows are read as they are drawn, so the panels below are not broken into one argument a line.
# fmt: off

def model():
    latency, confidence = "model_prediction_latency_seconds", "model_prediction_confidence"
    types = "model_prediction_pokemon_types_total"
    mean = share(f"{confidence}_sum", f"{confidence}_count")

    def odds(number):
        # Prometheus takes the lowest bucket to begin at 0, where no favourite's odds are.
        return f"clamp_min({quantile(number, confidence)}, 0.5)"

    unsure = share(confidence + '_bucket{le="0.6"}', f"{confidence}_count")
    few = {"type": "special", "options": {"match": "nan", "result": {"text": "too few battles", "color": "text", "index": 0}}}
    drifted = [(0.1, ORANGE), (0.25, RED)]
    rows = [
        (4,
         stat("Predictions", "Battles predicted per second.", "ops",
              "sum(rate(model_predictions_total[$__rate_interval]))", decimals=1),
         stat("Latency P95", "95 of 100 predictions take the model less than this. Above 500 ms, HighPredictionLatency fires.", "s",
              quantile(0.95, latency), bounds=steps((0.1, ORANGE), (0.5, RED))),
         stat("Mean confidence", "The favourite's odds, on average; 50 % is a coin toss.", "percentunit",
              mean, bounds=steps((0.6, GREEN), base=RED), decimals=1),
         stat("Drift, median input", "Half of the model's inputs have moved further than this from what it learned from. Above 0.1 "
              "something has changed, above 0.25 much has.", "none",
              "quantile(0.5, model_input_drift_psi)", bounds=steps(*drifted), decimals=3, mappings=[few]),
         stat("Model in service", "Name and version of the model that answers.", "none",
              "model_info == 1", legend="{{model_name}} {{version}}", shown="name", graph="none"),
         stat("Models refused", "Model files that were found and did not hold what they promise; the one before stays in service.", "none",
              "sum(increase(model_load_failures_total[$__range]))", bounds=steps((0.5, RED)), decimals=0, graph="none")),
        (8,
         lines("Predictions by model", "Battles predicted per second.", "ops",
               query("sum by (model_name) (rate(model_predictions_total[$__rate_interval]))", "{{model_name}}")),
         lines("Prediction latency", "What the model takes for one battle, both orders. Dashed: the bound of HighPredictionLatency.", "s",
               *percentiles(latency), bounds=[(0.5, RED)])),
        (8,
         lines("Confidence", "The favourite's odds: their mean, and the quarters of the predictions below and above.", "percentunit",
               query(mean, "mean"), query(odds(0.25), "P25"), query(odds(0.75), "P75"), most=1),
         heat("Confidence, distribution", "How many predictions were how sure: each row is a bucket, named by its upper bound.", "percentunit",
              f"sum by (le) (increase({confidence}_bucket[$__rate_interval]))"),
         lines("Unsure predictions", "Share of the predictions that are at most 60 % sure. Above the dashed half, LowModelConfidence fires.",
               "percentunit", query(unsure, "at most 60 % sure"), bounds=[(0.5, RED)], most=1)),
        (11,
         bars("Pokémon types predicted", "Share of each type among the Pokémon that battles were asked about, over the time shown.", "percentunit",
              f"sort_desc(sum by (pokemon_type) (increase({types}[$__range])) / scalar(sum(increase({types}[$__range]))))", "{{pokemon_type}}"),
         bars("Inputs that drifted most", "Population stability index of what is asked now against what the model learned from; above 0.25 "
              "much has changed. Empty until 2,000 battles were asked about.", "none",
              "sort_desc(topk(12, max by (feature) (model_input_drift_psi >= 0)))", "{{feature}}", bounds=steps(*drifted), decimals=3),
         lines("Drift of inputs", "The stability index over all inputs: the most, the upper quarter, the median. When half of the inputs are "
               "above the upper dashed line for a quarter of an hour, ModelInputDrift fires.", "none",
               query(told("max(model_input_drift_psi)"), "most"), query(told("quantile(0.75, model_input_drift_psi)"), "upper quarter"),
               query(told("quantile(0.5, model_input_drift_psi)"), "median"), bounds=drifted)),
        (7,
         lines("Pokémon types per second", "The six types asked about most; a Pokémon of two types counts in both.", "ops",
               query(f"topk(6, sum by (pokemon_type) (rate({types}[$__rate_interval])))", "{{pokemon_type}}")),
         lines("Battles compared", "Battles that count towards the drift since the model was loaded. From 2,000 on (dashed) it is told.", "none",
               query("sum by (model_name) (model_input_drift_rows)", "{{model_name}}"), bounds=[(2000, ORANGE)])),
    ]
    text = "What the model is asked, how quickly and how surely it answers, and whether it is asked what it has learned."
    return dashboard("pdex-model", "Model Performance", text, rows, [MODELS, STARTS, ALERTS])


def api():
    duration, traffic = "api_request_duration_seconds", "{" + TRAFFIC + "}"
    requests = f"api_requests_total{traffic}"
    client, server = (f'api_requests_total{{{TRAFFIC}, status=~"{kind}.."}}' for kind in "45")
    words = {"0": {"text": "no", "color": RED, "index": 0}, "1": {"text": "yes", "color": GREEN, "index": 1}}
    burn = [query(f"job:api_errors:ratio_rate{window} / 0.01", window) for window in ("5m", "1h", "6h")]
    rows = [
        (4,
         stat("Up", "Whether Prometheus reaches the API. After a minute without, ApiDown fires.", "none",
              'max(up{job="api"})', bounds=steps((1, GREEN), base=RED), mappings=[{"type": "value", "options": words}], graph="none"),
         stat("Uptime", "Time since the API's process started.", "s",
              'time() - max(process_start_time_seconds{job="api"})', decimals=1, graph="none"),
         stat("Requests", "Answers per second.", "reqps",
              f"sum(rate({requests}[$__rate_interval]))", decimals=1),
         stat("Server errors", "Share of the answers that are failures of the API's own (5xx). Above 5 %, HighErrorRate fires.", "percentunit",
              share(server, requests), bounds=steps((0.01, ORANGE), (0.05, RED)), decimals=2),
         stat("Latency P95", "95 of 100 answers leave in less than this.", "s",
              quantile(0.95, duration, traffic), bounds=steps((0.1, ORANGE), (0.5, RED))),
         stat("In flight", "Requests being answered; from 512 on the API turns others away.", "none",
              "max(api_requests_in_flight)", bounds=steps((256, ORANGE), (512, RED)))),
        (9,
         lines("Requests by endpoint", "Answers per second, by route.", "reqps",
               query(f"sum by (method, endpoint) (rate({requests}[$__rate_interval])) > 0", "{{method}} {{endpoint}}")),
         lines("Latency", "From a request's head to its answer's, all endpoints.", "s", *percentiles(duration, traffic), bounds=[(0.5, RED)])),
        (8,
         lines("Error share", "Share of the answers that say that the client was wrong (4xx) or that the API failed (5xx). Dashed: the bound "
               "of HighErrorRate, for 5xx.", "percentunit",
               query(share(client, requests), "4xx"), query(share(server, requests), "5xx"), bounds=[(0.05, RED)]),
         lines("Error rate", "Answers per second that say so.", "reqps",
               query(f"sum(rate({client}[$__rate_interval]))", "4xx"), query(f"sum(rate({server}[$__rate_interval]))", "5xx")),
         lines("Errors by kind", "Answers per second with status 400 and above, by the kind of error that they name.", "reqps",
               query("sum by (error_type) (rate(api_errors_total[$__rate_interval])) > 0", "{{error_type}}"))),
        (8,
         lines("Latency P95 by endpoint", "95 of 100 answers of the endpoint leave in less than this.", "s",
               query(quantile(0.95, duration, traffic, by="le, endpoint"), "{{endpoint}}")),
         lines("Error budget, burn rate", "1 uses up in 15 days the 1 % of answers that may be errors of the API's own. ApiErrorBudgetBurn fires "
               "above 7.2 over an hour (upper line) and above 3 over six hours (lower line).", "none",
               *burn, bounds=[(3, ORANGE), (7.2, RED)])),
        (7,
         lines("Requests in flight", "Requests being answered at the instant of each scrape; beyond 512 they are turned away.", "none",
               query("max(api_requests_in_flight)", "requests"), bounds=[(512, RED)]),
         lines("Connections", "Open connections of clients; beyond 1,280 the one idle longest makes room.", "none",
               query("max(api_connections)", "open"), bounds=[(1280, RED)]),
         lines("CPU of the API", "Cores used. The container has one (dashed).", "none",
               query('max(rate(process_cpu_seconds_total{job="api"}[$__rate_interval]))', "cores"), bounds=[(1, RED)]),
         lines("Memory of the API", "Resident memory. The container has 512 MiB (dashed).", "bytes",
               query('max(process_resident_memory_bytes{job="api"})', "resident"), bounds=[(512 * 1024 * 1024, RED)])),
    ]
    text = "Traffic, latency, failures and saturation of the API. Probes and scrapes are not counted as traffic."
    return dashboard("pdex-api", "API Performance", text, rows, [STARTS, ALERTS])


def stack():
    used = f"1 - node_filesystem_avail_bytes{{{DISK}}} / node_filesystem_size_bytes{{{DISK}}}"
    firing, pending = (f'ALERTS{{alertstate="{state}"}}' for state in ("firing", "pending"))
    cores = 'scalar(count(node_cpu_seconds_total{mode="idle"}))'
    rows = [
        (4,
         stat("Targets down", "Targets that Prometheus could not read at the last scrape.", "none",
              "count(up) - sum(up)", bounds=steps((1, RED)), decimals=0),
         stat("Alerts firing", "Which they are, the panel Alerts tells.", "none",
              f"count({firing}) or vector(0)", bounds=steps((1, RED)), decimals=0),
         stat("CPU busy", "Of all processors, over five minutes. Above 90 % for a quarter of an hour, NodeCpuBusy fires.", "percentunit",
              "max(instance:node_cpu_busy:ratio_rate5m)", bounds=steps((0.7, ORANGE), (0.9, RED)), decimals=0),
         stat("Memory in use", "Above 90 % for five minutes, NodeMemoryLow fires.", "percentunit",
              "1 - min(instance:node_memory_available:ratio)", bounds=steps((0.8, ORANGE), (0.9, RED)), decimals=1),
         stat("Fullest disk", "Above 95 % for five minutes, NodeDiskFull fires.", "percentunit",
              f"max({used})", bounds=steps((0.8, ORANGE), (0.95, RED)), decimals=1),
         stat("Last up", "How long the last pdex up took that started anything.", "s",
              "max(pdex_up_duration_seconds)", decimals=1, graph="none")),
        (8,
         lines("CPU by mode", "Share of all processors' time, without idling.", "percentunit",
               query(f'sum by (mode) (rate(node_cpu_seconds_total{{mode!="idle"}}[$__rate_interval])) / {cores}', "{{mode}}"), stack=True, most=1),
         lines("Memory", "What is neither free nor given back on demand, and all there is.", "bytes",
               query("max(node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes)", "in use"),
               query("max(node_memory_MemTotal_bytes)", "in all"))),
        (8,
         lines("Disks, used", "Share of each disk that is taken. Dashed: the bound of NodeDiskFull.", "percentunit",
               query(f"max by (device) ({used})", "{{device}}"), bounds=[(0.95, RED)], most=1),
         lines("Disks, busy", "Share of the time in which the disk was at work.", "percentunit",
               query('max by (device) (rate(node_disk_io_time_seconds_total{device!~"loop.*|ram.*"}[$__rate_interval]))', "{{device}}"))),
        (7,
         states("Targets", "Whether Prometheus reaches each of them.",
                "min by (job) (up)", "{{job}}", [(0, "down", RED), (1, "up", GREEN)]),
         states("Alerts", "Pending: the bound is passed, and not yet for as long as the rule asks for.",
                f"max by (alertname) ({firing} * 2 or {pending})", "{{alertname}}", [(1, "pending", ORANGE), (2, "firing", RED)])),
        (8,
         bars("Last up, ready after", "From the first start of a process to each service's readiness, in the last pdex up that started "
              "anything. The marks on the other panels tell when that was.", "s",
              "sort(max by (service) (pdex_up_ready_timestamp_seconds) - scalar(min(pdex_up_started_timestamp_seconds)))", "{{service}}"),
         lines("Memory of the processes", "Resident memory of what Prometheus scrapes.", "bytes",
               query("max by (job) (process_resident_memory_bytes)", "{{job}}")),
         lines("Scrapes", "How long Prometheus takes to read each target.", "s",
               query("max by (job) (scrape_duration_seconds)", "{{job}}"))),
    ]
    text = "The machine, what Prometheus reaches, the alerts, and when what started."
    return dashboard("pdex-stack", "Stack Overview", text, rows, [UP_STARTED, UP_READY, ALERTS])

# fmt: on


DASHBOARDS = {"model_performance.json": model, "api_performance.json": api, "stack_overview.json": stack}


def main():
    stale = []
    for name, make in DASHBOARDS.items():
        text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
        path = HERE / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale and "--check" in sys.argv[1:]:
        sys.exit(f"not what dashboards/make.py writes: {', '.join(stale)}")


if __name__ == "__main__":
    main()
