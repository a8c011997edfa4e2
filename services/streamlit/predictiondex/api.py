"""The API of PredictionDex as this page needs it. Knows nothing of Streamlit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from predictiondex.dex import Detail, Item, Move, Names, Pokedex, Pokemon
from predictiondex.web import Failure, Service, ServiceError, Web

# The Pokédex of Let's Go has 188 Pokémon and 226 moves; the API hands out at most this many at once.
PAGE = 500
FIELDS = "id,species_id,slug,name_en,name_fr,form,types,stats,height_dm,weight_hg"
# What of an explanation is shown one by one; the rest is shown as a sum.
REASONS = 12
T = TypeVar("T")


@dataclass(frozen=True)
class Side:
    """A Pokémon and the moves it fights with, by their slugs; without any it has its best set."""

    slug: str
    moves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """The odds of a battle; a best move is `None` for a Pokémon without a damaging move."""

    probability_a: float
    probability_b: float
    best_move_a: str | None
    best_move_b: str | None
    model: str
    version: str


@dataclass(frozen=True)
class Simulation:
    """What came of battles that were fought; the interval is that of 95 %."""

    probability_a: float
    low: float
    high: float
    battles: int
    draws: int


@dataclass(frozen=True)
class RankedMove:
    """A move against a foe, as if the battle opened with it."""

    names: Names
    type: str
    category: str
    probability: float
    effectiveness: float
    same_type: bool
    accuracy: float
    damage: tuple[float, float, float]
    foe_hp: int


@dataclass(frozen=True)
class Reason:
    """What one feature adds to the log-odds of the first Pokémon."""

    feature: str
    value: float
    log_odds: float


@dataclass(frozen=True)
class Explanation:
    """Why the odds are what they are; `rest` is what the reasons that were left out add up to."""

    probability_a: float
    reasons: tuple[Reason, ...]
    rest: float


@dataclass(frozen=True)
class Lead:
    """The member of a team that should go first."""

    index: int
    mean: float
    worst: float


@dataclass(frozen=True)
class Team:
    """Two teams: the odds of each member of the first against each of the second."""

    matrix: tuple[tuple[float, ...], ...]
    probability_a: float
    lead_a: Lead
    lead_b: Lead


@dataclass(frozen=True)
class ModelInfo:
    """The model that answers and how it came to be."""

    name: str
    version: str
    sha256: str
    trained_at: str
    xgboost: str
    scenarios: tuple[str, ...]
    features: int
    metrics: Mapping[str, float]
    parameters: Mapping[str, str]
    train_rows: int
    test_rows: int


class Api:
    """A connection to the API. Every method raises `ServiceError` and nothing else."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._web = Web(Service.API, base_url, key)

    def pokedex(self) -> Pokedex:
        """Fetch all Pokémon, moves and types."""
        pokemon = self._items("/pokemon", limit=PAGE, fields=FIELDS)
        moves = self._items("/moves", limit=PAGE)
        types = self._items("/types")
        if not pokemon:
            raise ServiceError(Service.API, Failure.NOT_READY, "the Pokédex is empty")
        return self._read(
            "the Pokédex",
            lambda: Pokedex(
                pokemon={str(item["slug"]): Pokemon.of(item) for item in pokemon},
                moves={str(item["slug"]): Move.of(item) for item in moves},
                types={str(item["slug"]): Names.of(item) for item in types},
            ),
        )

    def detail(self, slug: str) -> Detail:
        """Fetch all that is known of one Pokémon."""
        answer = self._web.json("GET", f"/pokemon/{quote(slug, safe='')}")
        return self._read("the Pokémon", lambda: Detail.of(answer))

    def affinities(self) -> dict[tuple[str, str], float]:
        """Fetch the factor of each attacking type against each defending one."""
        items = self._items("/types/affinities")
        return self._read(
            "the chart of types",
            lambda: {(str(item["attack"]), str(item["defend"])): float(item["factor"]) for item in items},
        )

    def predict(self, a: Side, b: Side) -> Prediction:
        """Ask the model for the odds of a battle."""
        answer = self._web.json("POST", "/predict/battle", json=_battle(a, b))
        return self._read(
            "the prediction",
            lambda: Prediction(
                probability_a=float(answer["probability_a"]),
                probability_b=float(answer["probability_b"]),
                best_move_a=answer["best_move_a"],
                best_move_b=answer["best_move_b"],
                model=str(answer["model"]["name"]),
                version=str(answer["model"]["version"]),
            ),
        )

    def simulate(self, a: Side, b: Side) -> Simulation:
        """Have the battle fought many times."""
        answer = self._web.json("POST", "/predict/battle", params={"method": "simulate"}, json=_battle(a, b))
        return self._read(
            "the simulation",
            lambda: Simulation(
                probability_a=float(answer["probability_a"]),
                low=float(answer["simulation"]["low"]),
                high=float(answer["simulation"]["high"]),
                battles=int(answer["simulation"]["battles"]),
                draws=int(answer["simulation"]["draws"]),
            ),
        )

    def ranked_moves(self, a: Side, b: Side) -> tuple[RankedMove, ...]:
        """Rank the moves of the first against the second, the best first."""
        answer = self._web.json("POST", "/predict/best-move", json=_battle(a, b))
        return self._read("the ranking of moves", lambda: tuple(_ranked(item) for item in answer["moves"]))

    def explain(self, a: str, b: str) -> Explanation:
        """Ask which features decide a battle; the API explains best sets of moves only."""
        query: dict[str, str | int] = {"pokemon_a": a, "pokemon_b": b, "limit": REASONS}
        answer = self._web.json("GET", "/predict/explain", params=query)
        return self._read(
            "the explanation",
            lambda: Explanation(
                probability_a=float(answer["probability_a"]),
                reasons=tuple(
                    Reason(str(item["feature"]), float(item["value"]), float(item["contribution"]))
                    for item in answer["contributions"]
                ),
                rest=float(answer["rest"]),
            ),
        )

    def team(self, team_a: Sequence[str], team_b: Sequence[str]) -> Team:
        """Ask for the odds of each member of a team against each of another."""
        answer = self._web.json("POST", "/predict/team", json={"team_a": list(team_a), "team_b": list(team_b)})
        return self._read("the prediction of teams", lambda: _team(answer, (len(team_a), len(team_b))))

    def model_info(self) -> ModelInfo:
        """Fetch what is known of the model that answers."""
        answer = self._web.json("GET", "/predict/model-info")
        return self._read(
            "the model's description",
            lambda: ModelInfo(
                name=str(answer["name"]),
                version=str(answer["version"]),
                sha256=str(answer["model_sha256"]),
                trained_at=str(answer["trained_at"]),
                xgboost=str(answer["xgboost_version"]),
                scenarios=tuple(str(name) for name in answer["scenarios"]),
                features=len(answer["features"]),
                metrics={str(name): float(value) for name, value in answer["metrics"].items()},
                parameters={str(name): str(value) for name, value in answer["parameters"].items()},
                train_rows=int(answer["split"]["train_rows"]),
                test_rows=int(answer["split"]["test_rows"]),
            ),
        )

    def version(self) -> str:
        """Fetch the version of the API's program."""
        answer = self._web.json("GET", "/version")
        return self._read("the version", lambda: str(answer["version"]))

    def _items(self, path: str, **query: int | str) -> list[Item]:
        items = self._web.json("GET", path, params=query).get("items")
        if not isinstance(items, list):
            raise ServiceError(Service.API, Failure.OTHER, f"{path} answered without a list of items")
        return items

    def _read(self, what: str, reading: Callable[[], T]) -> T:
        try:
            return reading()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._web.wrong_shape(what, error) from error


def _battle(a: Side, b: Side) -> dict[str, Any]:
    body: dict[str, Any] = {"pokemon_a": a.slug, "pokemon_b": b.slug}
    if a.moves:
        body["moves_a"] = list(a.moves)
    if b.moves:
        body["moves_b"] = list(b.moves)
    return body


def _ranked(item: Item) -> RankedMove:
    damage = item["damage"]
    return RankedMove(
        names=Names.of(item),
        type=str(item["type"]),
        category=str(item["category"]),
        probability=float(item["probability_a"]),
        effectiveness=float(item["effectiveness"]),
        same_type=bool(item["same_type"]),
        accuracy=float(item["accuracy"]),
        damage=(float(damage["min"]), float(damage["mean"]), float(damage["max"])),
        foe_hp=int(damage["foe_hp"]),
    )


def _team(answer: Item, shape: tuple[int, int]) -> Team:
    matrix = tuple(tuple(float(odds) for odds in row) for row in answer["matrix"])
    if len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix):
        raise ValueError(f"the matrix is not {shape[0]} by {shape[1]}")
    leads = [
        Lead(int(answer[name]["index"]), float(answer[name]["mean"]), float(answer[name]["worst"]))
        for name in ("lead_a", "lead_b")
    ]
    if not all(0 <= lead.index < size for lead, size in zip(leads, shape, strict=True)):
        raise ValueError("a lead is no member of its team")
    return Team(matrix, float(answer["probability_a"]), leads[0], leads[1])
