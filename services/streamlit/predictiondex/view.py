"""The page's pictures as HTML: plain functions from data to text. Names are escaped, whoever sent them."""

from html import escape

from predictiondex.api import Pokedex, Pokemon, Prediction
from predictiondex.words import Language, Words, name, percent

STYLE = """<style>
.block-container, [data-testid="stMainBlockContainer"] { max-width: 46rem; padding-top: 3rem; }
.pd-card { border: 1px solid #e3e5ea; border-radius: 14px; padding: 1.1rem 1.3rem 1.2rem; background: #fff;
  box-shadow: 0 1px 4px rgba(20, 24, 40, .07); }
.pd-verdict { text-align: center; font-size: 1.35rem; font-weight: 700; margin-bottom: .9rem; color: #1d2433; }
.pd-sides { display: flex; justify-content: space-between; gap: 1rem; }
.pd-side:last-child { text-align: right; }
.pd-name { font-weight: 650; font-size: 1.05rem; color: #1d2433; }
.pd-odds { font-size: 2rem; font-weight: 750; line-height: 1.25; font-variant-numeric: tabular-nums; }
.pd-a { color: #c1121f; } .pd-b { color: #1d5fbf; }
.pd-bar { display: flex; height: 18px; border-radius: 9px; overflow: hidden; background: #1d5fbf; margin: .55rem 0 .9rem; }
.pd-bar > div { background: #c1121f; border-right: 3px solid #fff; }
.pd-move { color: #4a5468; font-size: .92rem; } .pd-move b { color: #1d2433; }
.pd-type { display: inline-block; color: #fff; font-size: .74rem; font-weight: 650; border-radius: 6px; padding: .08rem .5rem;
  margin: .1rem .25rem .1rem 0; text-shadow: 0 1px 1px rgba(0, 0, 0, .35); }
.pd-model { color: #6b7487; font-size: .8rem; text-align: center; margin-top: .7rem; }
</style>"""

TYPE_COLOURS = {
    "normal": "#8a8a6a",
    "fighting": "#b5302a",
    "flying": "#7f6fd6",
    "poison": "#92378f",
    "ground": "#a9893f",
    "rock": "#93802f",
    "bug": "#7c8a18",
    "ghost": "#5f4c83",
    "steel": "#74748f",
    "fire": "#d8651c",
    "water": "#3d6fd9",
    "grass": "#4b9a34",
    "electric": "#b58f00",
    "psychic": "#d93d6e",
    "ice": "#3f9a9a",
    "dragon": "#5a2fe0",
    "dark": "#5a473a",
    "fairy": "#c4617b",
}
UNKNOWN_COLOUR = "#667085"


def types(pokemon: Pokemon, pokedex: Pokedex, language: Language) -> str:
    """The types of a Pokémon as badges."""
    badges = []
    for slug in pokemon.types:
        names = pokedex.types.get(slug)
        text = name(names, language) if names else slug
        colour = TYPE_COLOURS.get(slug, UNKNOWN_COLOUR)
        badges.append(f'<span class="pd-type" style="background:{colour}">{escape(text)}</span>')
    return "".join(badges)


def battle(pair: tuple[Pokemon, Pokemon], prediction: Prediction, pokedex: Pokedex, words: Words, language: Language) -> str:
    """The prediction: who is ahead, the two odds, the bar between them and each one's best move."""
    shares = (prediction.probability_a, prediction.probability_b)
    moves = (prediction.best_move_a, prediction.best_move_b)
    sides = "".join(
        f'<div class="pd-side"><div class="pd-name">{escape(name(pokemon.names, language))}</div>'
        f'<div class="pd-odds pd-{side}">{percent(share, language)}</div></div>'
        for side, pokemon, share in zip("ab", pair, shares, strict=True)
    )
    best = "".join(
        f'<div class="pd-side pd-move">{words.best_move}<br><b>{escape(_move(move, pokedex, words, language))}</b></div>'
        for move in moves
    )
    model = words.model.format(name=prediction.model, version=prediction.version)
    return (
        f'<div class="pd-card"><div class="pd-verdict">{escape(_verdict(pair, shares, words, language))}</div>'
        f'<div class="pd-sides">{sides}</div>'
        f'<div class="pd-bar"><div style="width:{shares[0] * 100:.2f}%"></div></div>'
        f'<div class="pd-sides">{best}</div></div><div class="pd-model">{escape(model)}</div>'
    )


def _verdict(pair: tuple[Pokemon, Pokemon], shares: tuple[float, float], words: Words, language: Language) -> str:
    if pair[0] == pair[1]:
        return words.same
    if shares[0] == shares[1]:
        return words.even
    favourite = pair[0] if shares[0] > shares[1] else pair[1]
    return words.winner.format(name=name(favourite.names, language))


def _move(move: str | None, pokedex: Pokedex, words: Words, language: Language) -> str:
    if move is None:
        return words.no_move
    names = pokedex.moves.get(move)
    return name(names, language) if names else move
