"""The clients against the stub: what they send, what they make of every kind of answer."""

import pytest
from stub import Stub

from predictiondex.api import Api, Side
from predictiondex.dex import Names
from predictiondex.mlflow import MlflowRegistry, served
from predictiondex.prometheus import Prometheus
from predictiondex.queries import every_line
from predictiondex.web import Failure, Service, ServiceError


def test_the_pokedex_carries_both_names(stub: Stub) -> None:
    dex = Api(stub.url).pokedex()
    assert list(dex.pokemon) == ["pikachu", "onix", "ditto"]
    assert dex.pokemon["onix"].types == ("rock", "ground")
    assert dex.moves["rock-slide"].names == Names("Rock Slide", "Éboulement")
    assert dex.types["electric"].fr == "Électrik"
    assert dex.pokemon["onix"].total == 385
    assert stub.asked[0][1].startswith("/pokemon?limit=500&fields=id%2Cspecies_id")


def test_a_prediction_is_asked_for_by_slug(stub: Stub) -> None:
    prediction = Api(stub.url + "/").predict(Side("pikachu"), Side("onix"))
    assert stub.asked == [("POST", "/predict/battle", {"pokemon_a": "pikachu", "pokemon_b": "onix"})]
    assert (prediction.probability_a, prediction.probability_b) == (0.375, 0.625)
    assert (prediction.best_move_a, prediction.best_move_b) == ("Surf", "Rock Slide")
    assert (prediction.model, prediction.version) == ("battle_winner", "7")


@pytest.mark.parametrize("key", [None, "", "k1"])
def test_the_key_is_sent_when_there_is_one(stub: Stub, key: str | None) -> None:
    Api(stub.url, key).predict(Side("ditto"), Side("ditto"))
    assert stub.keys == [key or None]


@pytest.mark.parametrize(
    ("status", "failure"),
    [(401, Failure.REFUSED_KEY), (503, Failure.NOT_READY), (500, Failure.OTHER), (404, Failure.OTHER)],
)
def test_a_refusal_keeps_what_the_api_said(stub: Stub, status: int, failure: Failure) -> None:
    stub.status = status
    with pytest.raises(ServiceError) as error:
        Api(stub.url).pokedex()
    assert error.value.failure is failure
    assert error.value.detail == f"{status}: Failing: model."


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"items": 3}', b'{"items": [{"slug": 1}]}', b'{"items": [null]}'])
def test_an_answer_of_another_shape_is_an_error_of_ours(stub: Stub, body: bytes) -> None:
    stub.body = body
    for ask in (Api(stub.url).pokedex, lambda: Api(stub.url).predict(Side("a"), Side("b"))):
        with pytest.raises(ServiceError) as error:
            ask()
        assert error.value.failure is Failure.OTHER


def test_an_empty_pokedex_is_not_ready(stub: Stub) -> None:
    stub.body = b'{"total": 0, "items": []}'
    with pytest.raises(ServiceError) as error:
        Api(stub.url).pokedex()
    assert error.value.failure is Failure.NOT_READY


def test_nobody_listening_is_away() -> None:
    with pytest.raises(ServiceError) as error:
        Api("http://127.0.0.1:9").pokedex()
    assert error.value.failure is Failure.AWAY
    assert "127.0.0.1:9" in error.value.detail


def test_every_kind_of_answer_of_the_api_is_read(stub: Stub) -> None:
    api = Api(stub.url)
    a, b = Side("pikachu", ("surf",)), Side("onix")
    assert api.detail("pikachu").learnset[0].slug == "surf"
    assert api.affinities()["ground", "electric"] == 2.0
    assert api.simulate(a, b).low == pytest.approx(0.355)
    assert api.ranked_moves(a, b)[0].damage == (40.0, 44.0, 48.0)
    assert [reason.feature for reason in api.explain("pikachu", "onix").reasons][:2] == ["race", "a_speed"]
    assert api.team(["pikachu", "ditto"], ["onix"]).matrix[0] == (0.375,)
    assert api.model_info().metrics["brier"] == 0.0042
    assert api.version() == "0.1.0"


def test_a_matrix_of_another_size_is_an_error_of_ours(stub: Stub) -> None:
    lead = {"index": 3, "mean": 0.5, "worst": 0.5}
    for matrix in ([[0.5, 0.5]], [[0.5]]):
        stub.answers["/predict/team"] = {"matrix": matrix, "probability_a": 0.5, "lead_a": lead, "lead_b": lead}
        with pytest.raises(ServiceError, match="unexpected shape"):
            Api(stub.url).team(["pikachu"], ["onix"])


def test_a_name_cannot_leave_its_place_in_the_path(stub: Stub) -> None:
    stub.failing["/pokemon/"] = 404
    with pytest.raises(ServiceError):
        Api(stub.url).detail("../predict/team?x=1")
    assert stub.asked[0][1] == "/pokemon/..%2Fpredict%2Fteam%3Fx%3D1"


def test_an_answer_that_is_cut_off_is_away(stub: Stub) -> None:
    stub.cut = True
    with pytest.raises(ServiceError) as error:
        Api(stub.url).version()
    assert error.value.failure is Failure.AWAY


def test_versions_know_their_runs_and_the_report_is_found(stub: Stub) -> None:
    registry = MlflowRegistry(stub.url)
    versions = registry.versions("battle_winner")
    assert [(version.number, version.aliases) for version in versions] == [("2", ("champion",)), ("1", ("challenger",))]
    assert versions[0].log_loss == 0.0421
    assert versions[0].brier == pytest.approx(0.00421)
    assert stub.asked[-1][2]["experiment_ids"] == ["1"]
    assert stub.asked[-1][2]["filter"] == "attributes.run_id IN ('run2', 'run1')"
    current = served(versions, "ab" * 32)
    assert current is versions[0]
    assert served(versions, "00") is None
    report = registry.report(current)
    assert stub.asked[-1][1] == "/api/2.0/mlflow-artifacts/artifacts/1/run2/artifacts/report/report.json"
    assert report
    assert len(report.held_out) == 10, "the empty bin is left out"
    assert report.importances[0] == ("race", 0.61)
    stub.answers["/api/2.0/mlflow/artifacts/list"] = {}
    assert registry.report(current) is None


def test_files_outside_mlflows_own_server_are_refused(stub: Stub) -> None:
    path = "/api/2.0/mlflow/model-versions/search"
    item = {"version": "1", "creation_timestamp": 0, "run_id": "r", "source": "s3://elsewhere/1/r"}
    stub.answers[path] = {"model_versions": [item]}
    with pytest.raises(ServiceError) as error:
        MlflowRegistry(stub.url).versions("battle_winner")
    assert (error.value.service, error.value.failure) == (Service.MLFLOW, Failure.OTHER)


def test_everything_is_watched_with_one_query(stub: Stub) -> None:
    watch = Prometheus(stub.url).watch(1_000_003.0, 900)
    assert len(stub.asked) == 1
    assert (watch.end - watch.start, watch.end % 7) == (900, 0)
    assert len(watch.series["requests"]) == 129
    assert watch.up == {"api": True, "node-exporter": True, "prometheus": True}
    assert watch.alerts == ()
    assert "WINDOW" not in every_line(7)
    assert "[60s]" in every_line(7)
    assert "[1440s]" in every_line(720)


def test_what_fires_now_is_told_from_what_fired_before(stub: Stub) -> None:
    def alert(name: str, until: float) -> dict[str, object]:
        return {"metric": {"series": "alert", "alertname": name, "severity": "critical"}, "values": [[until, "1"]]}

    up = {"metric": {"series": "up", "job": "api"}, "values": [[999_100.0, "1"], [999_999.0, "0"]]}
    odd = {"metric": {"series": "requests"}, "values": [[999_100.0, "NaN"], [999_107.0, "+Inf"], [999_114.0, "2"]]}
    result = [alert("Now", 999_999.0), alert("Before", 999_500.0), up, odd]
    stub.answers["/api/v1/query_range"] = {"status": "success", "data": {"result": result}}
    watch = Prometheus(stub.url).watch(1_000_003.0, 900)
    assert [alert.name for alert in watch.alerts] == ["Now"]
    assert watch.up == {"api": False}
    assert watch.series["requests"] == ((999_114.0, 2.0),)


def test_drift_is_sorted_and_without_what_is_not_a_number(stub: Stub) -> None:
    drift = Prometheus(stub.url).drift()
    assert drift.indices == (("a_speed", 0.31), ("race", 0.02))
    assert drift.rows == 4120
