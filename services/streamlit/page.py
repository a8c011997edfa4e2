"""The page: two pickers, a button, the odds. Run with `streamlit run page.py`; wiring only."""

import os
from dataclasses import dataclass

import streamlit as st

from predictiondex import view
from predictiondex.api import Api, ApiError, Pokedex, Pokemon, Prediction
from predictiondex.words import LANGUAGES, Language, Words, name, words

DEFAULTS = {"a": "pikachu", "b": "onix"}
# A new import changes the Pokédex and a new training the odds: neither is remembered for long.
POKEDEX_SECONDS = 300
PREDICTION_SECONDS = 30


@st.cache_resource
def api() -> Api:
    return Api(os.environ.get("API_BASE_URL") or "http://api:8000", os.environ.get("API_KEY"))


@st.cache_data(ttl=POKEDEX_SECONDS, show_spinner=False)
def pokedex() -> Pokedex:
    return api().pokedex()


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=1000)
def prediction(a: str, b: str) -> Prediction:
    return api().predict(a, b)


@dataclass(frozen=True)
class Page:
    """What every part of the page shows with."""

    dex: Pokedex
    text: Words
    language: Language


def pick_language() -> Language:
    choice = st.segmented_control(
        "Langue / Language",
        LANGUAGES,
        default="en" if st.query_params.get("lang") == "en" else "fr",
        format_func=lambda code: words(code).label,
        label_visibility="collapsed",
        required=True,
        key="language",
    )
    return "en" if choice == "en" else "fr"


def pick_pokemon(page: Page, side: str, label: str) -> Pokemon:
    """A picker that starts on the Pokémon the address names, and the types of the one it stands on."""
    by_slug = {pokemon.slug: pokemon for pokemon in page.dex.pokemon}
    key = f"pokemon_{side}"
    if st.session_state.get(key) not in by_slug:
        wanted = (st.query_params.get(side), DEFAULTS[side])
        st.session_state[key] = next((slug for slug in wanted if slug in by_slug), page.dex.pokemon[0].slug)
    slug = st.selectbox(
        label,
        list(by_slug),
        format_func=lambda slug: f"{name(by_slug[slug].names, page.language)} · n° {by_slug[slug].species_id:03}",
        key=key,
    )
    st.html(view.types(by_slug[slug], page.dex, page.language))
    return by_slug[slug]


def show_failure(error: ApiError, text: Words) -> None:
    what, next_step = text.failures[error.failure]
    st.error(f"**{what}** {next_step}", icon=":material/cloud_off:")
    st.caption(error.detail)
    st.button(text.retry, key="retry")


def show_battle(page: Page, pair: tuple[Pokemon, Pokemon]) -> None:
    """The prediction of the pair that was asked for last: by the button, or by an address that names both."""
    a, b = (pokemon.slug for pokemon in pair)
    shared = "battle" not in st.session_state and (st.query_params.get("a"), st.query_params.get("b")) == (a, b)
    if st.button(page.text.predict, type="primary", width="stretch", key="predict") or shared:
        st.session_state["battle"] = (a, b)
    if st.session_state.get("battle") != (a, b):
        st.caption(page.text.chosen)
        return
    st.query_params.from_dict({"a": a, "b": b, "lang": page.language})
    st.html(view.battle(pair, prediction(a, b), page.dex, page.text, page.language))


def main() -> None:
    st.set_page_config(page_title="PredictionDex", page_icon=":material/swords:", layout="centered")
    st.html(view.STYLE)
    head, switch = st.columns([3, 2], vertical_alignment="bottom")
    head.title("PredictionDex", anchor=False)
    with switch, st.container(horizontal=True, horizontal_alignment="right"):
        language = pick_language()
    text = words(language)
    st.markdown(text.tagline)
    try:
        page = Page(pokedex(), text, language)
        left, right = st.columns(2)
        with left:
            a = pick_pokemon(page, "a", text.first)
        with right:
            b = pick_pokemon(page, "b", text.second)
        show_battle(page, (a, b))
    except ApiError as error:
        show_failure(error, text)


main()
