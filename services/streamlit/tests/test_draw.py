"""What is drawn, without Streamlit."""

import base64
import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from stub import POKEMON, TYPES

from predictiondex.api import Explanation, Lead, Prediction, RankedMove, Reason, Simulation, Team
from predictiondex.dex import Names, Pokedex, Pokemon
from predictiondex.draw import battle, charts, colours, dex, markup, model, parts, team, watching
from predictiondex.mlflow import Bin, Report
from predictiondex.prometheus import Alert, Watch
from predictiondex.words.english import ENGLISH
from predictiondex.words.french import FRENCH

PIKACHU, ONIX, DITTO = (Pokemon.of(item) for item in POKEMON)
HOSTILE = Pokemon(1, "x", 1, Names("<script>", "<b>&"), "new", ("fire", "new"), (1, 2, 3, 4, 5, 999), 1, 1)
DEX = Pokedex(
    {pokemon.slug: pokemon for pokemon in (PIKACHU, ONIX, HOSTILE)}, {}, {str(item["slug"]): Names.of(item) for item in TYPES}
)


def prediction(share: float) -> Prediction:
    return Prediction(share, 1 - share, "Surf", None, "m", "1")


def svg(html: str) -> ElementTree.Element:
    """The picture in an image."""
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", html)
    assert found
    return ElementTree.fromstring(base64.b64decode(found.group(1)))


def test_names_are_escaped() -> None:
    html = battle.odds((HOSTILE, ONIX), prediction(0.7), DEX, ENGLISH, "en")
    assert "<script>" not in html
    assert "&lt;script&gt; is the favourite" in html
    assert "width:70.00%" in html
    assert "aria-label=" in html


def test_only_markup_is_taken_as_it_is() -> None:
    inner = markup.tag("b", "<i>", title='"><script>')
    assert inner == '<b title="&quot;&gt;&lt;script&gt;">&lt;i&gt;</b>'
    assert markup.tag("p", inner) == f"<p>{inner}</p>"


def test_even_odds_have_no_favourite() -> None:
    assert ENGLISH.battle.even in battle.odds((HOSTILE, ONIX), prediction(0.5), DEX, ENGLISH, "en")
    assert ENGLISH.battle.same in battle.odds((ONIX, ONIX), prediction(0.5), DEX, ENGLISH, "en")


@pytest.mark.parametrize("colour", [*colours.TYPES.values(), colours.UNKNOWN])
def test_types_can_be_read(colour: str) -> None:
    assert colours.contrast("#ffffff", colour) >= 4.5


def test_every_odds_can_be_read_on_its_colour() -> None:
    for i in range(1001):
        colour = colours.odds(i / 1000)
        assert colours.contrast(colours.ink_on(colour), colour) >= 4.5, (i, colour)


@pytest.mark.parametrize("colour", [colours.RED, colours.BLUE, colours.MUTED, colours.GREEN, colours.AMBER, colours.INK])
def test_text_can_be_read_on_paper_and_on_heads(colour: str) -> None:
    assert min(colours.contrast(colour, paper) for paper in (colours.PAPER, "#f3f5f9")) >= 4.5


@pytest.mark.parametrize("colour", dex.FACTOR_COLOURS.values())
def test_factors_can_be_read(colour: str) -> None:
    assert colours.contrast(colours.ink_on(colour), colour) >= 4.5


def test_reasons_stand_on_the_side_they_favour() -> None:
    why = Explanation(0.6, (Reason("race", 0.25, 1.0), Reason("b_hp", 120.0, -0.5), Reason("zzz", 1.0, 0.0)), 0.0)
    html = battle.reasons((PIKACHU, ONIX), why, ENGLISH, "en")
    assert "left:50%;width:50.0%" in html
    assert "right:50%;width:25.0%" in html
    assert "HP – Onix" in html
    assert "1.00 for Pikachu" in html
    nothing = battle.reasons((ONIX, ONIX), Explanation(0.5, (), 0.0), ENGLISH, "en")
    assert ENGLISH.battle.no_reason in nothing


def test_damage_is_a_share_of_the_foe() -> None:
    moves = [
        RankedMove(Names("Surf", "Surf"), "water", "special", 0.7, 2.0, True, 1.0, (50.0, 55.0, 60.0), 100),
        RankedMove(Names("Night Shade", "Ténèbres"), "ghost", "special", 0.2, 1.0, False, 1.0, (50.0, 50.0, 50.0), 0),
    ]
    html = battle.ranking((PIKACHU, ONIX), moves, DEX, ENGLISH, "en")
    assert "50% – 60%" in html
    assert "×2 ✦" in html
    assert "5,000%" in html, "no division by the HP of nobody"
    assert ENGLISH.battle.no_attack.format(name="Pikachu") in battle.ranking((PIKACHU, ONIX), [], DEX, ENGLISH, "en")


def test_a_model_outside_the_interval_is_said_so() -> None:
    fought = Simulation(0.5, 0.48, 0.52, 2000, 0)
    assert "20.0 points" in battle.fought((PIKACHU, ONIX), fought, prediction(0.7), ENGLISH, "en")
    assert ENGLISH.battle.agrees in battle.fought((PIKACHU, ONIX), fought, prediction(0.51), ENGLISH, "en")


def test_the_first_of_the_best_counters_has_the_star() -> None:
    odds = Team(((0.5, 0.9), (0.5, 0.1)), 0.5, Lead(0, 0.7, 0.5), Lead(1, 0.5, 0.1))
    html = team.matrix((PIKACHU, ONIX), (DITTO, HOSTILE), odds, ENGLISH, "en")
    assert html.count(" ★<") == 2
    assert html.index("50% ★") < html.index("Onix")


def test_a_radar_stays_within_its_picture() -> None:
    root = svg(dex.radar(HOSTILE, FRENCH, "fr"))
    width, height = (float(root.attrib[key]) for key in ("width", "height"))
    for polygon in root.iter("{http://www.w3.org/2000/svg}polygon"):
        for point in polygon.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*FRENCH.common.stats.values(), "999"} <= words


@pytest.mark.parametrize(
    ("most", "least", "top"), [(0.0, 1.0, 1.0), (3.1, 1.0, 4.0), (42.0, 1.0, 50.0), (100.0, 1.0, 100.0), (0.0031, 1e-3, 0.004)]
)
def test_axes_end_at_round_numbers(most: float, least: float, top: float) -> None:
    assert charts.nice_top(most, least) == pytest.approx(top)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 s"), (2.1e-5, "21 µs"), (9.96e-4, "996 µs"), (0.0022, "2.2 ms"), (0.25, "250 ms"), (3.0, "3.0 s")],
)
def test_durations_have_their_unit(value: float, text: str) -> None:
    assert watching.seconds(value, "en") == text


def test_a_gap_in_what_was_seen_is_a_gap_in_the_line() -> None:
    points = tuple((float(t), 1.0) for t in (*range(0, 300, 10), *range(600, 900, 10)))
    watch = Watch(0.0, 900.0, {"requests": points}, {"api": True, "x": False}, (Alert("A<b>", "critical"),))
    html = watching.figures(watch, ENGLISH, "en", timedelta(hours=2))
    assert len(list(svg(html).iter("{http://www.w3.org/2000/svg}polyline"))) == 2
    assert "Traffic, per second, 02:00–02:15. requests: now 1.00, at most 1.00." in html
    assert html.count("<code>pdex generate-load</code>") == len(watching.CHARTS) - 1
    states = watching.states(watch, ENGLISH)
    assert "✗ x down" in states
    assert "A&lt;b&gt;" in states


def test_a_report_without_unseen_species_has_one_curve() -> None:
    report = Report((Bin(0.1, 0.12, 3.0), Bin(0.9, 0.88, 3.0)), (), ())
    html = model.calibration(report, ENGLISH, "en")
    assert len(list(svg(html).iter("{http://www.w3.org/2000/svg}polyline"))) == 1
    assert ENGLISH.model.unseen not in html
    assert ENGLISH.model.importance in model.importance(report, ENGLISH, "en")


def test_types_nobody_knows_keep_their_code() -> None:
    assert ">new<" in parts.types(["new"], DEX, "fr")
    assert ">Électrik<" in parts.types(["electric"], DEX, "fr")
