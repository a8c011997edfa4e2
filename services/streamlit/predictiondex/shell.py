"""What every screen stands in: the language, the Pokédex, answers kept for a while, and words for what fails."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from predictiondex.api import Api, Explanation, ModelInfo, Prediction, RankedMove, Side, Simulation, Team
from predictiondex.dex import Detail, Pokedex
from predictiondex.mlflow import MlflowRegistry, Report, Version
from predictiondex.prometheus import Drift, Prometheus, Watch
from predictiondex.secret import secret
from predictiondex.web import ServiceError
from predictiondex.words import Language, Words, advice, words

# A new import changes the Pokédex and a new training the odds: neither is remembered for long.
POKEDEX_SECONDS = 300
PREDICTION_SECONDS = 30
# All visitors share what was measured; a chart has a point every 7 s at most.
WATCH_SECONDS = 5
ANSWERS = 1000
# Pixels: two filters stand side by side on a phone.
FILTER = 166


@dataclass(frozen=True)
class Page:
    """What every part of a screen shows with."""

    text: Words
    language: Language


def page() -> Page:
    """The page in the language that the switch stands on."""
    language: Language = "en" if st.session_state.get("language") == "en" else "fr"
    return Page(words(language), language)


@st.cache_resource
def api() -> Api:
    return Api(os.environ.get("API_BASE_URL") or "http://api:8000", secret(os.environ, "API_KEY"))


@st.cache_resource
def mlflow() -> MlflowRegistry:
    return MlflowRegistry(os.environ.get("MLFLOW_TRACKING_URI") or "http://mlflow:5000")


@st.cache_resource
def prometheus() -> Prometheus:
    return Prometheus(os.environ.get("PROMETHEUS_URL") or "http://prometheus:9090")


# Nothing changes it, so that all sessions may share the one object.
@st.cache_resource(ttl=POKEDEX_SECONDS, show_spinner=False)
def pokedex() -> Pokedex:
    return api().pokedex()


@st.cache_resource(ttl=POKEDEX_SECONDS, show_spinner=False)
def affinities() -> dict[tuple[str, str], float]:
    return api().affinities()


@st.cache_data(ttl=POKEDEX_SECONDS, show_spinner=False, max_entries=ANSWERS)
def detail(slug: str) -> Detail:
    return api().detail(slug)


Moves = tuple[str, ...]


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=ANSWERS)
def prediction(a: str, moves_a: Moves, b: str, moves_b: Moves) -> Prediction:
    return api().predict(Side(a, moves_a), Side(b, moves_b))


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=ANSWERS)
def simulation(a: str, moves_a: Moves, b: str, moves_b: Moves) -> Simulation:
    return api().simulate(Side(a, moves_a), Side(b, moves_b))


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=ANSWERS)
def ranked_moves(a: str, b: str, moves_b: Moves) -> tuple[RankedMove, ...]:
    return api().ranked_moves(Side(a), Side(b, moves_b))


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=ANSWERS)
def explanation(a: str, b: str) -> Explanation:
    return api().explain(a, b)


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=ANSWERS)
def team(mine: Moves, theirs: Moves) -> Team:
    return api().team(mine, theirs)


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False)
def model_info() -> ModelInfo:
    return api().model_info()


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False)
def api_version() -> str:
    return api().version()


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False, max_entries=10)
def versions(model: str) -> tuple[Version, ...]:
    return mlflow().versions(model)


@st.cache_data(ttl=POKEDEX_SECONDS, show_spinner=False, max_entries=10)
def report(version: Version) -> Report | None:
    return mlflow().report(version)


@st.cache_data(ttl=PREDICTION_SECONDS, show_spinner=False)
def drift() -> Drift:
    return prometheus().drift()


@st.cache_data(ttl=WATCH_SECONDS, show_spinner=False, max_entries=10)
def watch(now: int, seconds: int) -> Watch:
    """`now` is rounded by whoever asks, so that visitors who look together ask once."""
    return prometheus().watch(now, seconds)


@contextmanager
def guarded(section: str) -> Iterator[None]:
    """What fails in the block is said in its place, with the next step and a button; the rest of the page stands."""
    try:
        yield
    except ServiceError as error:
        text = page().text
        what, next_step = advice(error, text)
        st.error(f"**{what}** {next_step}", icon=":material/cloud_off:")
        # As code: what a service said is shown as it is, never read as markup.
        st.code(error.detail, language=None, wrap_lines=True)
        st.button(text.common.retry, key=f"retry_{section}")


def heading(name: str, intro: str) -> None:
    """The title of a screen and a sentence about it."""
    st.header(page().text.common.pages[name], anchor=False)
    st.markdown(intro)


def remember(address: dict[str, str]) -> None:
    """Put what is shown into the address, so that it can be shared."""
    st.query_params.from_dict({**address, "lang": page().language})


def asked_for(parameter: str, known: Sequence[str]) -> list[str]:
    """The known ones of those that the address names, each once, in its order."""
    named = st.query_params.get(parameter, "").split(",")
    return list(dict.fromkeys(name for name in named if name in known))
