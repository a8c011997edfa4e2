"""Quiz: guess whom the model favours. The score lives as long as the visit."""

import random
from dataclasses import dataclass, replace

import streamlit as st

from predictiondex import shell
from predictiondex.api import Prediction
from predictiondex.dex import Pokedex
from predictiondex.draw import battle, parts
from predictiondex.words import name


@dataclass(frozen=True)
class Round:
    """Two Pokémon, and which of them was guessed."""

    a: str
    b: str
    guess: str | None = None


@dataclass(frozen=True)
class Score:
    """What was right so far."""

    right: int = 0
    asked: int = 0
    streak: int = 0
    best: int = 0

    def after(self, right: bool) -> "Score":
        streak = self.streak + 1 if right else 0
        return Score(self.right + right, self.asked + 1, streak, max(self.best, streak))


def is_right(prediction: Prediction, first: bool) -> bool:
    """Even odds have two favourites."""
    ahead = prediction.probability_a - prediction.probability_b
    return ahead >= 0 if first else ahead <= 0


def draw_lots(dex: Pokedex) -> Round:
    """Two different Pokémon; one alone fights itself."""
    slugs = list(dex.pokemon)
    a, b = random.sample(slugs, 2) if len(slugs) > 1 else (slugs[0], slugs[0])
    return Round(a, b)


def start_over() -> None:
    st.session_state["score"] = Score()
    st.session_state.pop("round", None)
    st.session_state.pop("verdict", None)


def next_round() -> None:
    st.session_state.pop("round", None)
    st.session_state.pop("verdict", None)


def guess(slug: str) -> None:
    st.session_state["round"] = replace(st.session_state["round"], guess=slug)


def show_verdict(dex: Pokedex, current: Round) -> None:
    """The odds, and whether the guess was right; a guess counts once, when the answer to it has come."""
    page = shell.page()
    text, language = page.text, page.language
    if "verdict" not in st.session_state:
        answer = shell.prediction(current.a, (), current.b, ())
        right = is_right(answer, current.guess == current.a)
        st.session_state["verdict"] = answer
        st.session_state["score"] = st.session_state["score"].after(right)
    answer = st.session_state["verdict"]
    if answer.probability_a == answer.probability_b:
        st.info(text.quiz.even, icon=":material/balance:")
    elif is_right(answer, current.guess == current.a):
        st.success(text.quiz.right, icon=":material/check_circle:")
    else:
        st.warning(text.quiz.wrong, icon=":material/cancel:")
    pair = (dex.pokemon[current.a], dex.pokemon[current.b])
    st.html(battle.odds(pair, answer, dex, text, language))
    st.button(text.quiz.next, type="primary", width="stretch", key="next", on_click=next_round)


def show() -> None:
    page = shell.page()
    text, language = page.text, page.language
    shell.heading("quiz", text.quiz.intro)
    st.session_state.setdefault("score", Score())
    with shell.guarded("quiz"):
        dex = shell.pokedex()
        current: Round | None = st.session_state.get("round")
        if current is None or current.a not in dex.pokemon or current.b not in dex.pokemon:
            current = draw_lots(dex)
            st.session_state["round"] = current
        st.subheader(text.quiz.question, anchor=False)
        for column, slug, side in zip(st.columns(2), (current.a, current.b), "ab", strict=True):
            pokemon = dex.pokemon[slug]
            column.button(
                name(pokemon.names, language),
                key=f"guess_{side}",
                width="stretch",
                disabled=current.guess is not None,
                on_click=guess,
                args=(slug,),
            )
            column.html(parts.types(pokemon.types, dex, language))
        if current.guess is not None:
            show_verdict(dex, current)
    score = st.session_state["score"]
    counted = [
        text.quiz.score.format(right=score.right, asked=score.asked),
        text.quiz.streak.format(streak=score.streak),
        text.quiz.best.format(best=score.best),
    ]
    st.markdown(" · ".join(counted))
    if score.asked:
        st.button(text.quiz.again, key="again", on_click=start_over)


show()
