"""What the page says in French and in English, and how either writes names and numbers."""

import re
import unicodedata

from predictiondex.dex import Names
from predictiondex.web import Failure, ServiceError
from predictiondex.words.english import ENGLISH
from predictiondex.words.french import FRENCH
from predictiondex.words.shape import Advice, Language, Words

__all__ = ["LANGUAGES", "Language", "Words", "advice", "folded", "name", "number", "percent", "say", "words"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")


def words(language: Language) -> Words:
    """The words of a language."""
    return FRENCH if language == "fr" else ENGLISH


def advice(error: ServiceError, words: Words) -> Advice:
    """What to say about a failure: what happened, and what to do."""
    common = words.common
    if error.failure is Failure.AWAY:
        return common.away[error.service]
    if error.failure in common.failures and error.service.value == "api":
        return common.failures[error.failure]
    return common.broken[error.service]


def name(names: Names, language: Language) -> str:
    """What something is called in a language."""
    return names.fr if language == "fr" else names.en


def say(template: str, language: Language, **values: str | int) -> str:
    """A sentence with its names: French elides "de" before a vowel."""
    text = template.format(**values)
    return re.sub(r"\b([Dd])e (?=[AEIOUÉÈÊÎÔ])", r"\1'", text) if language == "fr" else text


def number(value: float, digits: int, language: Language) -> str:
    """A number as the language writes it."""
    text = f"{value:,.{digits}f}"
    # No nought below nought.
    text = text.removeprefix("-") if not text.strip("-0.,") else text
    # French: a narrow no-break space between thousands, a comma before decimals.
    return text.replace(",", "\u202f").replace(".", ",") if language == "fr" else text


def percent(share: float, language: Language, digits: int = 1) -> str:
    """A share as a percentage; never a certainty it is not."""
    least = 10.0 ** -(digits + 2)
    rounded = min(max(share, least), 1 - least) if 0.0 < share < 1.0 else share
    text = number(rounded * 100, digits, language)
    return f"{text} %" if language == "fr" else f"{text}%"


def folded(text: str) -> str:
    """A name as people look it up: without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
