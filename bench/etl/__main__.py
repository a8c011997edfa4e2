#!/usr/bin/env python3
"""The ETL beside the original's way of loading, and its own targets. Run by `make bench-etl`; prints tables with each target and whether
it was met, writes bench/results/etl.json, and exits 1 where a target was missed.

Wants PDEX_TEST_POSTGRES_URL (tests/with-postgres.sh sets it), target/release/etl, SQLAlchemy and psycopg2. The rows that read live
sources need the documents beside the checkout (../shared) and are left out without them.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import orm
import psycopg2
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
ETL = ROOT / "target/release/etl"
RESULTS = ROOT / "bench/results/etl.json"
SHARED = ROOT.parent / "shared"
TABLES = ["types", "type_effectiveness", "species", "pokemon", "pokemon_types", "moves", "move_stat_changes", "learnsets",
          "evolutions", "machines", "move_later_values"]


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in two pieces; the second must not wait until the first is acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass


def admin(statement):
    connection = psycopg2.connect(os.environ["PDEX_TEST_POSTGRES_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def fresh():
    """A new database; returns its address."""
    name = f"bench_{os.getpid()}_{time.monotonic_ns()}"
    admin(f"CREATE DATABASE {name}")
    return urllib.parse.urlsplit(os.environ["PDEX_TEST_POSTGRES_URL"])._replace(path=f"/{name}").geturl()


def drop(url):
    admin(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")


def etl(url, *arguments, **variables):
    """Runs the program; returns seconds, peak MB, and the seconds between its event `load` and its end."""
    parts = urllib.parse.urlsplit(url)
    environment = {
        "POSTGRES_HOST": parts.hostname, "POSTGRES_PORT": str(parts.port), "POSTGRES_DB": parts.path[1:],
        "POSTGRES_USER": parts.username, "POSTGRES_PASSWORD": parts.password, **variables,
    }
    begin = time.monotonic()
    child = subprocess.Popen([ETL, "run", "--json", *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    loading = None
    last = ""
    for line in child.stdout:
        last = line
        if json.loads(line) == {"event": "phase", "phase": "load"}:
            loading = time.monotonic()
    _, status, usage = os.wait4(child.pid, 0)
    end = time.monotonic()
    if status != 0 or json.loads(last)["event"] != "done":
        sys.exit(f"etl failed: {last}")
    return end - begin, usage.ru_maxrss / 1024, end - (loading or begin)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class PokeApi:
    """The shared stand-in with a delay."""

    def __init__(self, delay_ms):
        self.port = free_port()
        command = [sys.executable, SHARED / "pokeapi/serve.py", "--port", str(self.port), "--delay-ms", str(delay_ms)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("serve.py does not start")

    def url(self):
        return f"http://127.0.0.1:{self.port}/api/v2"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def row(name, samples, target_s):
    """A line of the results: seconds and peak memory of several runs, with what they must stay under."""
    seconds = [s[0] for s in samples]
    return {
        "run": name, "median_s": statistics.median(seconds), "least_s": min(seconds), "most_s": max(seconds),
        "peak_mb": max(s[1] for s in samples), "target_s": target_s, "target_mb": 100,
    }


def own(rounds):
    lines = []
    loaded = []
    samples = []
    for _ in range(rounds):
        url = fresh()
        samples.append(etl(url))
        loaded.append(url)
    lines.append(row("snapshot to a ready database", samples, 2))
    lines.append(row("nothing changed, snapshot", [etl(url) for url in loaded], 1))
    for url in loaded:
        drop(url)
    if not (SHARED / "pokeapi/serve.py").exists():
        return lines
    pages = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SHARED / "pokepedia/site"))
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    for delay, target in ((0, 6), (50, 10)):
        api = PokeApi(delay)
        samples, again = [], []
        for _ in range(rounds):
            url = fresh()
            with tempfile.TemporaryDirectory() as cache:
                live = {
                    "ETL_SOURCE": "live", "POKEAPI_BASE_URL": api.url(), "ETL_CACHE_DIR": cache, "POKEPEDIA_INTERVAL_MS": "0",
                    "POKEPEDIA_BASE_URL": f"http://127.0.0.1:{pages.server_port}",
                }
                samples.append(etl(url, **live))
                again.append(etl(url, **live))
            drop(url)
        api.stop()
        lines.append(row(f"both sources live, {delay} ms delay, empty cache", samples, target))
        lines.append(row(f"the same again, fresh cache, {delay} ms delay", again, 1))
    return lines


def beside(rounds):
    """The load phase alone, on empty tables of the ready schema: the same rows, our way and the ORM's."""
    ours, per_row, bulk = [], [], []
    for _ in range(rounds):
        url = fresh()
        etl(url)
        rows = orm.rows(url, TABLES)
        orm.empty(url, TABLES)
        # A tenth of a second is soon disturbed, so more of them are measured.
        for _ in range(5):
            ours.append(etl(url)[2])
            orm.empty(url, TABLES)
        per_row.append(orm.load_row_by_row(url, TABLES, rows))
        orm.empty(url, TABLES)
        bulk.append(orm.load_in_one_flush(url, TABLES, rows))
        drop(url)
    base = statistics.median(ours)
    ways = {
        "COPY BINARY into staging, set-based upsert (from the event `load` to the program's end)": ours,
        "SQLAlchemy row by row, as the original does: look it up, add, flush; a commit for each table": per_row,
        "SQLAlchemy, a table's rows added and flushed at once": bulk,
    }
    return {
        "rows": sum(len(r) for r in rows.values()), "target_times": 50,
        "ways": [
            {"way": way, "median_s": statistics.median(seconds), "times": statistics.median(seconds) / base}
            for way, seconds in ways.items()
        ],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--print", action="store_true", help="the last run, measured again by nobody")
    arguments.add_argument("--readme", action="store_true", help="the last run into the ETL's README")
    told = arguments.parse_args()
    if told.print or told.readme:
        results = json.loads(RESULTS.read_text())
    else:
        load = os.getloadavg()[0]
        results = {
            "machine": report.machine(), "date": time.strftime("%Y-%m-%d"), "load": load, "rounds": told.rounds,
            "own": own(told.rounds), "beside": beside(told.rounds),
        }
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    text = report.text(results)
    if told.readme:
        report.into_readme(ROOT / "services/etl/README.md", text)
    print(text)
    sys.exit(0 if report.all_met(results) else 1)


if __name__ == "__main__":
    main()
