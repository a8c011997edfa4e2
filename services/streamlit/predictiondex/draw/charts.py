"""Charts as SVG, drawn for the width of a phone and stretched beyond it by one and a half at most."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from predictiondex.draw import colours
from predictiondex.draw.markup import Markup
from predictiondex.prometheus import Points

WIDTH = 360
# Numbers on an axis are about as wide as this.
LEFT = 46
PLAIN = f'font-size="11" fill="{colours.MUTED}"'
STRONG = f'font-size="13" font-weight="700" fill="{colours.INK}"'


@dataclass(frozen=True)
class Line:
    """One line of a chart; `dash` tells it apart for who sees no colours."""

    points: Points
    colour: str
    dash: str = ""


def lines(
    drawn: Sequence[Line], span: tuple[float, float], top: float, write: Callable[[float], str], at: Sequence[str]
) -> Markup:
    """Lines over time, from nought to `top`; `at` are the words at the beginning, the middle and the end."""
    height, above, below = 170, 10, 22
    start, end = span

    def x(instant: float) -> float:
        return LEFT + (WIDTH - LEFT - 8) * (instant - start) / max(end - start, 1e-9)

    def y(value: float) -> float:
        return above + (height - above - below) * (1 - min(max(value / top, 0.0), 1.0))

    parts = [_grid([(y(value), write(value)) for value in (0.0, top / 2, top)])]
    anchors = ("start", "middle", "end")
    for word, instant, anchor in zip(at, (start, (start + end) / 2, end), anchors, strict=True):
        parts.append(_text(x(instant), height - 6, word, anchor))
    for line in drawn:
        for run in _runs(line.points, 4 * (end - start) / 120):
            path = " ".join(f"{x(instant):.1f},{y(value):.1f}" for instant, value in run)
            dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="1.8" '
                f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
            )
    return _svg(WIDTH, height, parts)


def radar(values: Sequence[int], names: Sequence[str], most: float) -> Markup:
    """A polygon with a corner for each value, out of `most`."""
    size, middle, down_to, radius = WIDTH, WIDTH / 2, 150, 96
    corners = [math.radians(360 * i / len(values) - 90) for i in range(len(values))]

    def at(angle: float, share: float) -> str:
        return f"{middle + radius * share * math.cos(angle):.1f},{down_to + radius * share * math.sin(angle):.1f}"

    parts = []
    for share in (0.25, 0.5, 0.75, 1.0):
        ring = " ".join(at(angle, share) for angle in corners)
        parts.append(f'<polygon points="{ring}" fill="none" stroke="{colours.LINES}"/>')
    spokes = "".join(f"M{middle},{down_to}L{at(angle, 1)}" for angle in corners)
    parts.append(f'<path d="{spokes}" stroke="{colours.LINES}" fill="none"/>')
    shape = " ".join(at(angle, min(value / most, 1.0)) for angle, value in zip(corners, values, strict=True))
    parts.append(f'<polygon points="{shape}" fill="{colours.RED}" fill-opacity=".22" stroke="{colours.RED}" stroke-width="2"/>')
    for angle, value, name in zip(corners, values, names, strict=True):
        across, down = math.cos(angle), math.sin(angle)
        anchor = "middle" if abs(across) < 0.1 else "start" if across > 0 else "end"
        x = middle + (radius + 10) * across
        y = down_to + (radius + 16) * down
        parts.append(_text(x, y, name, anchor))
        parts.append(_text(x, y + 15, str(value), anchor, STRONG))
    return _svg(size, 2 * down_to, parts)


def scatter(curves: Sequence[Line], axes: tuple[str, str], write: Callable[[float], str]) -> Markup:
    """Shares against shares with the diagonal between them; a point is as `Line` has it."""
    size, above, below, left = 320, 10, 44, 58

    def x(value: float) -> float:
        return left + (WIDTH - left - 20) * value

    def y(value: float) -> float:
        return above + (size - above - below) * (1 - value)

    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    parts = [_grid([(y(value), write(value)) for value in ticks], left)]
    parts += [_text(x(value), size - 26, write(value), "middle") for value in ticks]
    parts.append(_text((left + WIDTH) / 2, size - 8, axes[0], "middle"))
    parts.append(
        f'<text transform="translate(12,{(size - below) / 2 + above}) rotate(-90)" text-anchor="middle" font-size="11" '
        f'fill="{colours.MUTED}">{escape(axes[1])}</text>'
    )
    parts.append(f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="{colours.MUTED}" stroke-dasharray="4 4"/>')
    for curve in curves:
        path = " ".join(f"{x(px):.1f},{y(py):.1f}" for px, py in curve.points)
        dash = f' stroke-dasharray="{curve.dash}"' if curve.dash else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="2"{dash}/>')
        parts += [f'<circle cx="{x(px):.1f}" cy="{y(py):.1f}" r="3.5" fill="{curve.colour}"/>' for px, py in curve.points]
    return _svg(WIDTH, size, parts)


def nice_top(most: float, least: float) -> float:
    """A round number at or above `most`, and at least `least`: where an axis ends."""
    most = max(most, least)
    magnitude = 10.0 ** math.floor(math.log10(most))
    return next(step * magnitude for step in (1.0, 2.0, 4.0, 5.0, 10.0) if step * magnitude >= most * (1 - 1e-9))


def _runs(points: Points, gap: float) -> list[list[tuple[float, float]]]:
    """The points in runs, cut where nothing was seen for `gap`."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] <= gap:
            runs[-1].append(point)
        else:
            runs.append([point])
    # A run of one point would be invisible.
    return [run * 2 if len(run) == 1 else run for run in runs]


def _grid(ticks: Sequence[tuple[float, str]], left: float = LEFT) -> str:
    return "".join(
        f'<line x1="{left}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colours.LINES}"/>'
        + _text(left - 6, y + 4, word, "end")
        for y, word in ticks
    )


def _text(x: float, y: float, text: str, anchor: str, style: str = PLAIN) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(text)}</text>'


def _svg(width: int, height: int, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="Source Sans Pro, Source Sans 3, system-ui, Segoe UI, Roboto, Arial, sans-serif">{"".join(parts)}</svg>'
    )
