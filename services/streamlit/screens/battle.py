"""Battle: two pickers, the odds, and what is behind them. One request for each thing that is asked."""

import streamlit as st

from predictiondex import shell
from predictiondex.api import Prediction, Side
from predictiondex.dex import Pokedex, Pokemon
from predictiondex.draw import battle, parts
from predictiondex.words import Language, Words, name, say

DEFAULTS = {"a": "pikachu", "b": "onix"}
DETAILS = ("why", "moves_a", "moves_b", "simulation")
MOVES_MOST = 4


def pick_pokemon(dex: Pokedex, side: str, label: str, language: Language) -> Pokemon:
    """A picker that starts on the Pokémon the address names, else on the one of before."""
    key = f"pokemon_{side}"
    if st.session_state.get(key) not in dex.pokemon:
        wanted = (st.query_params.get(side), st.session_state.get(f"last_{side}"), DEFAULTS[side])
        st.session_state[key] = next((slug for slug in wanted if slug in dex.pokemon), next(iter(dex.pokemon)))
    slug = st.selectbox(label, list(dex.pokemon), format_func=lambda slug: parts.label(dex.pokemon[slug], language), key=key)
    # A picker forgets what it stood on when another screen is shown.
    st.session_state[f"last_{side}"] = slug
    st.html(parts.types(dex.pokemon[slug].types, dex, language))
    return dex.pokemon[slug]


def pick_moves(dex: Pokedex, pokemon: Pokemon, side: str, text: Words, language: Language) -> tuple[str, ...]:
    """A picker among the moves that the Pokémon can learn."""
    known = {learned.slug: learned.names for learned in shell.detail(pokemon.slug).learnset}
    options = sorted(known, key=lambda slug: name(known[slug], language).casefold())
    key = f"moves_{side}_{pokemon.slug}"
    if key not in st.session_state:
        named = shell.asked_for(f"m{side}", options) if st.query_params.get(side) == pokemon.slug else []
        st.session_state[key] = named[:MOVES_MOST]
    chosen = st.multiselect(
        say(text.battle.moves, language, name=name(pokemon.names, language)),
        options,
        format_func=lambda slug: (
            parts.move_label(dex.moves[slug], dex, text, language) if slug in dex.moves else name(known[slug], language)
        ),
        max_selections=MOVES_MOST,
        wrap=True,
        placeholder=text.battle.moves_best,
        help=text.battle.moves_help,
        key=key,
    )
    return tuple(chosen)


def forget_detail() -> None:
    """A new battle starts without details: they would be asked for together with it."""
    st.session_state["detail"] = None


def show_battle(dex: Pokedex, sides: tuple[Side, Side], text: Words, language: Language) -> None:
    """The prediction that was asked for last: by the button, or by an address that names both."""
    a, b = sides
    named = (st.query_params.get("a"), st.query_params.get("b"))
    shared = "asked" not in st.session_state and named == (a.slug, b.slug)
    if shared and st.query_params.get("show") in DETAILS:
        st.session_state["detail"] = st.query_params["show"]
    if st.button(text.battle.predict, type="primary", width="stretch", key="predict", on_click=forget_detail) or shared:
        st.session_state["asked"] = sides
        st.session_state.pop("answer", None)
    if st.session_state.get("asked") != sides:
        st.caption(text.battle.chosen)
        return
    # Kept with the session: what is shown must not be asked for again because something else was clicked.
    if "answer" not in st.session_state:
        st.session_state["answer"] = shell.prediction(a.slug, a.moves, b.slug, b.moves)
    answer: Prediction = st.session_state["answer"]
    pair = (dex.pokemon[a.slug], dex.pokemon[b.slug])
    st.html(battle.odds(pair, answer, dex, text, language))
    show_detail(dex, sides, answer, text, language)


def show_detail(dex: Pokedex, sides: tuple[Side, Side], answer: Prediction, text: Words, language: Language) -> None:
    """One of the things behind the odds, when it is asked for."""
    a, b = sides
    pair = (dex.pokemon[a.slug], dex.pokemon[b.slug])
    names = [name(pokemon.names, language) for pokemon in pair]
    labels = {
        "why": text.battle.why,
        "moves_a": say(text.battle.moves_of, language, name=names[0]),
        "moves_b": say(text.battle.moves_of, language, name=names[1]),
        "simulation": text.battle.simulation,
    }
    shown = st.segmented_control(text.battle.detail, DETAILS, format_func=lambda detail: labels[detail], key="detail")
    address = {"a": a.slug, "b": b.slug, "ma": ",".join(a.moves), "mb": ",".join(b.moves), "show": shown or ""}
    shell.remember({key: value for key, value in address.items() if value})
    with shell.guarded("detail"):
        match shown:
            case "why":
                if a.moves or b.moves:
                    st.info(text.battle.reasons_sets)
                st.html(battle.reasons(pair, shell.explanation(a.slug, b.slug), text, language))
            case "moves_a":
                st.html(battle.ranking(pair, shell.ranked_moves(a.slug, b.slug, b.moves), dex, text, language))
            case "moves_b":
                turned = (pair[1], pair[0])
                st.html(battle.ranking(turned, shell.ranked_moves(b.slug, a.slug, a.moves), dex, text, language))
            case "simulation":
                fought = shell.simulation(a.slug, a.moves, b.slug, b.moves)
                st.html(battle.fought(pair, fought, answer, text, language))
            case _:
                pass
    st.caption(text.common.share_help)


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    shell.heading("battle", text.common.tagline)
    with shell.guarded("battle"):
        dex = shell.pokedex()
        sides: list[Side] = []
        for column, side, label in zip(st.columns(2), "ab", (text.battle.first, text.battle.second), strict=True):
            with column:
                pokemon = pick_pokemon(dex, side, label, language)
                sides.append(Side(pokemon.slug, pick_moves(dex, pokemon, side, text, language)))
        show_battle(dex, (sides[0], sides[1]), text, language)


show()
