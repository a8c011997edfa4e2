"""The API of PredictionDex as this page needs it. Knows nothing of Streamlit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import requests

# The Pokédex of Let's Go has 188 Pokémon and 226 moves; the API hands out at most this many at once.
PAGE = 500
CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0


class Failure(Enum):
    """Why there is no answer, as far as a visitor can do something about it."""

    AWAY = "away"
    NOT_READY = "not_ready"
    REFUSED_KEY = "refused_key"
    OTHER = "other"


class ApiError(Exception):
    """No usable answer; `detail` is what the API or the network said."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True)
class Names:
    """What something is called in the two languages of the page."""

    en: str
    fr: str


@dataclass(frozen=True)
class Pokemon:
    """One Pokémon as the list shows it."""

    slug: str
    species_id: int
    names: Names
    types: tuple[str, ...]


@dataclass(frozen=True)
class Pokedex:
    """Everything the page chooses from and names things with; moves go by their English name, types by their slug."""

    pokemon: tuple[Pokemon, ...]
    moves: Mapping[str, Names]
    types: Mapping[str, Names]


@dataclass(frozen=True)
class Prediction:
    """The odds of a battle; `None` for a Pokémon without a damaging move."""

    probability_a: float
    probability_b: float
    best_move_a: str | None
    best_move_b: str | None
    model: str
    version: str


class Api:
    """A connection to the API. Every method raises `ApiError` and nothing else."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # A service of the same network: proxies and .netrc files have no say.
        self._session.trust_env = False
        if key:
            self._session.headers["X-API-Key"] = key

    def pokedex(self) -> Pokedex:
        """Fetch the names of all Pokémon, moves and types."""
        pokemon = self._items("/pokemon", limit=PAGE)
        moves = self._items("/moves", limit=PAGE)
        types = self._items("/types")
        if not pokemon:
            raise ApiError(Failure.NOT_READY, "the Pokédex is empty")
        try:
            return Pokedex(
                pokemon=tuple(_pokemon(item) for item in pokemon),
                moves={item["name_en"]: _names(item) for item in moves},
                types={item["slug"]: _names(item) for item in types},
            )
        except (KeyError, TypeError) as error:
            raise ApiError(Failure.OTHER, f"the Pokédex has an unexpected shape: {error!r}") from error

    def predict(self, a: str, b: str) -> Prediction:
        """Ask for the odds of a battle between two Pokémon, given by their slugs."""
        answer = self._json("POST", "/predict/battle", json={"pokemon_a": a, "pokemon_b": b})
        try:
            return Prediction(
                probability_a=float(answer["probability_a"]),
                probability_b=float(answer["probability_b"]),
                best_move_a=answer["best_move_a"],
                best_move_b=answer["best_move_b"],
                model=str(answer["model"]["name"]),
                version=str(answer["model"]["version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(Failure.OTHER, f"the prediction has an unexpected shape: {error!r}") from error

    def _items(self, path: str, **query: int) -> list[dict[str, Any]]:
        items = self._json("GET", path, params=query).get("items")
        if not isinstance(items, list):
            raise ApiError(Failure.OTHER, f"{path} answered without a list of items")
        return items

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._session.request(method, self._base_url + path, timeout=(CONNECT_SECONDS, READ_SECONDS), **request)
        except requests.RequestException as error:
            raise ApiError(Failure.AWAY, f"{self._base_url} does not answer ({type(error).__name__})") from error
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if response.ok and isinstance(body, dict):
            return body
        raise _refusal(response.status_code, body)


def _refusal(status: int, body: object) -> ApiError:
    """The error behind a problem document (RFC 9457), or behind whatever stands in its place."""
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    words = f"{status}: {detail}" if detail else f"the answer was {status}"
    match status:
        case 401 | 403:
            return ApiError(Failure.REFUSED_KEY, words)
        case 502 | 503 | 504:
            return ApiError(Failure.NOT_READY, words)
        case _:
            return ApiError(Failure.OTHER, words)


def _names(item: Mapping[str, Any]) -> Names:
    return Names(en=str(item["name_en"]), fr=str(item["name_fr"]))


def _pokemon(item: Mapping[str, Any]) -> Pokemon:
    return Pokemon(
        slug=str(item["slug"]),
        species_id=int(item["species_id"]),
        names=_names(item),
        types=tuple(str(slug) for slug in item["types"]),
    )
