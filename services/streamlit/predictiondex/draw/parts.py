"""Small things that several pages show: types, badges, bars, links."""

from collections.abc import Sequence
from urllib.parse import urlencode

from predictiondex.dex import Move, Pokedex, Pokemon
from predictiondex.draw import colours
from predictiondex.draw.markup import Markup, Text, join, tag
from predictiondex.words import Language, Words, name, number


def types(slugs: Sequence[str], pokedex: Pokedex, language: Language) -> Markup:
    """Types as badges."""
    return join(
        tag(
            "span",
            type_name(slug, pokedex, language),
            cls="pd-type",
            style=f"background:{colours.TYPES.get(slug, colours.UNKNOWN)}",
        )
        for slug in slugs
    )


def type_name(slug: str, pokedex: Pokedex, language: Language) -> str:
    names = pokedex.types.get(slug)
    return name(names, language) if names else slug


def label(pokemon: Pokemon, language: Language) -> str:
    """A Pokémon as pickers show it: found by either of its names, and by its number."""
    own, other = name(pokemon.names, language), name(pokemon.names, "en" if language == "fr" else "fr")
    return f"{own} · n° {pokemon.species_id:03}" if own == other else f"{own} · {other} · n° {pokemon.species_id:03}"


def move_label(move: Move, pokedex: Pokedex, words: Words, language: Language) -> str:
    """A move as pickers show it."""
    strength = words.common.categories.get(move.category, move.category) if move.power is None else str(move.power)
    return f"{name(move.names, language)} · {type_name(move.type, pokedex, language)} · {strength}"


def amount(value: int | None, words: Words) -> str:
    """A number that may not exist."""
    return words.common.none if value is None else str(value)


def factor(value: float, language: Language) -> str:
    """A factor of types: ×2, ×½."""
    halves = {0.25: "¼", 0.5: "½"}
    return f"×{halves.get(value) or number(value, 0 if value == int(value) else 2, language)}"


def bar(share: float, text: Text) -> Markup:
    """A bar of a length, with its number behind it."""
    width = f"width:{min(max(share, 0.0), 1.0) * 5:.2f}rem"
    return tag("span", tag("span", cls="pd-fill", style=width, aria_hidden="true"), text, cls="pd-measure")


def link(address: dict[str, str], text: Text) -> Markup:
    """A link to this very page with other parameters."""
    return tag("a", text, href=f"?{urlencode(address)}")


def note(text: Text, *, center: bool = False) -> Markup:
    """A remark; what stands between backticks is code."""
    pieces = [text] if isinstance(text, Markup) else text.split("`")
    content = join(tag("code", piece) if i % 2 else piece for i, piece in enumerate(pieces))
    return tag("p", content, cls="pd-note pd-center" if center else "pd-note")


def state(text: Text, mood: str) -> Markup:
    """A word about how something stands; `mood` is good, bad or watch."""
    return tag("span", text, cls=f"pd-state pd-{mood}")
