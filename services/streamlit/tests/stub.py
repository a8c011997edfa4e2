"""A stand-in for the API, MLflow and Prometheus on loopback: real HTTP, a Pokédex of three, odds one can compute in one's head.

`python tests/stub.py PORT` serves it with the whole shipped Pokédex, to look at the page without a stack.
"""

import json
import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from predictiondex.queries import EXPRESSIONS

REPOSITORY = Path(__file__).resolve().parents[3]
SNAPSHOT = REPOSITORY / "services/etl/data/snapshot.json"
SHA256 = "ab" * 32
STATS = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")


def _pokemon(number: int, slug: str, names: tuple[str, str], types: list[str], stats: tuple[int, ...]) -> dict[str, Any]:
    return {
        "id": number,
        "species_id": number,
        "slug": slug,
        "name_en": names[0],
        "name_fr": names[1],
        "form": "base",
        "types": types,
        "stats": dict(zip(STATS, stats, strict=True)),
        "height_dm": 4,
        "weight_hg": 60,
        "learnset": [],
    }


def _move(number: int, names: tuple[str, str], type_: str, power: int | None) -> dict[str, Any]:
    return {
        "id": number,
        "slug": names[0].lower().replace(" ", "-"),
        "name_en": names[0],
        "name_fr": names[1],
        "type": type_,
        "category": "status" if power is None else "physical",
        "power": power,
        "accuracy": None if power is None else 90,
        "pp": 15,
        "priority": 0,
        "min_hits": 1,
        "max_hits": 1,
    }


MOVES = [
    _move(57, ("Surf", "Surf"), "electric", 90),
    _move(157, ("Rock Slide", "Éboulement"), "rock", 75),
    _move(86, ("Thunder Wave", "Cage Éclair"), "electric", None),
]
POKEMON = [
    _pokemon(25, "pikachu", ("Pikachu", "Pikachu"), ["electric"], (35, 55, 40, 50, 50, 90)),
    _pokemon(95, "onix", ("Onix", "Onix"), ["rock", "ground"], (35, 45, 160, 30, 45, 70)),
    _pokemon(132, "ditto", ("Ditto", "Métamorph"), ["normal"], (48, 48, 48, 48, 48, 48)),
]
POKEMON[0]["learnset"] = [{"move_id": 57, "method": "machine", "level": 0}, {"move_id": 86, "method": "level-up", "level": 12}]
POKEMON[1]["learnset"] = [{"move_id": 157, "method": "level-up", "level": 1}]
TYPES = [
    {"id": 13, "slug": "electric", "name_en": "Electric", "name_fr": "Électrik"},
    {"id": 6, "slug": "rock", "name_en": "Rock", "name_fr": "Roche"},
    {"id": 5, "slug": "ground", "name_en": "Ground", "name_fr": "Sol"},
    {"id": 1, "slug": "normal", "name_en": "Normal", "name_fr": "Normal"},
]
CHART = {("electric", "ground"): 0.0, ("ground", "electric"): 2.0, ("ground", "rock"): 2.0, ("normal", "rock"): 0.5}
ODDS = {("pikachu", "onix"): 0.375, ("onix", "pikachu"): 0.625, ("pikachu", "ditto"): 0.5}
BEST_MOVES = {"pikachu": "Surf", "onix": "Rock Slide", "ditto": None}


@dataclass
class World:
    """What there is to know."""

    pokemon: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    types: list[dict[str, Any]]
    chart: dict[tuple[str, str], float]

    def one(self, slug: str) -> dict[str, Any]:
        return next(pokemon for pokemon in self.pokemon if pokemon["slug"] == slug)

    def odds(self, a: str, b: str) -> float:
        """Of the table, else by the totals of the stats."""
        if (a, b) in ODDS:
            return ODDS[a, b]
        ahead = sum(self.one(a)["stats"].values()) - sum(self.one(b)["stats"].values())
        return round(1 / (1 + math.exp(-ahead / 60)), 4)


def small() -> World:
    return World(POKEMON, MOVES, TYPES, CHART)


@cache
def whole() -> World:
    """The Pokédex that is shipped with the ETL."""
    dex = json.loads(SNAPSHOT.read_text())["pokedex"]
    types = [{"id": i + 1, "slug": item["type"], **item} for i, item in enumerate(dex["types"])]
    slugs = [item["slug"] for item in types]
    chart = {(attack, defend): dex["chart"][i][j] / 2 for i, attack in enumerate(slugs) for j, defend in enumerate(slugs)}
    return World(dex["pokemon"], dex["moves"], types, chart)


@dataclass
class Stub:
    """What the stub was asked, and how it is to answer. `failing` has a status for paths that begin so."""

    url: str = ""
    status: int = 200
    body: bytes | None = None
    # Whether answers end before they are whole.
    cut: bool = False
    failing: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    world: World = field(default_factory=small)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def status_of(self, path: str) -> int:
        return next((status for start, status in self.failing.items() if path.startswith(start)), self.status)

    def answer(self, address: str, body: Any) -> Any:
        parts = urlsplit(address)
        path = unquote(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if path in self.answers:
            return self.answers[path]
        if path.startswith("/api/2.0/"):
            return self.mlflow(path)
        if path.startswith("/api/v1/"):
            return prometheus(path, query)
        return self.predict(path, query, body) if path.startswith("/predict/") else self.pokedex(path)

    def pokedex(self, path: str) -> Any:
        world = self.world
        match path.strip("/").split("/"):
            case ["pokemon", slug]:
                return self.detail(slug)
            case ["pokemon"]:
                items = [{k: v for k, v in item.items() if k != "learnset"} for item in world.pokemon]
            case ["moves"]:
                items = world.moves
            case ["types"]:
                items = world.types
            case ["types", "affinities"]:
                slugs = [item["slug"] for item in world.types]
                pairs = [(attack, defend) for attack in slugs for defend in slugs]
                items = [{"attack": a, "defend": d, "factor": world.chart.get((a, d), 1)} for a, d in pairs]
            case ["version"]:
                return {"name": "pdex-api", "version": "0.1.0", "model": None, "pokedex": None}
            case _:
                raise AssertionError(f"the stub has no {path}")
        return {"total": len(items), "items": items}

    def predict(self, path: str, query: dict[str, str], body: Any) -> Any:
        match path.removeprefix("/predict/"):
            case "battle":
                return self.battle(query, body["pokemon_a"], body["pokemon_b"])
            case "explain":
                return explanation(self.world.odds(query["pokemon_a"], query["pokemon_b"]))
            case "best-move":
                return self.best_move(body["pokemon_a"], body["pokemon_b"])
            case "team":
                return self.team(body["team_a"], body["team_b"])
            case "model-info":
                return model_info()
            case _:
                raise AssertionError(f"the stub has no {path}")

    def detail(self, slug: str) -> dict[str, Any]:
        world, pokemon = self.world, self.world.one(slug)
        moves = {move["id"]: move for move in world.moves}
        learnset = [
            {
                "move_id": learn["move_id"],
                **{key: moves[learn["move_id"]][key] for key in ("slug", "name_en", "name_fr")},
                "method": learn["method"],
                "level": learn["level"] if learn["method"] == "level-up" else None,
            }
            for learn in pokemon["learnset"]
        ]
        factors = {
            item["slug"]: math.prod(world.chart.get((item["slug"], own), 1) for own in pokemon["types"]) for item in world.types
        }
        weaknesses = [{"type": slug, "factor": factor} for slug, factor in factors.items() if factor != 1]
        line: dict[str, Any] = {"from": None, "to": []}
        if slug == "pikachu":
            raichu = {"id": 26, "slug": "raichu", "name_en": "Raichu", "name_fr": "Raichu"}
            how = {"trigger": "use-item", "min_level": None, "item": "thunder-stone", "friendship": False}
            line = {"from": None, "to": [{**raichu, **how}]}
        return {**pokemon, "learnset": learnset, "weaknesses": weaknesses, "evolutions": line}

    def battle(self, query: dict[str, str], a: str, b: str) -> dict[str, Any]:
        odds = self.world.odds(a, b)
        simulated = query.get("method") == "simulate"
        return {
            "winner": "",
            "probability_a": odds,
            "probability_b": 1 - odds,
            "confidence": max(odds, 1 - odds),
            "best_move_a": BEST_MOVES.get(a, "Surf"),
            "best_move_b": BEST_MOVES.get(b, "Surf"),
            "method": "simulate" if simulated else "model",
            "model": None if simulated else {"name": "battle_winner", "version": "7"},
            "simulation": {"battles": 2000, "draws": 3, "low": odds - 0.02, "high": odds + 0.02} if simulated else None,
        }

    def best_move(self, a: str, b: str) -> dict[str, Any]:
        world = self.world
        moves = {move["id"]: move for move in world.moves}
        own = {learn["move_id"]: moves[learn["move_id"]] for learn in world.one(a)["learnset"]}
        attacks = sorted((move for move in own.values() if move["power"]), key=lambda move: -move["power"])
        ranked = [
            {
                **{key: move[key] for key in ("id", "slug", "name_en", "name_fr", "type", "category")},
                "probability_a": round(world.odds(a, b) * move["power"] / attacks[0]["power"], 4),
                "effectiveness": math.prod(world.chart.get((move["type"], t), 1) for t in world.one(b)["types"]),
                "same_type": move["type"] in world.one(a)["types"],
                "accuracy": 0.9,
                "damage": {"min": 40.0, "mean": 44.0, "max": 48.0, "expected": 39.6, "foe_hp": 110},
            }
            for move in attacks
        ]
        return {"best_move": None, "moves": ranked, "model": {"name": "battle_winner", "version": "7"}}

    def team(self, team_a: list[str], team_b: list[str]) -> dict[str, Any]:
        matrix = [[self.world.odds(a, b) for b in team_b] for a in team_a]
        leads = []
        for rows in (matrix, [[1 - row[j] for row in matrix] for j in range(len(team_b))]):
            means = [sum(row) / len(row) for row in rows]
            index = means.index(max(means))
            leads.append({"name": "", "index": index, "mean": means[index], "worst": min(rows[index])})
        flat = [odds for row in matrix for odds in row]
        return {"matrix": matrix, "probability_a": sum(flat) / len(flat), "lead_a": leads[0], "lead_b": leads[1]}

    def mlflow(self, path: str) -> Any:
        match path.rsplit("/", 2)[-2:]:
            case ["registered-models", "get"]:
                aliases = [{"alias": "champion", "version": "2"}, {"alias": "challenger", "version": "1"}]
                return {"registered_model": {"name": "battle_winner", "aliases": aliases}}
            case ["model-versions", "search"]:
                return {"model_versions": [version("2", "run2"), version("1", "run1")]}
            case ["runs", "search"]:
                return {"runs": [run("run2", 0.0421, SHA256), run("run1", 0.05, "cd" * 32)]}
            case ["artifacts", "list"]:
                return {"files": [{"path": f"report/{name}"} for name in ("index.html", "report.json")]}
            case ["report", "report.json"]:
                return report()
            case _:
                raise AssertionError(f"the stub has no {path}")


def explanation(odds: float) -> dict[str, Any]:
    sign = 1 if odds >= 0.5 else -1
    parts = [("race", 0.31 * sign, 1.2 * sign), ("a_speed", 142.0, 0.4), ("b_effectiveness", 2.0, -0.7), ("b_new", 1.5, 0.05)]
    contributions = [{"feature": name, "value": value, "contribution": part} for name, value, part in parts]
    return {"probability_a": odds, "base": 0.0, "contributions": contributions, "rest": -0.12}


def model_info() -> dict[str, Any]:
    measures = {"brier": 0.0042, "log_loss": 0.21, "auc": 0.9991, "accuracy_decided": 0.997, "ece": 0.003}
    measures["mean_absolute_error"] = 0.041
    prefixes = {"": 1.0, "unseen_species_": 0.9, "baseline_logistic_": 0.8, "baseline_type_chart_": 0.6}
    return {
        "name": "battle_winner",
        "version": "7",
        "model_sha256": SHA256,
        "trained_at": "2026-11-26T06:30:12Z",
        "xgboost_version": "3.2.0",
        "data_hash": "00",
        "scenarios": ["best_move", "random_move"],
        "features": ["a_hp", "b_hp"],
        "metrics": {f"{prefix}{name}": value * by for prefix, by in prefixes.items() for name, value in measures.items()},
        "parameters": {"max_depth": "8", "eta": "0.1"},
        "split": {"train_matchups": 1, "test_matchups": 1, "train_rows": 175750, "test_rows": 35150},
    }


def version(number: str, run_id: str) -> dict[str, Any]:
    return {
        "name": "battle_winner",
        "version": number,
        "creation_timestamp": 1764140000000 + int(number) * 86_400_000,
        "run_id": run_id,
        "source": f"mlflow-artifacts:/1/{run_id}/artifacts/model",
    }


def run(run_id: str, loss: float, sha256: str) -> dict[str, Any]:
    metrics = [{"key": "log_loss", "value": loss}, {"key": "brier", "value": loss / 10}]
    return {"info": {"run_id": run_id}, "data": {"metrics": metrics, "tags": [{"key": "model_sha256", "value": sha256}]}}


def report() -> dict[str, Any]:
    bins = [{"predicted": i / 10 + 0.05, "happened": i / 10 + 0.05 + 0.01 * (-1) ** i, "weight": 10.0} for i in range(10)]
    empty = {"predicted": 0.0, "happened": 0.0, "weight": 0.0}
    unseen = [{**part, "happened": part["happened"] ** 1.1} for part in bins]
    gains = [("race", 0.61), ("a_faint_in_one", 0.12), ("b_uses_to_faint", 0.09), ("speed_difference", 0.05), ("b_hp", 0.02)]
    return {
        "version": 1,
        "calibration": {"held_out": [*bins, empty], "unseen": unseen},
        "importances": [{"feature": name, "gain": gain, "splits": 9} for name, gain in gains],
    }


LEVELS = {
    "confidence": 0.86,
    "memory_machine": 0.41,
    "cpu_machine": 0.3,
    "cpu_api": 0.2,
    "memory_api": 2.4e7,
    "errors_5xx": 0.0,
}
LEVELS |= {"errors_4xx": 0.03, "requests": 42.0, "predictions": 310.0, "model_p50": 2.1e-5, "model_p99": 9.3e-5}
LEVELS |= {"latency_p50": 8e-4, "latency_p95": 2.2e-3, "latency_p99": 4.1e-3}


def prometheus(path: str, query: dict[str, str]) -> dict[str, Any]:
    """Waves around a level for a range; a drift of two features for an instant."""
    if path.endswith("/query"):
        drifts = {"a_speed": "0.31", "race": "0.02", "b_hp": "NaN"}
        result = [{"metric": {"series": "index", "feature": name}, "value": [0, value]} for name, value in drifts.items()]
        result.append({"metric": {"series": "rows"}, "value": [0, "4120"]})
        return {"status": "success", "data": {"resultType": "vector", "result": result}}
    start, end, step = (float(query[key]) for key in ("start", "end", "step"))
    times = [start + i * step for i in range(int((end - start) / step) + 1)]
    result = []
    for job, value in (("api", "1"), ("node-exporter", "1"), ("prometheus", "1")):
        result.append({"metric": {"series": "up", "job": job}, "values": [[instant, value] for instant in times]})
    for name in EXPRESSIONS.keys() - {"up", "alert"}:
        level = LEVELS[name]
        wave = [(instant, level * (1 + 0.12 * math.sin(instant / 90) + 0.03 * math.sin(instant / 17))) for instant in times]
        result.append({"metric": {"series": name}, "values": [[instant, repr(value)] for instant, value in wave]})
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@contextmanager
def running(world: World | None = None, port: int = 0) -> Iterator[Stub]:
    """Serve on a port of loopback until the block ends; a free one by default."""
    stub = Stub(world=world or small())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            stub.asked.append((self.command, self.path, body))
            stub.keys.append(self.headers.get("X-API-Key"))
            status = stub.status_of(self.path)
            if status == 200:
                content = stub.body or json.dumps(stub.answer(self.path, body)).encode()
            else:
                content = stub.body or json.dumps({"title": "Title", "detail": "Failing: model."}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-1] if stub.cut else content)
            self.close_connection |= stub.cut

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with running(whole(), int(sys.argv[1])):
        while True:
            time.sleep(3600)
