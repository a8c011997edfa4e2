"""The Pokédex: the list, a Pokémon's sheet, the moves and the chart of the types."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from predictiondex.dex import STATS, Detail, Learned, Move, Pokedex, Pokemon, Relative
from predictiondex.draw import charts, colours, parts
from predictiondex.draw.markup import Markup, Text, framed, join, picture, table, tag
from predictiondex.words import Language, Words, name, number, say

# The base stats of most Pokémon are below it; what exceeds it touches the rim.
STAT_RIM = 150
FACTOR_COLOURS = {0.0: "#3b4256", 0.25: "#9fb6e3", 0.5: "#c9d8f3", 1.0: "#ffffff", 2.0: "#f3b4b4", 4.0: "#d9484f"}


def listing(found: Sequence[Pokemon], pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """The Pokémon that were found; a name leads to its sheet."""
    common = words.common
    head = [common.name, words.dex.number, common.types, *(common.stats_short[stat] for stat in STATS), common.total]
    rows: Iterable[Sequence[Text]] = (
        [
            parts.link({"p": pokemon.slug, "lang": language}, name(pokemon.names, language)),
            f"{pokemon.species_id:03}",
            parts.types(pokemon.types, pokedex, language),
            *(str(value) for value in pokemon.stats),
            str(pokemon.total),
        ]
        for pokemon in found
    )
    return table(words.dex.found.format(count=len(found)), head, rows, numbers=range(3, 10))


def radar(pokemon: Pokemon, words: Words, language: Language) -> Markup:
    """The base stats as a polygon."""
    labels = [words.common.stats[stat] for stat in STATS]
    said = ", ".join(f"{label} {value}" for label, value in zip(labels, pokemon.stats, strict=True))
    svg = charts.radar(pokemon.stats, labels, STAT_RIM)
    return picture(svg, say(words.dex.radar, language, name=name(pokemon.names, language), stats=said))


def facts(pokemon: Pokemon, pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """Types, form and measures in a line."""
    height, weight = number(pokemon.height_dm / 10, 1, language), number(pokemon.weight_hg / 10, 1, language)
    form = words.common.forms.get(pokemon.form, pokemon.form)
    said = [
        f"{words.dex.number} {pokemon.species_id:03}",
        f"{words.dex.form} {form}",
        f"{words.dex.height} {height} m",
        f"{words.dex.weight} {weight} kg",
        f"{words.common.total} {pokemon.total}",
    ]
    # The battle is the screen without a path.
    battle = tag("a", words.dex.to_battle, href="./?" + urlencode({"a": pokemon.slug, "lang": language}))
    return join([parts.types(pokemon.types, pokedex, language), parts.note(" · ".join(said)), tag("p", battle, cls="pd-line")])


def weaknesses(found: Sequence[tuple[str, float]], pokedex: Pokedex, words: Words, language: Language, title: str) -> Markup:
    """What types do to a Pokémon, one row per factor."""
    factors = sorted({factor for _, factor in found if factor != 1.0}, reverse=True)
    if not factors:
        return parts.note(words.dex.plain)
    rows = [
        [parts.factor(factor, language), parts.types([slug for slug, of in found if of == factor], pokedex, language)]
        for factor in factors
    ]
    return table(title, [words.dex.factor, words.common.types], rows)


def line(detail: Detail, words: Words, language: Language) -> Markup:
    """What it evolves from and into."""
    return join(
        tag(
            "p",
            *_around(
                words.dex.evolves_to if relative.later else words.dex.evolves_from,
                parts.link({"p": relative.slug, "lang": language}, name(relative.names, language)),
            ),
            " ",
            _how(relative, words),
            cls="pd-line",
        )
        for relative in detail.relatives
    )


def learnset(pokemon: Pokemon, detail: Detail, pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """The moves it learns, and how."""
    text, common = words.dex, words.common
    rows: list[list[Text]] = []
    for learned in detail.learnset:
        move = pokedex.moves.get(learned.slug)
        rows.append(
            [
                name(learned.names, language),
                _level(learned, words),
                parts.types([move.type], pokedex, language) if move else common.none,
                parts.amount(move.power, words) if move else common.none,
            ]
        )
    caption = text.learnset.format(name=name(pokemon.names, language))
    return table(caption, [words.battle.move, text.how, common.type, common.power], rows, numbers=[3])


def moves(found: Sequence[Move], pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """The moves that were found."""
    common, text = words.common, words.dex
    head = [common.name, common.type, common.category, common.power, common.accuracy, common.pp, common.priority]
    rows: Iterable[Sequence[Text]] = (
        [
            _with_hits(move, words, language),
            parts.types([move.type], pokedex, language),
            common.categories.get(move.category, move.category),
            parts.amount(move.power, words),
            text.never_misses if move.accuracy is None else f"{move.accuracy} %",
            str(move.pp),
            f"{move.priority:+}" if move.priority else "0",
        ]
        for move in found
    )
    return table(text.moves_found.format(count=len(found)), head, rows, numbers=[3, 4, 5, 6])


def chart(factors: Mapping[tuple[str, str], float], pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """Each type against each other; the factor stands in the cell, one that is 1 is left out."""
    slugs = list(pokedex.types)
    names = [parts.type_name(slug, pokedex, language) for slug in slugs]
    head = tag("tr", tag("td"), *(tag("th", tag("span", text), scope="col") for text in names))
    rows = [
        tag(
            "tr",
            tag("th", parts.types([attack], pokedex, language), scope="row"),
            *(_factor(factors.get((attack, defend), 1.0), names[i], names[j], language) for j, defend in enumerate(slugs)),
        )
        for i, attack in enumerate(slugs)
    ]
    content = tag(
        "table",
        tag("thead", head),
        tag("tbody", *rows),
        cls="pd-table pd-grid pd-chart",
        aria_label=words.dex.chart,
    )
    return framed(content, words.dex.chart, whole=True)


def _factor(value: float, attack: str, defend: str, language: Language) -> Markup:
    colour = FACTOR_COLOURS.get(value, "#ffffff")
    text = "" if value == 1.0 else parts.factor(value, language).removeprefix("×")
    title = f"{attack} → {defend} : {parts.factor(value, language)}"
    return tag("td", text, title=title, style=f"background:{colour};color:{colours.ink_on(colour)}")


def _with_hits(move: Move, words: Words, language: Language) -> Markup:
    called = name(move.names, language)
    low, high = move.hits
    if high <= 1:
        return join([called])
    hits = words.dex.times.format(low=low, high=high) if low != high else f"×{low}"
    return join([called, " ", tag("span", hits, cls="pd-note")])


def _level(learned: Learned, words: Words) -> str:
    text = words.dex
    method = text.methods.get(learned.method, learned.method)
    match learned.level:
        case None:
            return method
        case 0:
            return f"{method} ({text.on_evolution})"
        case 1:
            return f"{method} 1 ({text.at_start})"
        case level:
            return f"{method} {level}"


def _how(relative: Relative, words: Words) -> str:
    text = words.dex
    if relative.item:
        return text.by_item.format(item=relative.item.replace("-", " "))
    if relative.min_level:
        return text.at_level.format(level=relative.min_level)
    if relative.friendship:
        return text.by_friendship
    return text.by_trade if relative.trigger == "trade" else text.by_level


def _around(template: str, middle: Markup) -> tuple[Text, Text, Text]:
    """A sentence with markup in the place of its name."""
    before, _, after = template.partition("{name}")
    return before, middle, after
