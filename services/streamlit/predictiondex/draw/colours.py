"""Colours and how well they can be read: text on them has a contrast of at least 4.5 to 1 (WCAG AA)."""

RED = "#b3101d"
BLUE = "#1a56ad"
INK = "#1d2433"
PAPER = "#ffffff"
MUTED = "#566074"
LINES = "#d9dde5"
GREEN = "#17713a"
AMBER = "#8a5a00"

TYPES = {
    "normal": "#6f6f54",
    "fighting": "#a92a25",
    "flying": "#6b5ac4",
    "poison": "#8a3383",
    "ground": "#85682a",
    "rock": "#7a6a24",
    "bug": "#616d10",
    "ghost": "#5f4c83",
    "steel": "#63637d",
    "fire": "#b84d0e",
    "water": "#2f5fc4",
    "grass": "#37772a",
    "electric": "#866700",
    "psychic": "#c32a5a",
    "ice": "#27706f",
    "dragon": "#5a2fe0",
    "dark": "#5a473a",
    "fairy": "#a8466a",
}
UNKNOWN = "#5b6474"

# The chart of odds: lost, even, won.
_LOST, _EVEN, _WON = (26, 86, 173), (247, 247, 250), (179, 16, 29)


def odds(share: float) -> str:
    """The colour of odds: blue below one half, red above, pale around it."""
    distance = min(abs(share - 0.5) * 2, 1.0)
    end = _WON if share > 0.5 else _LOST
    mixed = (round(even + (full - even) * distance) for even, full in zip(_EVEN, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def ink_on(colour: str) -> str:
    """Black or white text, whichever can be read better: one of them always can, which holds for no dark grey."""
    return max(("#000000", PAPER), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG defines it, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
