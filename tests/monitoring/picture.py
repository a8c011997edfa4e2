"""A dashboard drawn from what Prometheus answers to its own queries: each panel in its place, with its unit, bounds and legend.
Drawn here and not by Grafana, so that a picture needs no Grafana and no browser."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from grafana import Range, legend, marks, query
from prometheus import Prometheus, Series

Json = dict[str, Any]

CELL, UNIT, GAP = 50, 30, 6
PALETTE = [
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff9830",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#96d98d",
    "#c0d8ff",
    "#ffb357",
    "#fa6400",
    "#ca95e5",
]
COLOURS = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "text": "#ccccdc",
    "transparent": "none",
}
BACK, PANEL, EDGE, FAINT, TEXT = "#111217", "#181b1f", "#2c3235", "#8e8e99", "#ccccdc"
# Lines of a legend that fit; the rest is counted.
LEGEND = 6


def draw(dashboard: Json, prometheus: Prometheus, shown: Range) -> str:
    """The dashboard as SVG."""
    height = 50 + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) * UNIT + GAP
    width = 24 * CELL + GAP
    when = f"{clock(shown.start)} to {clock(shown.end)} UTC"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Inter, Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="{BACK}"/>',
        text(14, 31, dashboard["title"], size=18, fill="#fff"),
        text(width - 14, 31, when, anchor="end", fill=FAINT),
    ]
    instants = marked(dashboard, prometheus, shown)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = Box(place["x"] * CELL + GAP, 50 + place["y"] * UNIT, place["w"] * CELL - GAP, place["h"] * UNIT - GAP)
        parts.append(f'<rect x="{box.x}" y="{box.y}" width="{box.w}" height="{box.h}" rx="2" fill="{PANEL}" stroke="{EDGE}"/>')
        parts.append(text(box.x + 8, box.y + 17, panel["title"], size=12, fill="#fff"))
        found = answers(dashboard, panel, prometheus, shown)
        inside = Box(box.x + 8, box.y + 26, box.w - 16, box.h - 32)
        parts += KINDS[panel["type"]](panel, found, inside, shown)
        if panel["type"] in ("timeseries", "heatmap"):
            parts += instants_on(instants, plot(panel, inside, found), shown)
    return "\n".join([*parts, "</svg>"]) + "\n"


class Box:
    """A rectangle of the picture."""

    def __init__(self, x: float, y: float, w: float, h: float) -> None:
        self.x, self.y, self.w, self.h = x, y, w, h

    def across(self, at: float, shown: Range) -> float:
        return self.x + self.w * (at - shown.start) / (shown.end - shown.start)


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def text(x: float, y: float, words: str, *, size: int = 11, fill: str = TEXT, anchor: str = "start") -> str:  # noqa: PLR0913
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'


def cut(words: str, width: float) -> str:
    """As many letters as fit."""
    most = max(3, int(width / 6))
    return words if len(words) <= most else words[: most - 1] + "…"


def answers(dashboard: Json, panel: Json, prometheus: Prometheus, shown: Range) -> list[tuple[str, Series]]:
    """(name, series) of all its queries, without what is not a number."""
    found = []
    for target in panel["targets"]:
        one = query(dashboard, panel, target)
        expression = shown.substitute(one.expression)
        series = prometheus.at(expression, shown.end) if one.instant else prometheus.over(expression, shown)
        found += [(legend(one.legend, each.labels) or panel["title"], each) for each in series]
    return found


def real(series: Series) -> list[tuple[float, float]]:
    return [(at, value) for at, value in series.points if math.isfinite(value)]


def marked(dashboard: Json, prometheus: Prometheus, shown: Range) -> list[tuple[float, str]]:
    """Instants of the dashboard's marks, with their colours."""
    colours = {mark["name"]: COLOURS[mark["iconColor"]] for mark in dashboard["annotations"]["list"] if not mark.get("builtIn")}
    found = []
    for mark in marks(dashboard):
        for one in prometheus.over(mark.expression, shown):
            first = one.points[0][0] if "* 1000" not in mark.expression else one.points[-1][1] / 1000
            found.append((first, colours[mark.panel]))
    return [(at, colour) for at, colour in found if shown.start < at < shown.end]


def instants_on(instants: list[tuple[float, str]], box: Box, shown: Range) -> list[str]:
    lines = []
    for at, colour in instants:
        x = box.across(at, shown)
        lines.append(
            f'<path d="M{x:.0f} {box.y:.0f}V{box.y + box.h:.0f}" stroke="{colour}" stroke-dasharray="3 3" opacity=".8"/>'
        )
        lines.append(f'<path d="M{x - 4:.0f} {box.y + box.h + 5:.0f}h8l-4 -6z" fill="{colour}"/>')
    return lines


SCALES = {
    "s": [(3600.0, "hours"), (60.0, "mins"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")],
    "bytes": [(1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B")],
}
WORDS = {"reqps": " req/s", "ops": " ops/s", "percentunit": " %"}


def spell(value: float, unit: str, decimals: int | None = None) -> str:
    """A number as Grafana writes it."""
    if not math.isfinite(value):
        return str(value)
    words = WORDS.get(unit, "")
    if unit == "percentunit":
        value *= 100
    elif unit in SCALES:
        small = [scale for scale in SCALES[unit] if scale[0] == 1 or value]
        least, name = next((scale for scale in small if abs(value) >= scale[0]), small[-1])
        value, words, decimals = value / least, f" {name}", None
    elif abs(value) >= 1e4:
        value, words, decimals = value / 1000, f" K{words}", 1
    return f"{value:.{digits(value) if decimals is None else decimals}f}{words}"


def digits(value: float) -> int:
    """Three that mean something."""
    if value == int(value):
        return 0
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3


def colour_of(value: float, defaults: Json) -> str:
    passed = [step["color"] for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return COLOURS[passed[-1]]


def mapped(value: float, defaults: Json) -> tuple[str, str] | None:
    """Word and colour that stand for a value."""
    for mapping in defaults["mappings"]:
        options = mapping["options"]
        if mapping["type"] == "special" and math.isnan(value):
            return options["result"]["text"], COLOURS[options["result"]["color"]]
        if mapping["type"] == "value" and f"{value:.0f}" in options:
            found = options[f"{value:.0f}"]
            return found["text"], COLOURS[found["color"]]
    return None


def stat(panel: Json, found: list[tuple[str, Series]], box: Box, shown: Range) -> list[str]:
    if not found:
        return [text(box.x + box.w / 2, box.y + box.h / 2, "No data", anchor="middle", fill=FAINT)]
    name, series = found[-1]
    defaults = panel["fieldConfig"]["defaults"]
    value = series.points[-1][1]
    words, colour = mapped(value, defaults) or (
        spell(value, defaults["unit"], defaults.get("decimals")),
        colour_of(value, defaults),
    )
    if panel["options"]["textMode"] == "name":
        words = name
    parts = []
    points = real(series)
    if panel["options"]["graphMode"] == "area" and len(points) > 1:
        low, high = min(v for _, v in points), max(v for _, v in points)
        inside = Box(box.x - 7, box.y + box.h * 0.55, box.w + 14, box.h * 0.45 + 5)

        def scale(value: float) -> float:
            return inside.y + inside.h - (inside.h - 3) * (value - low) / ((high - low) or 1)

        path = "L".join(f"{inside.across(at, shown):.0f} {scale(value):.0f}" for at, value in points)
        end = f"V{inside.y + inside.h:.0f}H{inside.across(points[0][0], shown):.0f}Z"
        parts.append(f'<path d="M{path}{end}" fill="{colour}" opacity=".18"/><path d="M{path}" fill="none" stroke="{colour}"/>')
    # A letter is about as wide as six tenths of its height.
    size = int(min(26, box.w / (0.6 * len(words))))
    return [*parts, text(box.x + box.w / 2, box.y + box.h * 0.5 + 4, words, size=size, fill=colour, anchor="middle")]


def plot(panel: Json, box: Box, found: list[tuple[str, Series]]) -> Box:
    """Where the lines of a panel are, beside its axis and above its legend."""
    rows = 0 if panel["type"] == "heatmap" else min(len(found), LEGEND) + (1 if found else 0)
    return Box(box.x + 56, box.y + 4, box.w - 60, box.h - 24 - 13 * rows)


def axis(low: float, high: float, box: Box, unit: str) -> list[str]:
    parts = []
    rough = (high - low) / 4
    power = 10 ** math.floor(math.log10(rough))
    if unit == "bytes":
        power = 2 ** math.floor(math.log2(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    tick = math.ceil(low / step) * step
    while tick <= high * 1.0001:
        y = box.y + box.h - box.h * (tick - low) / (high - low)
        parts.append(f'<path d="M{box.x:.0f} {y:.1f}h{box.w:.0f}" stroke="{EDGE}"/>')
        parts.append(text(box.x - 5, y + 4, spell(round(tick, 12), unit), anchor="end", fill=FAINT, size=10))
        tick += step
    return parts


def times(box: Box, shown: Range) -> list[str]:
    ticks = 4 if box.w > 250 else 2
    instants = [shown.start + (shown.end - shown.start) * (number + 0.5) / ticks for number in range(ticks)]
    return [text(box.across(at, shown), box.y + box.h + 15, clock(at), anchor="middle", fill=FAINT, size=10) for at in instants]


def timeseries(panel: Json, found: list[tuple[str, Series]], box: Box, shown: Range) -> list[str]:
    defaults = panel["fieldConfig"]["defaults"]
    inside = plot(panel, box, found)
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    below: dict[float, float] = {}
    drawn = []
    for name, series in found:
        points = real(series)
        floor = [below.get(at, 0.0) for at, _ in points] if stacked else [0.0] * len(points)
        points = [(at, value + under) for (at, value), under in zip(points, floor, strict=True)]
        below.update(points)
        drawn.append((name, series, points, floor))
    highest = max([value for _, _, points, _ in drawn for _, value in points], default=0) or 1
    bounds = [step for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    high = min(highest * 1.08, float(defaults.get("max", math.inf)))
    parts = axis(0, high, inside, defaults["unit"]) + times(inside, shown)

    def height(value: float) -> float:
        return inside.y + inside.h * (1 - value / high)

    for number, (_, _, points, floor) in enumerate(drawn):
        colour = PALETTE[number % len(PALETTE)]
        for run in stretches(list(zip(points, floor, strict=True)), shown):
            line = "L".join(f"{inside.across(at, shown):.0f} {height(value):.1f}" for (at, value), _ in run)
            back = "L".join(f"{inside.across(at, shown):.0f} {height(under):.1f}" for (at, _), under in reversed(run))
            fill = f'<path d="M{line}L{back}Z" fill="{colour}" opacity="{defaults["custom"]["fillOpacity"] / 100}"/>'
            parts += [fill, f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.3"/>']
    for bound in bounds:
        if bound["value"] <= high and defaults["custom"]["thresholdsStyle"]["mode"] == "dashed":
            y = height(bound["value"])
            parts.append(
                f'<path d="M{inside.x} {y:.1f}h{inside.w}" stroke="{COLOURS[bound["color"]]}" stroke-dasharray="8 5"/>'
            )
    return parts + legends(drawn, inside, box, defaults["unit"])


def stretches(points: list[Any], shown: Range) -> list[list[Any]]:
    """Cut where samples are missing: a line through a gap would tell of what nobody saw."""
    runs: list[list[Any]] = []
    for point in points:
        if not runs or point[0][0] - runs[-1][-1][0][0] > 1.5 * shown.interval:
            runs.append([])
        runs[-1].append(point)
    return runs


def legends(drawn: list[Any], inside: Box, box: Box, unit: str) -> list[str]:
    """A table of names with mean and maximum, the largest first."""
    if not drawn:
        return [text(box.x + box.w / 2, box.y + box.h / 2, "No data", anchor="middle", fill=FAINT)]
    y = inside.y + inside.h + 29
    right, middle = box.x + box.w - 4, box.x + box.w - 78
    parts = [
        text(middle, y, "Mean", anchor="end", fill=FAINT, size=10),
        text(right, y, "Max", anchor="end", fill=FAINT, size=10),
    ]
    rows = []
    for number, (name, series, _, _) in enumerate(drawn):
        values = [value for _, value in real(series)] or [math.nan]
        rows.append((max(values), sum(values) / len(values), name, PALETTE[number % len(PALETTE)]))
    kept = rows if len(rows) <= LEGEND else sorted(rows, key=lambda row: -row[1])[: LEGEND - 1]
    for most, mean, name, colour in kept:
        y += 13
        parts.append(f'<rect x="{box.x + 2:.0f}" y="{y - 6:.0f}" width="12" height="3" fill="{colour}"/>')
        parts.append(text(box.x + 20, y, cut(name, middle - box.x - 75), size=10))
        parts.append(text(middle, y, spell(mean, unit), anchor="end", size=10))
        parts.append(text(right, y, spell(most, unit), anchor="end", size=10))
    if len(kept) < len(rows):
        parts.append(text(box.x + 20, y + 13, f"and {len(rows) - len(kept)} more", size=10, fill=FAINT))
    return parts


def bargauge(panel: Json, found: list[tuple[str, Series]], box: Box, _shown: Range) -> list[str]:
    defaults = panel["fieldConfig"]["defaults"]
    values = [(name, series.points[-1][1]) for name, series in found]
    most = max((value for _, value in values), default=1) or 1
    pitch = min(24.0, box.h / max(len(values), 1))
    parts = []
    for number, (name, value) in enumerate(values):
        y = box.y + number * pitch
        fixed = defaults["color"].get("fixedColor")
        colour = COLOURS[fixed] if fixed else colour_of(value, defaults)
        left, room = box.x + 118, box.w - 118 - 56
        parts.append(text(left - 6, y + pitch * 0.68, cut(name, 112), anchor="end", size=10))
        parts.append(f'<rect x="{left:.0f}" y="{y:.1f}" width="{room:.0f}" height="{pitch - 3:.1f}" fill="#22252b"/>')
        parts.append(
            f'<rect x="{left:.0f}" y="{y:.1f}" width="{room * value / most:.0f}" height="{pitch - 3:.1f}" fill="{colour}"/>'
        )
        words = spell(value, defaults["unit"], defaults["decimals"])
        parts.append(text(box.x + box.w, y + pitch * 0.68, words, anchor="end", fill=colour, size=10))
    return parts


def heatmap(panel: Json, found: list[tuple[str, Series]], box: Box, shown: Range) -> list[str]:
    """Buckets count all below their bound: what is between two bounds is their difference."""
    inside = plot(panel, box, found)
    ordered = sorted(found, key=lambda one: float(one[0]))
    cells: list[tuple[str, dict[float, float]]] = []
    under: dict[float, float] = {}
    for name, series in ordered:
        here = dict(real(series))
        cells.append((name, {at: max(0.0, value - under.get(at, 0.0)) for at, value in here.items()}))
        under = here
    most = max((value for _, row in cells for value in row.values()), default=1) or 1
    tall, wide = inside.h / max(len(cells), 1), inside.w * shown.interval / (shown.end - shown.start)
    parts = times(inside, shown)
    for number, (name, row) in enumerate(cells):
        y = inside.y + inside.h - (number + 1) * tall
        bound = "100 %" if name == "+Inf" else f"{100 * float(name):.0f} %"
        parts.append(text(inside.x - 5, y + tall * 0.7, bound, anchor="end", fill=FAINT, size=10))
        for at, value in row.items():
            if value > 0:
                x = inside.across(at, shown) - wide
                shade = f'opacity="{0.15 + 0.85 * math.sqrt(value / most):.2f}"'
                place = f'x="{max(x, inside.x):.0f}" y="{y:.0f}" width="{wide:.1f}" height="{tall - 1:.0f}"'
                parts.append(f'<rect {place} fill="#ff9830" {shade}/>')
    return parts


def timeline(panel: Json, found: list[tuple[str, Series]], box: Box, shown: Range) -> list[str]:
    defaults = panel["fieldConfig"]["defaults"]
    inside = Box(box.x + 150, box.y, box.w - 156, box.h - 20)
    pitch = min(34.0, inside.h / max(len(found), 1))
    parts = times(Box(inside.x, inside.y, inside.w, max(pitch * len(found), 1)), shown)
    for number, (name, series) in enumerate(found):
        y = inside.y + number * pitch
        parts.append(text(inside.x - 8, y + pitch * 0.6, cut(name, 140), anchor="end"))
        run: list[tuple[float, float]] = []
        for at, value in [*series.points, (shown.end, math.nan)]:
            if run and (value != run[-1][1] or at - run[-1][0] > 1.5 * shown.interval):
                word, colour = mapped(run[0][1], defaults) or ("", EDGE)
                left, right = inside.across(run[0][0], shown), inside.across(min(run[-1][0] + shown.interval, shown.end), shown)
                place = f'x="{left:.0f}" y="{y:.0f}" width="{max(right - left, 1):.0f}" height="{pitch - 5:.0f}"'
                parts.append(f'<rect {place} fill="{colour}" opacity=".75"/>')
                if right - left > 50:
                    parts.append(text(left + 5, y + pitch * 0.58, word, fill="#fff", size=10))
                run = []
            run.append((at, value))
    return parts


KINDS: dict[str, Callable[[Json, list[tuple[str, Series]], Box, Range], list[str]]] = {
    "stat": stat,
    "timeseries": timeseries,
    "bargauge": bargauge,
    "heatmap": heatmap,
    "state-timeline": timeline,
}
