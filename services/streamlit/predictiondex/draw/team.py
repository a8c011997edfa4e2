"""Two teams: the matrix of their odds as a heat map, and who should go first."""

from predictiondex.api import Team
from predictiondex.dex import Pokemon
from predictiondex.draw import colours, parts
from predictiondex.draw.markup import Markup, framed, join, tag
from predictiondex.words import Language, Words, name, percent


def lead(mine: tuple[Pokemon, ...], theirs: tuple[Pokemon, ...], team: Team, words: Words, language: Language) -> Markup:
    """Whom to send first, and whom to expect."""
    text = words.team
    first = name(mine[team.lead_a.index].names, language)
    other = name(theirs[team.lead_b.index].names, language)
    mean, worst = percent(team.lead_a.mean, language), percent(team.lead_a.worst, language)
    return tag(
        "div",
        tag("div", text.lead.format(name=first), cls="pd-verdict"),
        tag("div", text.lead_detail.format(mean=mean, worst=worst), cls="pd-center"),
        parts.note(text.lead_theirs.format(name=other, mean=percent(team.lead_b.mean, language)), center=True),
        parts.note(text.overall.format(share=percent(team.probability_a, language)), center=True),
        cls="pd-card",
    )


def matrix(mine: tuple[Pokemon, ...], theirs: tuple[Pokemon, ...], team: Team, words: Words, language: Language) -> Markup:
    """The heat map; a star marks the best counter to each opponent, which the last row names."""
    text = words.team
    best = [_best(team, column) for column in range(len(theirs))]
    head = tag(
        "tr",
        tag("td"),
        *(tag("th", name(pokemon.names, language), scope="col") for pokemon in theirs),
        tag("th", text.mean, scope="col"),
    )
    rows = []
    for row, pokemon in enumerate(mine):
        odds = team.matrix[row]
        cells = [_cell(share, language, star=best[column] == row) for column, share in enumerate(odds)]
        mean = sum(odds) / len(odds)
        rows.append(tag("tr", tag("th", name(pokemon.names, language), scope="row"), *cells, _cell(mean, language, star=False)))
    foot = tag(
        "tr",
        tag("th", text.counter, scope="row"),
        *(tag("td", name(mine[row].names, language)) for row in best),
        tag("td"),
    )
    content = tag(
        "table",
        tag("thead", head),
        tag("tbody", *rows),
        tag("tfoot", foot),
        cls="pd-table pd-grid",
        aria_label=text.matrix,
    )
    return join([framed(content, text.matrix, whole=True), parts.note(text.legend)])


def _best(team: Team, column: int) -> int:
    """The member that does best against an opponent; the first of several."""
    odds = [row[column] for row in team.matrix]
    return odds.index(max(odds))


def _cell(share: float, language: Language, *, star: bool) -> Markup:
    colour = colours.odds(share)
    text = f"{percent(share, language, 0)}{' ★' if star else ''}"
    return tag("td", text, style=f"background:{colour};color:{colours.ink_on(colour)}")
