"""What the page says and draws, without Streamlit."""

import pytest

from predictiondex import view
from predictiondex.api import Failure, Names, Pokedex, Pokemon, Prediction
from predictiondex.words import ENGLISH, FRENCH, Language, percent

HOSTILE = Pokemon("x", 1, Names("<script>", "<b>&"), ("fire", "new"))
ONIX = Pokemon("onix", 95, Names("Onix", "Onix"), ("rock",))
DEX = Pokedex((HOSTILE, ONIX), {"Surf": Names("Surf", "Cascade")}, {"fire": Names("Fire", "Feu")})


def prediction(share: float) -> Prediction:
    return Prediction(share, 1 - share, "Surf", None, "m", "1")


@pytest.mark.parametrize(
    ("share", "language", "text"),
    [(0.5, "fr", "50,0 %"), (0.37512, "en", "37.5%"), (0.99999, "en", "99.9%"), (0.0, "en", "0.0%"), (1.0, "fr", "100,0 %")],
)
def test_percentages_are_written_as_the_language_does(share: float, language: Language, text: str) -> None:
    assert percent(share, language) == text


def test_names_are_escaped() -> None:
    html = view.battle((HOSTILE, ONIX), prediction(0.7), DEX, ENGLISH, "en")
    assert "<script>" not in html
    assert "&lt;script&gt; is the favourite" in html
    assert "width:70.00%" in html


def test_moves_and_types_go_by_the_language() -> None:
    html = view.battle((HOSTILE, ONIX), prediction(0.2), DEX, FRENCH, "fr")
    assert "Onix est favori" in html
    assert "Cascade" in html
    assert FRENCH.no_move in html
    assert "Feu" in view.types(HOSTILE, DEX, "fr")
    assert ">new<" in view.types(HOSTILE, DEX, "fr")


def test_even_odds_have_no_favourite() -> None:
    assert ENGLISH.even in view.battle((HOSTILE, ONIX), prediction(0.5), DEX, ENGLISH, "en")
    assert ENGLISH.same in view.battle((ONIX, ONIX), prediction(0.5), DEX, ENGLISH, "en")


def test_every_failure_has_words_in_both_languages() -> None:
    assert set(FRENCH.failures) == set(ENGLISH.failures) == set(Failure)
