"""From a request to a line on a dashboard, on the real parts: the API exposes, Prometheus scrapes, rules record and alert, and
every panel's query answers.

One run for all tests: a start-up, load, another start-up, a model file that is refused, more battles to fight out than the API
takes, battles whose odds are even, an API that stops. tests/monitoring/run.sh provides the parts: PDEX_API_URL and PDEX_API_PID
(tests/with-api.sh), PDEX_PROMETHEUS, PDEX_NODE_EXPORTER, PDEX_BIN. PDEX_LOAD says how long the load takes (default 45s),
PDEX_SCRAPE_S how often Prometheus scrapes (default 2), PDEX_PICTURES where the dashboards are drawn. PDEX_GRAFANA_URL is a
Grafana with the project's provisioning.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from predictiondex.queries import DRIFT, EXPRESSIONS, SERIES, every_line

from grafana import ROOT, Query, Range, dashboards, marks, queries
from picture import draw
from prometheus import Prometheus, Series, get, post, until

Json = dict[str, Any]
API = os.environ.get("PDEX_API_URL", "")
SCRAPE_SECONDS = int(os.environ.get("PDEX_SCRAPE_S", "2"))
LOAD = os.environ.get("PDEX_LOAD", "45s")
GRAFANA = os.environ.get("PDEX_GRAFANA_URL", "")

needs_api = pytest.mark.skipif(not API, reason="PDEX_API_URL is not set: `make test-monitoring` starts the API and Prometheus")

# What stands still in such a run, and may.
STILL = {
    "Model Performance / Model in service / A": "one model is served",
    "Stack Overview / Memory / B": "nobody puts memory into the machine",
}


@dataclass
class Run:
    """What happened, and when."""

    prometheus: Prometheus
    started: float
    loaded: float = 0.0
    ended: float = 0.0
    load: Json = field(default_factory=dict)
    refused: Json = field(default_factory=dict)
    # Alert → states in the order they were seen.
    alerts: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        print(f"{name}: {self.seconds[name]:.1f} s")

    def look_at_alerts(self) -> dict[str, str]:
        now = self.prometheus.alerts()
        for name in {*self.alerts, *now}:
            seen = self.alerts.setdefault(name, [])
            state = now.get(name, "inactive")
            if not seen or seen[-1] != state:
                seen.append(state)
        return now

    @property
    def shown(self) -> Range:
        return Range(self.started, self.ended, SCRAPE_SECONDS)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("prometheus")
    ports = [free_port() for _ in range(2)]
    api = API.removeprefix("http://")
    addresses = {"api:8000": api, "localhost:9090": f"127.0.0.1:{ports[0]}", "node-exporter:9100": f"127.0.0.1:{ports[1]}"}
    metrics = folder / "metrics"
    metrics.mkdir()
    start_up(metrics, ready_ms=400)
    command = [os.environ["PDEX_NODE_EXPORTER"], f"--web.listen-address=127.0.0.1:{ports[1]}"]
    command.append(f"--collector.textfile.directory={metrics}")
    with (folder / "node-exporter.log").open("wb") as log:
        exporter = subprocess.Popen(command, stdout=log, stderr=log)
    prometheus = Prometheus(os.environ["PDEX_PROMETHEUS"], ports[0], folder)
    try:
        prometheus.start(addresses, SCRAPE_SECONDS)
        yield everything(prometheus, folder)
    finally:
        os.kill(int(os.environ["PDEX_API_PID"]), signal.SIGCONT)
        prometheus.stop()
        exporter.terminate()
        exporter.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def everything(prometheus: Prometheus, folder: Path) -> Run:
    up = {"api": "up", "node-exporter": "up", "prometheus": "up"}
    until("all targets are up", 30, lambda: prometheus.targets() == up)
    run = Run(prometheus, time.time())
    with run.phase("load"):
        run.load = load(prometheus, "--duration", LOAD, "--rate", "40", "--seed", "1")
    run.loaded = time.time()
    start_up(folder / "metrics", ready_ms=900)
    with run.phase("a model that is refused"):
        refuse_a_model(prometheus)
    with run.phase("more than it takes"):
        run.refused = overload(folder)
    with run.phase("even odds"):
        even_battles(prometheus)
        until("the odds are seen", 30, lambda: run.look_at_alerts().get("LowModelConfidence"))
    with run.phase("an API that stops"):
        os.kill(int(os.environ["PDEX_API_PID"]), signal.SIGSTOP)
        until("ApiDown fires", 100, lambda: run.look_at_alerts().get("ApiDown") == "firing")
        until("LowModelConfidence fires", 60, lambda: run.look_at_alerts().get("LowModelConfidence") == "firing")
        os.kill(int(os.environ["PDEX_API_PID"]), signal.SIGCONT)
        until("ApiDown ends", 30, lambda: "ApiDown" not in run.look_at_alerts())
    # Twice, so that what came last has a rate.
    scraped(prometheus)
    scraped(prometheus)
    run.ended = time.time()
    return run


def pdex(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [f"{os.environ['PDEX_BIN']}/pdex", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment, cwd=ROOT)


STACK = """
name: monitoring
services:
  db:
    image: db:1
    ports: ["127.0.0.1:5432:5432"]
    healthcheck: { test: [CMD, check] }
    labels: { sim.ready_ms: "READY" }
  api:
    image: api:1
    depends_on: { db: { condition: service_healthy } }
    ports: ["127.0.0.1:8000:8000"]
    healthcheck: { test: [CMD, check] }
    labels: { sim.ready_ms: "READY" }
  node-exporter:
    image: node-exporter:1
    x-pdex: { timeline: up.prom }
"""


def start_up(folder: Path, *, ready_ms: int) -> None:
    """What `pdex up` leaves for node-exporter, here of the simulated engine, as if it had just ended."""
    (folder / "stack.yaml").write_text(STACK.replace("READY", str(ready_ms)), encoding="utf-8")
    engine = folder / f"engine-{ready_ms}.json"
    done = pdex("-f", str(folder / "stack.yaml"), f"--runtime=sim:{engine}", "up", "--progress", "quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    written = folder / "up.prom"
    text = written.read_text(encoding="utf-8")
    found = re.compile(r"(_timestamp_seconds\{.*\}) ([\d.]+)$", re.M)
    # The simulated engine has a clock of its own.
    late = time.time() - max(float(value) for _, value in found.findall(text))
    publish(written, found.sub(lambda line: f"{line[1]} {float(line[2]) + late:.3f}", text).encode())


def load(prometheus: Prometheus, *arguments: str) -> Json:
    """As on a running stack: nobody names a target, the definition says where API and Prometheus are."""
    names = re.findall(r"\$\{(\w+):\?", (ROOT / "stack/predictiondex.yaml").read_text(encoding="utf-8"))
    where = {"PDEX_API_PORT": API.rsplit(":", 1)[1], "PDEX_PROMETHEUS_PORT": str(prometheus.port)}
    done = pdex("generate-load", "--json", *arguments, **dict.fromkeys(names, "not asked for"), **where)
    assert done.returncode == 0, done.stdout + done.stderr
    document: Json = json.loads(done.stdout)
    return document


def refuse_a_model(prometheus: Prometheus) -> None:
    metadata = Path(os.environ["MODEL_DIR"]) / "battle_winner.metadata.json"
    good = metadata.read_bytes()
    publish(metadata, b'{"name": "broken"}')
    try:
        until("the file is refused", 30, lambda: prometheus.value("model_load_failures_total"))
    finally:
        publish(metadata, good)


def publish(path: Path, content: bytes) -> None:
    """As the trainer does: beside it, then in its place."""
    aside = path.with_suffix(".next")
    aside.write_bytes(content)
    aside.rename(path)


def overload(folder: Path) -> Json:
    scenario = folder / "overload.yaml"
    battle = "{ pokemon_a: pikachu, pokemon_b: onix }"
    scenario.write_text(f"requests:\n  - post: /predict/battle?method=simulate\n    body: {battle}\n", encoding="utf-8")
    shape = ["--mode", "constant", "--rate", "2000", "--duration", "2s", "--connections", "1000", "--timeout", "20"]
    done = pdex("generate-load", "--json", "--target", API, "--scenario", str(scenario), *shape)
    assert done.returncode == 0, done.stdout + done.stderr
    document: Json = json.loads(done.stdout)
    return document


def even_battles(prometheus: Prometheus) -> None:
    """Three of four battles are Pikachu against Pikachu: most odds are even, and the inputs are not what was learned from.
    Some at a time, so that Prometheus sees the drift change."""
    choose = random.Random(1)
    pikachu = 25
    for _ in range(5):
        for _ in range(8):
            battles = [{"pokemon_a": choose.randint(1, 151), "pokemon_b": choose.randint(1, 151)} for _ in range(50)]
            battles += [{"pokemon_a": pikachu, "pokemon_b": pikachu}] * 150
            post(f"{API}/predict/batch", {"battles": battles})
        scraped(prometheus)


def scraped(prometheus: Prometheus) -> None:
    """Waits until the API as it is now was read."""
    now = time.time()
    until("a scrape of the API", 30, lambda: (prometheus.value('timestamp(up{job="api"})') or 0) > now)


def finite(series: list[Series]) -> list[list[float]]:
    return [values for one in series if (values := [value for _, value in one.points if abs(value) < float("inf")])]


def every(of: Callable[[Json], list[Query]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("query", [pytest.param(one, id=str(one)) for d in dashboards().values() for one in of(d)])


@needs_api
@every(queries)
def test_a_query_answers_and_moves(run: Run, query: Query) -> None:
    expression = run.shown.substitute(query.expression)
    if query.instant:
        # A bar is one instant's value; two instants show whether it moves.
        earlier = Range(run.started, run.loaded, SCRAPE_SECONDS)
        then = run.prometheus.at(earlier.substitute(query.expression), earlier.end)
        now = run.prometheus.at(expression, run.ended)
        assert finite(now), expression
        assert sorted(finite(then)) != sorted(finite(now)), f"stands still: {expression}"
        return
    values = finite(run.prometheus.over(expression, run.shown))
    assert values, f"no data: {expression}"
    moves = any(max(one) > min(one) for one in values)
    assert moves != (str(query) in STILL), f"{'moves' if moves else 'stands still'}: {expression}: {values}"


@needs_api
@every(marks)
def test_a_mark_is_found_where_it_belongs(run: Run, query: Query) -> None:
    series = run.prometheus.over(query.expression, run.shown)
    assert series, query.expression
    if "* 1000" in query.expression:
        instants = [value / 1000 for one in series for _, value in one.points]
        assert all(run.started - 600 < instant < run.ended for instant in instants), instants


def test_what_stands_still_is_asked_for() -> None:
    everybody = {str(query) for dashboard in dashboards().values() for query in queries(dashboard)}
    assert set(STILL) <= everybody


@needs_api
def test_the_load_is_what_prometheus_saw(run: Run) -> None:
    counts, seen = run.load["requests"], run.load["server_counted"]
    assert counts["offered"] > 500, run.load
    assert counts["right"] == counts["offered"], run.load
    assert counts["mistakes"] > 0, "some are wrong on purpose, and refused"
    assert seen["sent"] == seen["api"] == seen["prometheus"] == counts["offered"], seen


@needs_api
def test_rules_are_evaluated_and_record(run: Run) -> None:
    groups = run.prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    written = [path.read_text(encoding="utf-8").count("expr:") for path in (ROOT / "prometheus").glob("*.yml")]
    assert len(rules) == sum(written)
    for rule in rules:
        assert rule["health"] == "ok", rule
        if rule["type"] == "recording":
            assert finite(run.prometheus.over(rule["name"], run.shown)), rule["name"]


@needs_api
def test_an_alert_waits_fires_and_ends(run: Run) -> None:
    assert run.alerts["ApiDown"] == ["pending", "firing", "inactive"], run.alerts
    assert run.alerts["LowModelConfidence"] == ["pending", "firing"], run.alerts
    assert run.seconds["an API that stops"] >= 60, "ApiDown waits for a minute"
    fired = run.prometheus.at('ALERTS{alertname="LowModelConfidence", alertstate="firing"}')
    assert [(one.labels["severity"], one.labels["model_name"]) for one in fired] == [("warning", model_name(run))]
    drift = run.prometheus.over('ALERTS{alertname="ModelInputDrift"}', run.shown)
    assert [one.labels["alertstate"] for one in drift] == ["pending"], "a quarter of an hour is not over"


def model_name(run: Run) -> str:
    (model,) = run.prometheus.at("model_info")
    return model.labels["model_name"]


@needs_api
def test_drift_is_no_number_before_there_are_enough_battles(run: Run) -> None:
    rows = dict(run.prometheus.over("max(model_input_drift_rows)", run.shown)[0].points)
    index = run.prometheus.over("max(model_input_drift_psi)", run.shown)[0].points
    early = [value for at, value in index if rows[at] < 2000]
    late = [value for at, value in index if rows[at] >= 2000]
    assert early
    assert all(value != value for value in early)  # noqa: PLR0124 - only NaN differs from itself
    assert late
    assert all(value >= 0 for value in late)


@needs_api
def test_the_one_query_of_the_web_interface_has_every_line(run: Run) -> None:
    found = run.prometheus.over(every_line(step=5), run.shown)
    lines = {one.labels[SERIES]: one for one in found if finite([one])}
    assert set(EXPRESSIONS) == lines.keys()
    fired = {one.labels["alertname"] for one in found if one.labels[SERIES] == "alert"}
    assert {"ApiDown", "LowModelConfidence"} <= fired
    assert {one.labels["job"] for one in found if one.labels[SERIES] == "up"} == {"api", "node-exporter", "prometheus"}
    assert len(run.prometheus.at(DRIFT)) > 50


@needs_api
def test_what_is_too_much_is_refused_and_counted_as_the_apis_own_failure(run: Run) -> None:
    shed = run.prometheus.value('sum(api_errors_total{error_type=~"overloaded|timeout"})')
    assert shed, run.refused
    failed = run.prometheus.value('sum(api_requests_total{status="503", endpoint="/predict/battle"})')
    assert failed == shed


@needs_api
def test_pictures_are_drawn(run: Run, tmp_path: Path) -> None:
    """The load for the API and the model; for the stack, also what went wrong on purpose."""
    folder = Path(os.environ.get("PDEX_PICTURES") or tmp_path)
    for name, dashboard in dashboards().items():
        shown = run.shown if dashboard["uid"] == "pdex-stack" else Range(run.started, run.loaded, SCRAPE_SECONDS)
        path = folder / f"{name.removesuffix('.json')}.svg"
        path.write_text(draw(dashboard, run.prometheus, shown), encoding="utf-8")
        drawn = ElementTree.parse(path).getroot()
        words = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
        assert {panel["title"] for panel in dashboard["panels"]} <= words
        assert path.stat().st_size < 200_000


def test_the_seeds_standalone_load_takes_five_minutes() -> None:
    if "PDEX_BIN" not in os.environ:
        pytest.skip("PDEX_BIN is not set: tests/monitoring/run.sh builds pdex")
    done = pdex("generate-load", "--duration", "5", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^realistic: \d+ requests of \d+ users within 300 s", done.stdout), done.stdout


@pytest.mark.skipif(not GRAFANA, reason="PDEX_GRAFANA_URL is not set: without a registry there is no Grafana to ask")
def test_grafana_has_provisioned_everything() -> None:
    assert json.loads(get(f"{GRAFANA}/api/health"))["database"] == "ok"
    source = json.loads(get(f"{GRAFANA}/api/datasources/uid/prometheus/health"))
    assert source["status"] == "OK", source
    for dashboard in dashboards().values():
        answer = json.loads(get(f"{GRAFANA}/api/dashboards/uid/{dashboard['uid']}"))
        assert answer["meta"]["provisioned"], answer["meta"]
        assert answer["dashboard"]["panels"] == dashboard["panels"], f"{dashboard['title']} is another in Grafana"
