"""Both languages say everything, and know what the rest of the platform calls its things."""

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from stub import REPOSITORY

from predictiondex.queries import DRIFT, DRIFT_ROWS, EXPRESSIONS
from predictiondex.web import Failure, Service, ServiceError
from predictiondex.words import Language, Words, advice, folded, number, percent, say
from predictiondex.words.english import ENGLISH
from predictiondex.words.french import FRENCH

# The same in both languages, by right.
SERVICE = REPOSITORY / "services/streamlit"
SOURCES = [SERVICE / "page.py", *SERVICE.glob("screens/*.py"), *SERVICE.glob("predictiondex/**/*.py")]
ALIKE = {"–", "PP", "Type", "Types", "Total", "Pokédex", "Quiz", "Surf", "{count} Pokémon", "{name}, version {version}"}


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, f"{path}[{key}]")
    else:
        for i, item in enumerate(value):
            yield from texts(item, f"{path}[{i}]")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_word_exists_in_both_languages() -> None:
    french, english = dict(texts(FRENCH)), dict(texts(ENGLISH))
    assert french.keys() == english.keys()
    assert len(french) > 200
    for path, text in french.items():
        assert text.strip(), path
        assert english[path].strip(), path
        assert placeholders(text) == placeholders(english[path]), path


def test_nothing_was_left_untranslated() -> None:
    english = dict(texts(ENGLISH))
    alike = {text for path, text in texts(FRENCH) if text == english[path] and len(text.split()) > 2}
    assert alike - ALIKE == set()


def test_every_word_is_said_somewhere() -> None:
    sources = " ".join(path.read_text() for path in SOURCES)
    names = {field.name for part in fields(Words) if part.name != "features" for field in fields(getattr(FRENCH, part.name))}
    assert {name for name in names if not re.search(rf"\.{name}\b", sources)} == set()


def test_every_feature_of_the_model_has_words() -> None:
    source = (REPOSITORY / "services/dex/src/features.rs").read_text()
    listed = source.partition("names! {\n    side: [")[2].partition("\n}")[0]
    names = set(re.findall(r'"(\w+)"', re.sub(r"//.*", "", listed)))
    assert len(names) == 31
    assert names == set(FRENCH.features) == set(ENGLISH.features)


def test_every_metric_that_is_drawn_is_one_of_the_projects_list() -> None:
    source = (REPOSITORY / "services/dex/src/metrics.rs").read_text()
    known = set(re.findall(r'"((?:api|model|process)_\w+)"', source))
    asked = " ".join([*EXPRESSIONS.values(), DRIFT, DRIFT_ROWS])
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:api|model|process)_\w+", asked)}
    assert named - known - {"model_name"} == set()
    assert len(named) > 8


def test_every_line_and_chart_has_words() -> None:
    lines = set(EXPRESSIONS) - {"up", "alert"}
    for words in (FRENCH, ENGLISH):
        assert lines == set(words.watching.lines)


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("failure", Failure)
def test_every_failure_of_every_service_has_a_next_step(service: Service, failure: Failure) -> None:
    for words in (FRENCH, ENGLISH):
        what, step = advice(ServiceError(service, failure, ""), words)
        assert what
        assert "pdex" in step


@pytest.mark.parametrize(
    ("share", "language", "text"),
    [(0.5, "fr", "50,0 %"), (0.37512, "en", "37.5%"), (0.99999, "en", "99.9%"), (0.0, "en", "0.0%"), (1.0, "fr", "100,0 %")],
)
def test_percentages_are_written_as_the_language_does(share: float, language: Language, text: str) -> None:
    assert percent(share, language) == text


def test_a_whole_percentage_is_no_certainty_either() -> None:
    assert (percent(0.9999, "en", 0), percent(0.0001, "fr", 0), percent(1.0, "en", 0)) == ("99%", "1 %", "100%")


def test_french_elides_before_a_vowel() -> None:
    assert say("Attaques de {name}", "fr", name="Évoli") == "Attaques d'Évoli"
    assert say("Attaques de {name}", "fr", name="Pikachu") == "Attaques de Pikachu"
    assert say("Moves of {name}", "en", name="Eevee") == "Moves of Eevee"


def test_numbers_are_written_as_the_language_does() -> None:
    assert (number(12345.678, 1, "fr"), number(12345.678, 1, "en")) == ("12\u202f345,7", "12,345.7")
    assert (number(-0.0, 0, "fr"), number(-0.004, 2, "en"), number(-0.006, 2, "en")) == ("0", "0.00", "-0.01")


def test_names_are_looked_up_without_accents_and_case() -> None:
    assert folded("Métamorph") == folded("METAMORPH") == "metamorph"
    assert folded("M. Mime") == "mmime"
