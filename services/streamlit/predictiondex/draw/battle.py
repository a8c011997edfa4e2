"""A battle: the odds, why they are so, which move to open with, and what battles that were fought say."""

from collections.abc import Sequence

from predictiondex.api import Explanation, Prediction, RankedMove, Reason, Simulation
from predictiondex.dex import Pokedex, Pokemon
from predictiondex.draw import colours, parts
from predictiondex.draw.markup import Markup, Text, join, table, tag
from predictiondex.words import Language, Words, name, number, percent, say

Pair = tuple[Pokemon, Pokemon]


def odds(pair: Pair, prediction: Prediction, pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """The prediction: who is ahead, the two odds, the bar between them and each one's best move."""
    shares = (prediction.probability_a, prediction.probability_b)
    names = [name(pokemon.names, language) for pokemon in pair]
    written = [percent(share, language) for share in shares]
    sides = join(
        tag("div", tag("div", called, cls="pd-name"), tag("div", share, cls=f"pd-odds pd-{side}"), cls="pd-side")
        for side, called, share in zip("ab", names, written, strict=True)
    )
    best = join(
        tag(
            "div",
            words.battle.best_move,
            Markup("<br>"),
            tag("b", _move(move, pokedex, words, language)),
            cls="pd-side pd-move",
        )
        for move in (prediction.best_move_a, prediction.best_move_b)
    )
    bar = words.battle.bar.format(a=names[0], share_a=written[0], b=names[1], share_b=written[1])
    model = words.battle.model.format(name=prediction.model, version=prediction.version)
    card = tag(
        "div",
        tag("div", _verdict(pair, shares, words, language), cls="pd-verdict"),
        tag("div", sides, cls="pd-sides"),
        tag("div", tag("div", style=f"width:{shares[0] * 100:.2f}%"), cls="pd-bar", role="img", aria_label=bar),
        tag("div", best, cls="pd-sides"),
        cls="pd-card",
    )
    return join([card, parts.note(model, center=True)])


def reasons(pair: Pair, explanation: Explanation, words: Words, language: Language) -> Markup:
    """What each feature adds to the odds, on a scale with nought in the middle."""
    text = words.battle
    names = (name(pair[0].names, language), name(pair[1].names, language))
    if not explanation.reasons:
        return parts.note(text.no_reason)
    most = max(abs(reason.log_odds) for reason in (*explanation.reasons, Reason("", 0.0, explanation.rest)))
    rows: list[list[Text]] = [
        [
            feature(reason.feature, names, words),
            number(reason.value, 0 if reason.value == int(reason.value) else 2, language),
            _effect(reason.log_odds, most, names, words, language),
        ]
        for reason in explanation.reasons
    ]
    rows.append([text.rest, "", _effect(explanation.rest, most, names, words, language)])
    caption = text.reasons.format(a=names[0], b=names[1])
    return join([table(caption, [text.reason, text.value, text.effect], rows, numbers=[1]), parts.note(text.reasons_help)])


def feature(code: str, names: tuple[str, str], words: Words) -> str:
    """A feature in words, with whose it is; the code where there are none."""
    for prefix, owner in zip(("a_", "b_"), names, strict=True):
        if code.startswith(prefix) and code[2:] in words.features:
            return f"{words.features[code[2:]]} – {owner}"
    return words.features.get(code, code)


def ranking(pair: Pair, moves: Sequence[RankedMove], pokedex: Pokedex, words: Words, language: Language) -> Markup:
    """The moves of the first of the pair against the second, the best first."""
    text = words.battle
    a, b = (name(pokemon.names, language) for pokemon in pair)
    if not moves:
        return parts.note(text.no_attack.format(name=a))
    rows = [
        [
            name(move.names, language),
            parts.bar(move.probability, percent(move.probability, language)),
            parts.types([move.type], pokedex, language),
            _damage(move, language),
            percent(move.accuracy, language, 0),
            parts.factor(move.effectiveness, language) + (" ✦" if move.same_type else ""),
        ]
        for move in moves
    ]
    head = [text.move, text.odds, words.common.type, text.damage, text.hits, text.effectiveness]
    notes = f"{say(text.ranking_help, language, a=a, b=b, hp=moves[0].foe_hp)} ✦ {text.same_type}."
    return join([table(say(text.ranking, language, a=a, b=b), head, rows, numbers=[3, 4, 5]), parts.note(notes)])


def fought(pair: Pair, simulation: Simulation, prediction: Prediction, words: Words, language: Language) -> Markup:
    """The model's odds beside those of battles that were fought."""
    text = words.battle
    a, b = (name(pokemon.names, language) for pokemon in pair)
    low, high = percent(simulation.low, language), percent(simulation.high, language)
    share = prediction.probability_a
    inside = simulation.low <= share <= simulation.high
    away = number(abs(share - simulation.probability_a) * 100, 1, language)
    simulated = percent(simulation.probability_a, language)
    content = [
        _rule(text.by_model.format(name=a, share=percent(share, language)), share, None),
        _rule(
            text.by_battles.format(name=a, share=simulated, low=low, high=high),
            simulation.probability_a,
            (simulation.low, simulation.high),
        ),
        parts.note(
            text.fought.format(battles=number(simulation.battles, 0, language), draws=simulation.draws, a=a, b=b)
            + " "
            + (text.agrees if inside else text.differs.format(points=away))
        ),
    ]
    return tag("div", *content, cls="pd-card")


def _rule(text: str, share: float, interval: tuple[float, float] | None) -> Markup:
    """A share on a rule from nought to all, with the interval it lies in."""
    drawn = [tag("div", style=f"left:0;width:{share * 100:.2f}%;background:{colours.RED}")]
    if interval:
        low, high = interval
        width = max((high - low) * 100, 0.6)
        place = f"left:{low * 100:.2f}%;width:{width:.2f}%;"
        drawn.append(tag("div", style=f"{place}background:rgba(255,255,255,.55);border:2px solid {colours.INK}"))
    return join([tag("div", text, cls="pd-name"), tag("div", *drawn, cls="pd-rule", aria_hidden="true")])


def _effect(log_odds: float, most: float, names: tuple[str, str], words: Words, language: Language) -> Markup:
    width = abs(log_odds) / most * 50 if most else 0.0
    first = log_odds > 0
    style = f"{'left' if first else 'right'}:50%;width:{width:.1f}%;background:{colours.RED if first else colours.BLUE}"
    favours = words.battle.favours.format(name=names[0 if first else 1]) if log_odds else words.common.none
    shown = number(abs(log_odds), 2, language)
    return tag(
        "div",
        tag("div", tag("div", style=style), cls="pd-scale", aria_hidden="true"),
        tag("span", f"{shown} {favours}" if log_odds else favours),
        cls="pd-effect",
    )


def _damage(move: RankedMove, language: Language) -> str:
    low, mean, high = (damage / max(move.foe_hp, 1) for damage in move.damage)
    if low == high:
        return percent_plain(mean, language)
    return f"{percent_plain(low, language)} – {percent_plain(high, language)}"


def percent_plain(share: float, language: Language) -> str:
    """A share that may exceed the whole, without decimals."""
    return f"{number(share * 100, 0, language)} %" if language == "fr" else f"{number(share * 100, 0, language)}%"


def _verdict(pair: Pair, shares: tuple[float, float], words: Words, language: Language) -> str:
    if pair[0] == pair[1]:
        return words.battle.same
    if shares[0] == shares[1]:
        return words.battle.even
    favourite = pair[0] if shares[0] > shares[1] else pair[1]
    return words.battle.winner.format(name=name(favourite.names, language))


def _move(move: str | None, pokedex: Pokedex, words: Words, language: Language) -> str:
    if move is None:
        return words.battle.no_move
    known = pokedex.move_named(move)
    return name(known.names, language) if known else move
