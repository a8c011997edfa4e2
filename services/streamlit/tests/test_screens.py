"""Every screen of the page, run by Streamlit's own test driver against the stub."""

import json
from html import unescape
from typing import Any

import pytest
import streamlit as st
from conftest import Open
from streamlit.testing.v1 import AppTest
from stub import POKEMON, Stub

from predictiondex.words import Language
from predictiondex.words.english import ENGLISH
from predictiondex.words.french import FRENCH

SCREENS = {
    "battle": "battle",
    "team": "team",
    "pokedex": "pokedex",
    "moves": "moves",
    "types_chart": "types",
    "model": "model",
    "monitoring": "monitoring",
    "quiz": "quiz",
    "about": "about",
}
AWAY = "http://127.0.0.1:9"


def html(page: AppTest) -> str:
    return " ".join(str(element.proto.body) for element in page.get("html"))


def paths(stub: Stub) -> list[str]:
    return [f"{method} {path.partition('?')[0]}" for method, path, _ in stub.asked]


def errors(page: AppTest) -> str:
    return " ".join(str(error.value) for error in page.error)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_opens_in_both_languages(open_page: Open, screen: str, language: Language) -> None:
    page = open_page(screen, lang=language)
    assert not page.exception
    assert not page.error
    words = FRENCH if language == "fr" else ENGLISH
    assert page.header[0].value == words.common.pages[SCREENS[screen]]


@pytest.mark.parametrize("screen", sorted(set(SCREENS) - {"monitoring"}))
def test_an_api_that_is_away_is_said_and_mended(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, stub: Stub, screen: str
) -> None:
    monkeypatch.setenv("API_BASE_URL", AWAY)
    page = open_page(screen)
    assert not page.exception
    assert "L'API ne répond pas" in errors(page)
    assert "pdex logs api" in errors(page)
    assert "127.0.0.1:9" in page.code[0].value
    st.cache_resource.clear()
    monkeypatch.setenv("API_BASE_URL", stub.url)
    next(button for button in page.button if str(button.key).startswith("retry_")).click().run()
    assert not page.error


@pytest.mark.parametrize(
    ("variable", "step", "stands"),
    [
        ("MLFLOW_TRACKING_URI", "pdex up mlflow", ["battle_winner, version 7", "a changé"]),
        ("PROMETHEUS_URL", "pdex up prometheus", ["battle_winner, version 7", "champion"]),
        ("API_BASE_URL", "pdex logs api", ["champion", "a changé"]),
    ],
)
def test_what_is_away_takes_only_its_own_part(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, variable: str, step: str, stands: list[str]
) -> None:
    monkeypatch.setenv(variable, AWAY)
    page = open_page("model")
    assert not page.exception
    assert len(page.error) == 1
    assert step in errors(page)
    assert [text for text in stands if text not in html(page)] == []


@pytest.mark.parametrize("screen", ["model", "quiz"])
def test_a_model_that_is_away_leaves_the_rest(open_page: Open, stub: Stub, screen: str) -> None:
    stub.failing["/predict"] = 503
    page = open_page(screen)
    assert not page.exception
    if screen == "quiz":
        page.button(key="guess_a").click().run()
        assert "Score : 0 sur 0" in page.markdown[-1].value
    assert "pas prête" in errors(page)


def hostile() -> list[dict[str, Any]]:
    """The Pokédex with names that mean to be markup."""
    text = json.dumps(POKEMON).replace("Pikachu", "<img src=x onerror=alert(1)>")
    return [{key: value for key, value in item.items() if key != "learnset"} for item in json.loads(text)]


@pytest.mark.parametrize("screen", ["battle", "team", "pokedex", "quiz"])
def test_names_are_never_markup(open_page: Open, stub: Stub, screen: str) -> None:
    items = hostile()
    stub.answers["/pokemon"] = {"total": len(items), "items": items}
    page = open_page(screen)
    for key in ("predict", "compare", "guess_a"):
        if any(button.key == key for button in page.button):
            page.button(key=key).click().run()
    assert not page.exception
    assert "<img src=x" not in html(page)
    if screen != "quiz":
        assert "&lt;img src=x" in html(page)


@pytest.mark.parametrize("screen", sorted(set(SCREENS) - {"about"}))
def test_empty_answers_are_no_traceback(open_page: Open, stub: Stub, screen: str) -> None:
    stub.body = b'{"items": [], "total": 0, "status": "success", "data": {"result": []}}'
    page = open_page(screen)
    assert not page.exception
    if screen == "monitoring":
        assert not page.error
        assert html(page).count("Encore aucune mesure") == 8
    else:
        assert page.error


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"{}", b'{"items": [{}]}'])
@pytest.mark.parametrize("screen", SCREENS)
def test_answers_of_another_shape_are_no_traceback(open_page: Open, stub: Stub, screen: str, body: bytes) -> None:
    stub.body = body
    page = open_page(screen)
    assert not page.exception
    assert page.error


def test_prometheus_away_leaves_the_periods(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", AWAY)
    page = open_page("monitoring")
    assert not page.exception
    assert "pdex up prometheus" in errors(page)
    assert page.button_group(key="window").value == 900


# Battle


def test_a_click_predicts_with_one_request(open_page: Open, stub: Stub) -> None:
    page = open_page()
    assert "37,5 %" not in html(page)
    stub.asked.clear()
    page.button(key="predict").click().run()
    assert paths(stub) == ["POST /predict/battle"]
    assert all(text in html(page) for text in ("37,5 %", "62,5 %", "Onix est favori", "Éboulement"))
    assert (page.query_params["a"], page.query_params["b"]) == ("pikachu", "onix")


@pytest.mark.parametrize(
    ("detail", "path", "texts"),
    [
        ("why", "GET /predict/explain", ("Course au K.-O.", "Vitesse – Pikachu", "b_new", "1,20 pour Onix")),
        ("moves_a", "POST /predict/best-move", ("Les attaques de Pikachu contre Onix", "Surf", "36 % – 44 %")),
        ("moves_b", "POST /predict/best-move", ("Les attaques d&#x27;Onix contre Pikachu", "Éboulement")),
        ("simulation", "POST /predict/battle", ("35,5 % à 39,5 %", "2\u202f000 combats", "dans l&#x27;intervalle")),
    ],
)
def test_a_detail_is_one_more_request(open_page: Open, stub: Stub, detail: str, path: str, texts: tuple[str, ...]) -> None:
    page = open_page()
    page.button(key="predict").click().run()
    stub.asked.clear()
    page.button_group(key="detail").set_value(detail).run()
    assert not page.exception
    assert paths(stub) == [path]
    assert [text for text in texts if text not in html(page)] == []
    assert page.query_params["show"] == detail


def test_chosen_moves_are_fought_with_and_shared(open_page: Open, stub: Stub) -> None:
    page = open_page()
    page.multiselect(key="moves_a_pikachu").select("surf").run()
    page.button(key="predict").click().run()
    assert stub.asked[-1] == ("POST", "/predict/battle", {"pokemon_a": "pikachu", "pokemon_b": "onix", "moves_a": ["surf"]})
    assert page.query_params["ma"] == "surf"
    again = open_page(a="pikachu", b="onix", ma="surf,missing", show="why")
    assert again.multiselect(key="moves_a_pikachu").value == ["surf"]
    assert again.info[0].value == FRENCH.battle.reasons_sets


def test_another_choice_hides_the_prediction_until_it_is_asked_for(open_page: Open, stub: Stub) -> None:
    page = open_page()
    page.button(key="predict").click().run()
    stub.asked.clear()
    page.selectbox(key="pokemon_b").select("ditto").run()
    assert paths(stub) == ["GET /pokemon/ditto"]
    assert "Onix est favori" not in html(page)
    page.button(key="predict").click().run()
    assert "Combat équilibré" in html(page)
    assert "aucune attaque offensive" in html(page)


def test_an_address_carries_battle_and_language(open_page: Open) -> None:
    page = open_page(a="onix", b="pikachu", lang="en")
    assert all(text in html(page) for text in ("62.5%", "Onix is the favourite", "Rock Slide"))


def test_an_address_naming_nobody_starts_afresh(open_page: Open) -> None:
    page = open_page(a="missingno", show="nonsense")
    assert not page.exception
    assert page.selectbox(key="pokemon_a").value == "pikachu"


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "pas prête"), (401, "refuse la clé"), (429, "trop de demandes"), (500, "répondu par une erreur")],
)
def test_a_failure_is_said_with_its_next_step(open_page: Open, stub: Stub, status: int, words: str) -> None:
    stub.status = status
    page = open_page()
    assert not page.exception
    assert words in errors(page)
    assert "pdex" in errors(page)
    assert "Failing: model." in page.code[0].value
    stub.status = 200
    page.button(key="retry_battle").click().run()
    assert not page.error


def test_a_model_that_goes_away_leaves_the_pickers(open_page: Open, stub: Stub) -> None:
    page = open_page()
    stub.failing["/predict"] = 503
    page.button(key="predict").click().run()
    assert not page.exception
    assert len(page.selectbox) == 2
    assert "pas prête" in errors(page)


def test_the_language_stays_when_another_screen_is_opened(open_page: Open) -> None:
    page = open_page()
    page.button_group(key="language").set_value("en").run()
    assert page.query_params["lang"] == "en"
    page.switch_page("screens/about.py").run()
    assert page.header[0].value == "About"


# Team


def test_teams_are_compared_with_one_request(open_page: Open, stub: Stub) -> None:
    page = open_page("team")
    page.multiselect(key="team_a").set_value(["pikachu", "ditto"]).run()
    page.multiselect(key="team_b").set_value(["onix"]).run()
    stub.asked.clear()
    page.button(key="compare").click().run()
    assert stub.asked == [("POST", "/predict/team", {"team_a": ["pikachu", "ditto"], "team_b": ["onix"]})]
    assert "38 %" in html(page)
    best = max(["pikachu", "ditto"], key=lambda slug: stub.world.odds(slug, "onix"))
    assert {"pikachu": "Pikachu d&#x27;abord", "ditto": "Métamorph d&#x27;abord"}[best] in html(page)
    assert (page.query_params["a"], page.query_params["b"]) == ("pikachu,ditto", "onix")


def test_an_address_carries_the_teams(open_page: Open) -> None:
    page = open_page("team", a="pikachu,nobody", b="onix,onix")
    assert page.multiselect(key="team_b").value == ["onix"]
    assert "38 %" in html(page)


def test_an_empty_team_is_told_and_not_sent(open_page: Open, stub: Stub) -> None:
    page = open_page("team")
    page.multiselect(key="team_a").set_value([]).run()
    assert page.button(key="compare").disabled
    assert FRENCH.team.empty in [caption.value for caption in page.caption]
    assert "POST /predict/team" not in paths(stub)


# Pokédex, moves, types


def test_the_pokedex_is_filtered_and_sorted_without_a_request(open_page: Open, stub: Stub) -> None:
    page = open_page("pokedex")
    stub.asked.clear()
    page.text_input(key="filter_name").input("MÉTA").run()
    assert "1 Pokémon" in html(page)
    page.text_input(key="filter_name").input("").run()
    page.selectbox(key="filter_type").select("rock").run()
    assert "1 Pokémon" in html(page)
    page.selectbox(key="filter_type").select("").run()
    page.selectbox(key="order").select("speed").run()
    page.toggle(key="descending").set_value(True).run()
    listed = html(page).partition("3 Pokémon")[2]
    assert listed.index("p=pikachu") < listed.index("p=onix") < listed.index("p=ditto")
    page.text_input(key="filter_name").input("zzz").run()
    assert page.info[0].value == FRENCH.common.nothing
    assert stub.asked == []


def test_a_sheet_has_stats_weaknesses_line_and_moves(open_page: Open, stub: Stub) -> None:
    page = open_page("pokedex", p="pikachu")
    for text in (
        "Statistiques de base de Pikachu : PV 35",
        "×2",
        "Évolue en ",
        "thunder stone",
        "Ce que Pikachu apprend",
        "CT",
    ):
        assert text in html(page), text
    stub.asked.clear()
    page.selectbox(key="sheet").select("ditto").run()
    assert paths(stub) == ["GET /pokemon/ditto"]
    assert page.query_params["p"] == "ditto"


def test_moves_are_filtered_and_sorted(open_page: Open, stub: Stub) -> None:
    page = open_page("moves")
    stub.asked.clear()
    page.selectbox(key="move_category").select("status").run()
    assert "1 attaques" in html(page)
    assert FRENCH.dex.never_misses in html(page)
    page.selectbox(key="move_category").select("").run()
    page.selectbox(key="move_order").select("power").run()
    page.toggle(key="move_descending").set_value(True).run()
    assert html(page).index("Surf") < html(page).index("Éboulement") < html(page).index("Cage Éclair")
    page.text_input(key="move_name").input("rock").run()
    assert "1 attaques" in html(page)
    assert stub.asked == []


def test_two_types_multiply(open_page: Open) -> None:
    page = open_page("types_chart")
    page.selectbox(key="defender").select("electric").run()
    page.selectbox(key="second_type").select("rock").run()
    assert "Contre Électrik / Roche" in html(page)
    assert "×4" in html(page)
    page.selectbox(key="defender").select("rock").run()
    assert page.selectbox(key="second_type").value == ""
    assert not page.exception


# Model and monitoring


def test_the_model_shows_all_its_sources(open_page: Open) -> None:
    page = open_page("model")
    texts = ("battle_winner, version 7", "0,0042", "Calibration", "61,0 %", "champion", "en service", "a changé", "4\u202f120")
    assert [text for text in texts if text not in html(page)] == []


def test_a_registry_without_the_model_is_no_failure(open_page: Open, stub: Stub) -> None:
    stub.failing["/api/2.0/mlflow/registered-models"] = 404
    page = open_page("model")
    assert not page.error
    assert page.info[0].value == FRENCH.model.no_versions


def test_a_run_without_figures_is_no_failure(open_page: Open, stub: Stub) -> None:
    stub.answers["/api/2.0/mlflow/artifacts/list"] = {"files": [{"path": "report/index.html"}]}
    page = open_page("model")
    assert not page.error
    assert page.info[0].value == FRENCH.model.no_report
    assert "champion" in html(page)


def test_a_model_that_is_not_recorded_is_said(open_page: Open, stub: Stub) -> None:
    stub.answers["/api/2.0/mlflow/runs/search"] = {"runs": []}
    page = open_page("model")
    assert not page.error
    assert page.info[0].value == FRENCH.model.not_recorded


def test_too_few_battles_have_no_drift(open_page: Open, stub: Stub) -> None:
    nothing = {"metric": {"series": "index", "feature": "race"}, "value": [0, "NaN"]}
    for rows, words in (("12", "il y en a eu 12."), ("4000", FRENCH.model.no_reference), ("NaN", FRENCH.model.no_drift)):
        counted = {"metric": {"series": "rows"}, "value": [0, rows]}
        stub.answers["/api/v1/query"] = {"status": "success", "data": {"result": [counted, nothing]}}
        st.cache_data.clear()
        page = open_page("model")
        assert words in unescape(html(page))


def test_the_charts_take_one_request(open_page: Open, stub: Stub) -> None:
    page = open_page("monitoring")
    assert paths(stub) == ["GET /api/v1/query_range"]
    assert html(page).count("<img") == 8
    assert "✓ node-exporter répond" in html(page)
    stub.asked.clear()
    page.button_group(key="window").set_value(3600).run()
    assert paths(stub) == ["GET /api/v1/query_range"]


# Quiz


def test_the_quiz_counts_once(open_page: Open, stub: Stub) -> None:
    page = open_page("quiz")
    stub.asked.clear()
    page.button(key="guess_a").click().run()
    assert paths(stub) == ["POST /predict/battle"]
    page.run()
    body = stub.asked[0][2]
    right = stub.world.odds(body["pokemon_a"], body["pokemon_b"]) >= 0.5
    assert f"Score : {int(right)} sur 1" in page.markdown[-1].value
    assert page.button(key="guess_b").disabled
    page.button(key="next").click().run()
    assert not page.button(key="guess_b").disabled
    page.button(key="again").click().run()
    assert "Score : 0 sur 0" in page.markdown[-1].value
