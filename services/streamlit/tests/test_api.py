"""The client against the stub: what it sends, what it makes of every kind of answer."""

import pytest
from stub import Stub

from predictiondex.api import Api, ApiError, Failure, Names


def test_the_pokedex_carries_both_names(stub: Stub) -> None:
    dex = Api(stub.url).pokedex()
    assert [pokemon.slug for pokemon in dex.pokemon] == ["pikachu", "onix", "ditto"]
    assert dex.pokemon[1].types == ("rock", "ground")
    assert dex.moves["Rock Slide"] == Names("Rock Slide", "Éboulement")
    assert dex.types["electric"].fr == "Électrik"
    assert stub.asked[0][1] == "/pokemon?limit=500"


def test_a_prediction_is_asked_for_by_slug(stub: Stub) -> None:
    prediction = Api(stub.url + "/").predict("pikachu", "onix")
    assert stub.asked == [("POST", "/predict/battle", {"pokemon_a": "pikachu", "pokemon_b": "onix"})]
    assert (prediction.probability_a, prediction.probability_b) == (0.375, 0.625)
    assert (prediction.best_move_a, prediction.best_move_b) == ("Surf", "Rock Slide")
    assert (prediction.model, prediction.version) == ("battle_winner", "7")


@pytest.mark.parametrize("key", [None, "", "k1"])
def test_the_key_is_sent_when_there_is_one(stub: Stub, key: str | None) -> None:
    Api(stub.url, key).predict("ditto", "ditto")
    assert stub.keys == [key or None]


@pytest.mark.parametrize(
    ("status", "failure"),
    [(401, Failure.REFUSED_KEY), (503, Failure.NOT_READY), (500, Failure.OTHER), (404, Failure.OTHER)],
)
def test_a_refusal_keeps_what_the_api_said(stub: Stub, status: int, failure: Failure) -> None:
    stub.status = status
    with pytest.raises(ApiError) as error:
        Api(stub.url).pokedex()
    assert error.value.failure is failure
    assert error.value.detail == f"{status}: Failing: model."


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"items": 3}', b'{"items": [{"slug": 1}]}', b'{"items": [null]}'])
def test_an_answer_of_another_shape_is_an_error_of_ours(stub: Stub, body: bytes) -> None:
    stub.body = body
    for ask in (Api(stub.url).pokedex, lambda: Api(stub.url).predict("a", "b")):
        with pytest.raises(ApiError) as error:
            ask()
        assert error.value.failure is Failure.OTHER


def test_an_empty_pokedex_is_not_ready(stub: Stub) -> None:
    stub.body = b'{"total": 0, "items": []}'
    with pytest.raises(ApiError) as error:
        Api(stub.url).pokedex()
    assert error.value.failure is Failure.NOT_READY


def test_nobody_listening_is_away() -> None:
    with pytest.raises(ApiError) as error:
        Api("http://127.0.0.1:9").pokedex()
    assert error.value.failure is Failure.AWAY
    assert "127.0.0.1:9" in error.value.detail
