"""What Prometheus saw: which services answer, which alerts fire, and lines over time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from predictiondex.draw import charts, colours, parts
from predictiondex.draw.markup import Markup, join, picture, tag
from predictiondex.prometheus import Watch
from predictiondex.words import Language, Words, number, percent

Write = Callable[[float, Language], str]
STYLES = ((colours.BLUE, ""), (colours.RED, "6 3"), (colours.GREEN, "1 4"))


BORDERS = {"": "solid", "6 3": "dashed", "1 4": "dotted"}


def rate(value: float, language: Language) -> str:
    return number(value, 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2, language)


def seconds(value: float, language: Language) -> str:
    """A duration in the unit in which it has one to three digits."""
    if value == 0:
        return "0 s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size or unit == "µs":
            scaled = value / size
            return f"{number(scaled, 0 if scaled >= 10 else 1, language)} {unit}"
    raise AssertionError("the last unit takes what is left")


def share(value: float, language: Language) -> str:
    return percent(value, language, 0 if value >= 0.1 or value == 0 else 1)


def cores(value: float, language: Language) -> str:
    return number(value, 2, language)


def memory(value: float, language: Language) -> str:
    return f"{number(value / 1e6, 0, language)} {'Mo' if language == 'fr' else 'MB'}"


@dataclass(frozen=True)
class Chart:
    """Which lines a chart has, how they are written, where its axis ends at least."""

    name: str
    lines: tuple[str, ...]
    write: Write
    least: float
    most: float | None = None


CHARTS = (
    Chart("traffic", ("requests", "predictions"), rate, 1.0),
    Chart("errors", ("errors_4xx", "errors_5xx"), share, 0.05, 1.0),
    Chart("latency", ("latency_p50", "latency_p95", "latency_p99"), seconds, 1e-3),
    Chart("model", ("model_p50", "model_p99"), seconds, 1e-5),
    Chart("confidence", ("confidence",), share, 1.0, 1.0),
    Chart("cpu", ("cpu_api", "cpu_machine"), cores, 1.0),
    Chart("memory_api", ("memory_api",), memory, 1e7),
    Chart("memory", ("memory_machine",), share, 1.0, 1.0),
)


def states(watch: Watch, words: Words) -> Markup:
    """Which services answer, and which alerts fire; in words, not by colour alone."""
    text = words.watching
    up = [
        parts.state(f"{'✓' if answers else '✗'} {job} {text.up if answers else text.down}", "good" if answers else "bad")
        for job, answers in sorted(watch.up.items())
    ]
    alerts = [
        parts.state(f"! {alert.name} ({alert.severity})", "bad" if alert.severity == "critical" else "watch")
        for alert in watch.alerts
    ] or [parts.state(f"✓ {text.no_alert}", "good")]
    return tag(
        "div", tag("div", *up, aria_label=text.targets, role="group"), tag("div", *alerts, aria_label=text.alerts, role="group")
    )


def figures(watch: Watch, words: Words, language: Language, offset: timedelta) -> Markup:
    """All charts; `offset` is that of the visitor's clock from UTC."""
    return tag("div", *(_figure(chart, watch, words, language, offset) for chart in CHARTS), cls="pd-figures")


def clock(instant: float, offset: timedelta, *, exact: bool = False) -> str:
    """The time on the visitor's clock."""
    return (datetime.fromtimestamp(instant, UTC) + offset).strftime("%H:%M:%S" if exact else "%H:%M")


def _figure(chart: Chart, watch: Watch, words: Words, language: Language, offset: timedelta) -> Markup:
    text = words.watching
    title = text.charts[chart.name]
    found = [(name, watch.series.get(name, ()), style) for name, style in zip(chart.lines, STYLES, strict=False)]
    values = [value for _, points, _ in found for _, value in points]
    if not values:
        return tag("div", tag("h3", title), parts.note(text.no_data), cls="pd-figure")
    top = charts.nice_top(max(values), chart.least)
    if chart.most is not None:
        top = min(top, chart.most)
    at = [clock(instant, offset) for instant in (watch.start, (watch.start + watch.end) / 2, watch.end)]
    drawn = [charts.Line(points, colour, dash) for _, points, (colour, dash) in found]
    svg = charts.lines(drawn, (watch.start, watch.end), top, lambda value: chart.write(value, language), at)
    said, legend = [], []
    for name, points, (colour, dash) in found:
        if not points:
            continue
        now, most = (chart.write(value, language) for value in (points[-1][1], max(value for _, value in points)))
        said.append(f"{text.lines[name]}: {text.now} {now}, {text.most} {most}")
        legend.append(_legend(text.lines[name], now, colour, dash))
    alternative = f"{title}, {at[0]}–{at[2]}. {'; '.join(said)}."
    return tag("div", tag("h3", title), picture(svg, alternative), tag("div", *legend, cls="pd-legend"), cls="pd-figure")


def _legend(called: str, now: str, colour: str, dash: str) -> Markup:
    style = f"border-top-color:{colour};border-top-style:{BORDERS[dash]}"
    return tag("span", tag("span", cls="pd-key", style=style, aria_hidden="true"), join([called, " ", tag("b", now)]))
