"""Numbers and colours as Grafana writes them. What a whole picture holds is looked at in test_data_path.py."""

import math

import pytest

from grafana import Range
from picture import colour_of, mapped, spell, stretches


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "written"),
    [
        (0.0, "s", None, "0 s"),
        (0.00238, "s", None, "2.38 ms"),
        (0.000187, "s", None, "187 µs"),
        (124.0, "s", 1, "2.07 mins"),
        (7200.0, "s", None, "2 hours"),
        (0.595, "percentunit", 1, "59.5 %"),
        (24 * 1024.0**3, "bytes", None, "24 GiB"),
        (0.0, "bytes", None, "0 B"),
        (12.34, "reqps", None, "12.3 req/s"),
        (12_340.0, "ops", None, "12.3 K ops/s"),
        (3.0, "none", 0, "3"),
        (math.nan, "s", None, "nan"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, decimals: int | None, written: str) -> None:
    assert spell(value, unit, decimals) == written


def test_the_last_bound_that_is_passed_gives_the_colour() -> None:
    defaults = {"thresholds": {"steps": [{"color": "green", "value": None}, {"color": "red", "value": 0.5}]}}
    assert colour_of(0.4, defaults) != colour_of(0.5, defaults) == colour_of(9.0, defaults)


def test_words_stand_for_values() -> None:
    few = {"type": "special", "options": {"match": "nan", "result": {"text": "too few", "color": "text"}}}
    yes = {"type": "value", "options": {"1": {"text": "yes", "color": "green"}}}
    found = [mapped(value, {"mappings": [few, yes]}) for value in (math.nan, 1.0, 2.0)]
    assert [one and one[0] for one in found] == ["too few", "yes", None]


def test_a_line_is_not_drawn_through_a_gap() -> None:
    points = [((at, 1.0), 0.0) for at in (0.0, 2.0, 4.0, 20.0, 22.0)]
    assert [len(run) for run in stretches(points, Range(0, 30, 2))] == [3, 2]
