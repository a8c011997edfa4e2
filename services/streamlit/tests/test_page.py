"""The page itself, run by Streamlit's own test driver against the stub."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from stub import Stub

PAGE = str(Path(__file__).parent.parent / "page.py")


@pytest.fixture
def page(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setenv("API_BASE_URL", stub.url)
    monkeypatch.delenv("API_KEY", raising=False)
    return AppTest.from_file(PAGE, default_timeout=20)


def html(page: AppTest) -> str:
    return " ".join(str(element.proto.body) for element in page.get("html"))


def test_a_click_predicts_in_french(page: AppTest, stub: Stub) -> None:
    page.run()
    assert not page.exception
    assert "37,5 %" not in html(page)
    page.button(key="predict").click().run()
    assert not page.exception
    assert all(text in html(page) for text in ("37,5 %", "62,5 %", "Onix est favori", "Éboulement"))
    assert page.query_params["a"] == "pikachu"
    assert page.query_params["b"] == "onix"
    assert sum(1 for asked in stub.asked if asked[0] == "POST") == 1


def test_another_choice_hides_the_prediction_until_it_is_asked_for(page: AppTest) -> None:
    page.run()
    page.button(key="predict").click().run()
    page.selectbox(key="pokemon_b").select("ditto").run()
    assert "Onix est favori" not in html(page)
    page.button(key="predict").click().run()
    assert "Combat équilibré" in html(page)
    assert "aucune attaque offensive" in html(page)


def test_an_address_carries_battle_and_language(page: AppTest) -> None:
    page.query_params["a"] = "onix"
    page.query_params["b"] = "pikachu"
    page.query_params["lang"] = "en"
    page.run()
    assert all(text in html(page) for text in ("62.5%", "Onix is the favourite", "Rock Slide"))


def test_an_address_naming_nobody_starts_afresh(page: AppTest) -> None:
    page.query_params["a"] = "missingno"
    page.run()
    assert not page.exception
    assert page.selectbox(key="pokemon_a").value == "pikachu"


@pytest.mark.parametrize(("status", "words"), [(503, "pas prête"), (401, "refuse la clé"), (500, "répondu par une erreur")])
def test_a_failure_is_said_with_its_next_step(page: AppTest, stub: Stub, status: int, words: str) -> None:
    stub.status = status
    page.run()
    assert not page.exception
    assert words in page.error[0].value
    assert "pdex" in page.error[0].value
    stub.status = 200
    page.button(key="retry").click().run()
    assert not page.error


def test_an_api_that_is_away_is_said(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    page.run()
    assert not page.exception
    assert "ne répond pas" in page.error[0].value


def test_a_model_that_goes_away_leaves_the_pickers(page: AppTest, stub: Stub) -> None:
    page.run()
    stub.status = 503
    page.button(key="predict").click().run()
    assert not page.exception
    assert len(page.selectbox) == 2
    assert "pas prête" in page.error[0].value
