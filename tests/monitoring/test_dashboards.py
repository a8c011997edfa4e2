"""The dashboards as files: what Grafana 10.1 reads, and what a person needs to read them. What their queries answer is asked in
test_data_path.py."""

import copy
import importlib.util
import itertools
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from grafana import FOLDER, ROOT, Range, dashboards, legend, marks, queries

Json = dict[str, Any]
ALL = dashboards()
PANELS = [pytest.param(one, panel, id=f"{one['title']}/{panel['title']}") for one in ALL.values() for panel in one["panels"]]
WIDTH = 24
# Of the documentation's list of units.
UNITS = {"none", "short", "s", "percentunit", "ops", "reqps", "bytes"}


def test_the_files_are_what_make_py_writes() -> None:
    done = subprocess.run([sys.executable, FOLDER / "make.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_the_three_dashboards() -> None:
    titles = {one["uid"]: one["title"] for one in ALL.values()}
    assert titles == {"pdex-api": "API Performance", "pdex-model": "Model Performance", "pdex-stack": "Stack Overview"}


@pytest.mark.parametrize("one", ALL.values(), ids=ALL.keys())
def test_ids_are_unique_and_panels_beside_each_other(one: Json) -> None:
    ids = [panel["id"] for panel in one["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in one["panels"]]
    assert len(titles) > 10
    for a, b in itertools.combinations(one["panels"], 2):
        p, q = a["gridPos"], b["gridPos"]
        beside = p["x"] + p["w"] <= q["x"] or q["x"] + q["w"] <= p["x"]
        below = p["y"] + p["h"] <= q["y"] or q["y"] + q["h"] <= p["y"]
        assert beside or below, f"{a['title']} lies on {b['title']}"
    area = sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in one["panels"])
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in one["panels"])
    assert area == WIDTH * height, "there is a hole"
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= WIDTH for panel in one["panels"])


@pytest.mark.parametrize("one", ALL.values(), ids=ALL.keys())
def test_a_dashboard_leads_to_the_others_and_needs_no_variable(one: Json) -> None:
    assert one["schemaVersion"] == 38
    assert one["description"]
    assert not one["templating"]["list"]
    (link,) = one["links"]
    assert link["type"] == "dashboards"
    assert link["keepTime"]
    assert set(link["tags"]) <= set(one["tags"])


@pytest.mark.parametrize(("one", "panel"), PANELS)
def test_a_panel_can_be_read_and_asks_the_provisioned_source(one: Json, panel: Json) -> None:
    provisioned = (ROOT / "stack/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    (uid,) = re.findall(r"^\s+uid: (\S+)$", provisioned, re.M)
    assert panel["description"].endswith("."), one["title"]
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    bounds = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert bounds[0] is None
    assert bounds[1:] == sorted(bounds[1:])
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == sorted(set(refs))
    assert refs
    for asks in (panel, *panel["targets"]):
        assert asks["datasource"] == {"type": "prometheus", "uid": uid}
    if len(panel["targets"]) > 1:
        assert all(target["legendFormat"] for target in panel["targets"]), "which line is which?"


@pytest.mark.parametrize("one", ALL.values(), ids=ALL.keys())
def test_windows_follow_from_the_scrape_interval(one: Json) -> None:
    for query in (*queries(one), *marks(one)):
        windows = re.findall(r"\[([^\]]+)\]", query.expression)
        assert set(windows) <= {"$__rate_interval", "$__range"}, query


def read_by_grafana(one: Json) -> Json:
    """What Grafana's own library for 10.1 makes of it; its models drop what they do not know."""
    if not importlib.util.find_spec("grafana_foundation_sdk"):
        pytest.skip("grafana-foundation-sdk is not installed: tests/monitoring/run.sh brings it")
    from grafana_foundation_sdk.cog import plugins  # noqa: PLC0415
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415

    plugins.register_default_plugins()
    document: Json = json.loads(JSONEncoder().encode(Dashboard.from_json(one)))
    return document


@pytest.mark.parametrize("one", ALL.values(), ids=ALL.keys())
def test_grafana_knows_every_key(one: Json) -> None:
    assert not list(lost(one, read_by_grafana(one), one["title"]))


def test_a_mistyped_key_is_found() -> None:
    one = copy.deepcopy(ALL["api_performance.json"])
    stat, chart = one["panels"][0], next(panel for panel in one["panels"] if panel["type"] == "timeseries")
    stat["options"]["reduceOption"] = stat["options"].pop("reduceOptions")
    chart["fieldConfig"]["defaults"]["custom"]["lineWidht"] = 1
    chart["targets"][0]["legendformat"] = "x"
    found = [place.rsplit(".", 1)[1] for place in lost(one, read_by_grafana(one), "")]
    assert sorted(found) == ["legendformat", "lineWidht", "reduceOption"]


# Keys of the annotation's own editor: the library takes any query there and models none.
OF_ANNOTATIONS = {"builtIn", "expr", "step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"}


def lost(written: Any, read: Any, where: str) -> Any:
    """Places of what was written and not read."""
    if isinstance(written, dict):
        for key, value in written.items():
            if not isinstance(read, dict) or key not in read:
                if value is not None and not (key in OF_ANNOTATIONS and ".annotations." in where):
                    yield f"{where}.{key}"
            else:
                yield from lost(value, read[key], f"{where}.{key}")
    elif isinstance(written, list):
        for number, value in enumerate(written):
            yield from lost(value, read[number], f"{where}[{number}]")
    elif written != read:
        yield f"{where}: {written} became {read}"


@pytest.mark.parametrize(("title", "limit"), [("Requests in flight", "in_flight"), ("Connections", "connections")])
def test_a_dashed_bound_is_the_apis(title: str, limit: str) -> None:
    state = (ROOT / "services/api/src/state.rs").read_text(encoding="utf-8")
    (bound,) = re.findall(rf"^\s+{limit}: (\d+),$", state, re.M)
    (panel,) = [panel for panel in ALL["api_performance.json"]["panels"] if panel["title"] == title]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == int(bound)
    assert f"{int(bound):,}" in panel["description"]


def test_variables_are_put_in_as_grafana_does() -> None:
    hour = Range(start=0, end=3600, scrape_seconds=15)
    assert hour.substitute("rate(x[$__rate_interval])") == "rate(x[60s])"
    assert hour.substitute("increase(x[$__range])[$__interval]") == "increase(x[3600s])[30s]"
    day = Range(start=0, end=86_400, scrape_seconds=15)
    assert day.substitute("[$__rate_interval]") == "[735s]"
    with pytest.raises(KeyError):
        hour.substitute("$nobody")


def test_a_series_is_named_by_its_form() -> None:
    assert legend("{{method}} {{ endpoint }}", {"method": "GET", "endpoint": "/types"}) == "GET /types"
    assert legend("", {"__name__": "up", "job": "api"}) == "job=api"
