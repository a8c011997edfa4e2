"""Every word of the page, in French and in English."""

from dataclasses import dataclass
from typing import Literal

from predictiondex.api import Failure, Names

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")


@dataclass(frozen=True)
class Words:
    """What the page says in one language."""

    label: str
    tagline: str
    first: str
    second: str
    predict: str
    same: str
    chosen: str
    winner: str
    even: str
    best_move: str
    no_move: str
    model: str
    retry: str
    failures: dict[Failure, tuple[str, str]]


FRENCH = Words(
    label="Français",
    tagline="Qui gagne ? Un modèle XGBoost donne les chances de chaque Pokémon de *Let's Go*.",
    first="Premier Pokémon",
    second="Second Pokémon",
    predict="Prédire le combat",
    same="Un Pokémon contre lui-même : les chances sont égales.",
    chosen="Choisissez deux Pokémon, puis lancez la prédiction.",
    winner="{name} est favori",
    even="Combat équilibré",
    best_move="Meilleure attaque",
    no_move="aucune attaque offensive",
    model="Modèle {name}, version {version}",
    retry="Réessayer",
    failures={
        Failure.AWAY: (
            "L'API ne répond pas.",
            "Elle démarre peut-être encore : réessayez dans quelques secondes. Sinon, `pdex ps` montre son état et "
            "`pdex logs api` dit pourquoi.",
        ),
        Failure.NOT_READY: (
            "L'API n'est pas prête : il lui manque un modèle ou ses données.",
            "Le premier démarrage importe le Pokédex et entraîne le modèle ; `pdex logs etl ml_builder` montre où il en "
            "est. Réessayez ensuite.",
        ),
        Failure.REFUSED_KEY: (
            "L'API refuse la clé de cette page.",
            "Donnez la même valeur d'`API_KEY` aux deux services dans `.env`, puis lancez `pdex up`.",
        ),
        Failure.OTHER: ("L'API a répondu par une erreur.", "`pdex logs api` montre la requête fautive."),
    },
)

ENGLISH = Words(
    label="English",
    tagline="Who wins? An XGBoost model gives the odds of every Pokémon of *Let's Go*.",
    first="First Pokémon",
    second="Second Pokémon",
    predict="Predict the battle",
    same="A Pokémon against itself: the odds are even.",
    chosen="Choose two Pokémon, then ask for the prediction.",
    winner="{name} is the favourite",
    even="An even battle",
    best_move="Best move",
    no_move="no damaging move",
    model="Model {name}, version {version}",
    retry="Try again",
    failures={
        Failure.AWAY: (
            "The API does not answer.",
            "It may still be starting: try again in a few seconds. If not, `pdex ps` shows its state and `pdex logs api` "
            "says why.",
        ),
        Failure.NOT_READY: (
            "The API is not ready: it lacks a model or its data.",
            "The first start imports the Pokédex and trains the model; `pdex logs etl ml_builder` shows how far it is. Then "
            "try again.",
        ),
        Failure.REFUSED_KEY: (
            "The API refuses this page's key.",
            "Give both services the same `API_KEY` in `.env`, then run `pdex up`.",
        ),
        Failure.OTHER: ("The API answered with an error.", "`pdex logs api` shows the request that failed."),
    },
)


def words(language: Language) -> Words:
    """The words of a language."""
    return FRENCH if language == "fr" else ENGLISH


def name(names: Names, language: Language) -> str:
    """What something is called in a language."""
    return names.fr if language == "fr" else names.en


def percent(share: float, language: Language) -> str:
    """A share as a percentage with one decimal, as the language writes it; never a certainty it is not."""
    rounded = min(max(share, 0.001), 0.999) if 0.0 < share < 1.0 else share
    text = f"{rounded * 100:.1f}"
    return f"{text.replace('.', ',')} %" if language == "fr" else f"{text}%"
