#!/usr/bin/env python3
"""Every metric and label that rules and dashboards name is one that the code exposes, a rule records, or an exporter has.

The code's list is services/dex/src/metrics.rs. Ends with 1 and a line for each name that nobody has.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What Prometheus and node-exporter have of their own, as far as it is asked for here; with the labels that may be asked for.
EXPORTERS = {
    "up": {"job", "instance"},
    "scrape_duration_seconds": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity"},
    "node_cpu_seconds_total": {"cpu", "mode"},
    "node_memory_MemAvailable_bytes": set(),
    "node_memory_MemTotal_bytes": set(),
    "node_disk_io_time_seconds_total": {"device"},
    "node_filesystem_avail_bytes": {"fstype", "mountpoint", "device"},
    "node_filesystem_size_bytes": {"fstype", "mountpoint", "device"},
}
# Every series has them from its scrape; `le` only a histogram's buckets.
ALWAYS = {"job", "instance"}
# Of PromQL; whatever else is written in lower case is a metric or a label.
FUNCTIONS = set(
    "sum avg min max count by on and or unless rate increase irate absent predict_linear histogram_quantile round clamp_max "
    "clamp_min time topk bottomk label_replace changes delta deriv ignoring group_left group_right offset bool without "
    "max_over_time min_over_time avg_over_time sum_over_time count_values quantile vector scalar sort sort_desc resets".split()
)


def metrics():
    """Name → labels, of the code's list; a histogram's three series each."""
    text = (ROOT / "services/dex/src/metrics.rs").read_text()
    found = {}
    for _, name, labels in re.findall(r'\b(counter|gauge)\(\s*"(\w+)",\s*&\[([^\]]*)\]', text):
        found[name] = set(re.findall(r'"(\w+)"', labels))
    for name, labels in re.findall(r'name: "(\w+)",\s*kind: Kind::Histogram.*?labels: &\[([^\]]*)\]', text, re.S):
        own = set(re.findall(r'"(\w+)"', labels))
        found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
    return found


def rules():
    """(where, expression) of every rule, and the names that rules record."""
    expressions, recorded = [], set()
    for path in sorted((ROOT / "prometheus").glob("*.yml")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if match := re.match(r"\s*(?:- )?record: (\S+)", line):
                recorded.add(match.group(1))
            if match := re.match(r"(\s*)expr: (.*)", line):
                text = "" if match.group(2) == "|" else match.group(2)
                for more in lines[number + 1 :]:
                    if match.group(2) != "|" or len(more) - len(more.lstrip()) <= len(match.group(1)):
                        break
                    text += "\n" + more
                expressions.append((f"{path.name}:{number + 1}", text))
    return expressions, recorded


def queries(node, where):
    """(where, expression) of every query of a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield f"{where}: {node.get('legendFormat', '')}", node["expr"]
        for key, value in node.items():
            yield from queries(value, f"{where} {node.get('title', '')}".strip() if key == "targets" else where)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value, where)


def problems(where, expression, known):
    # Variables stand for values.
    plain = re.sub(r"\$__\w+|\$\{?\w+\}?", "5m", expression)
    plain = re.sub(r"\[[^\]]*\]", "", plain)
    for name, labels in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", plain):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
            if name in known and label not in known[name] | ALWAYS:
                yield f"{where}: {name} has no label {label}"
    grouped = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", plain)
    everywhere = set().union(ALWAYS, *known.values())
    for label in re.findall(r"\w+", " ".join(grouped)):
        if label not in everywhere:
            yield f"{where}: no metric has a label {label}"
    plain = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)|\{[^}]*\}|\"[^\"]*\"", " ", plain)
    for name in re.findall(r"(?<![\w.:])[a-zA-Z_:][\w:]*", plain):
        if name not in known and name not in FUNCTIONS:
            yield f"{where}: nobody has {name}"


def main():
    expressions, recorded = rules()
    known = metrics() | EXPORTERS | dict.fromkeys(recorded, set())
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        expressions += list(queries(json.loads(path.read_text()), path.name))
    if len(metrics()) < 20 or len(expressions) < 40:
        sys.exit("the list of metrics, the rules or the dashboards were not understood")
    found = [problem for where, text in expressions for problem in problems(where, text, known)]
    print("\n".join(found) if found else f"{len(expressions)} expressions name what there is")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
