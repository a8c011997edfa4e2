"""`make bench-api`: the API beside a careful Python peer and an empty axum handler, on one machine, same model, same requests, in turns, and
each of its targets with pass or fail; exit 1 where one was missed. Writes bench/results/api.json. `--minutes 10` watches the memory alone, into
bench/results/api-memory.json, which later runs show too.

Run by bench/api/run.sh, which gives PDEX_API_URL, PDEX_API_PID, MODEL_DIR and the database's variables. `--print` and `--readme` need
none of that: they show the last run, and put it into README.md and services/api/README.md.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import image
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PDEX_BIN", ROOT / "target/release"))
RESULTS = ROOT / "bench/results/api.json"
MEMORY = ROOT / "bench/results/api-memory.json"
CONNECTIONS = 32
BATCHES = 40
# Half of the battles per second that the API has to reach at least.
HALF_TARGET = 7_000
# About as many as the API keeps open.
CROWD = 1_250


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body, path="/predict/battle"):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read()


@contextlib.contextmanager
def running(command, url, **options):
    """A server that answers at `url`, killed at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                ask(url, {"pokemon_a": 25, "pokemon_b": 95})
                break
            time.sleep(0.1)
        else:
            sys.exit(f"{command[0]} does not answer")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def memory_mb(pid, field="VmRSS"):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text)[1]) / 1024


def wrk(url, seconds, path="/predict/battle"):
    """Requests per second and p99 in milliseconds; every answer has to be a 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(ROOT / "bench/api/battle.lua"), url]
    text = subprocess.run(command, env={**os.environ, "BENCH_PATH": path}, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"{url} does not answer every request:\n{text}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), p99


def pace(url, rate, seconds, connections):
    address = url.removeprefix("http://")
    command = [BIN / "examples/pace", address, str(rate), str(seconds), str(connections)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def agree(api, peer):
    """The largest difference of 500 odds; none may pass a millionth."""
    worst = 0.0
    for i in range(500):
        body = {"pokemon_a": 1 + i * 7 % 151, "pokemon_b": 1 + i * 13 % 151}
        ours, theirs = json.loads(ask(api, body)), json.loads(ask(peer, body))
        worst = max(worst, abs(ours["probability_a"] - theirs["probability_a"]))
        if [ours["best_move_a"], ours["best_move_b"]] != [theirs["best_move_a"], theirs["best_move_b"]]:
            sys.exit(f"different moves for {body}: {ours} {theirs}")
    if worst > 1e-6:
        sys.exit(f"the odds differ by {worst}")
    return worst


def batch_rate(api):
    """Battles per second through /predict/batch, one client."""
    battles = [{"pokemon_a": 1 + i * 7 % 151, "pokemon_b": 1 + i * 13 % 151} for i in range(1000)]
    start = time.perf_counter()
    for _ in range(BATCHES):
        assert ask(api, {"battles": battles}, "/predict/batch").count(b"\n") == 1000
    return BATCHES * 1000 / (time.perf_counter() - start)


def starts(rounds):
    """Milliseconds from starting a second API to its being ready, the same database and model being there."""
    found = []
    for _ in range(rounds):
        port = free_port()
        environment = {**os.environ, "API_BIND": f"127.0.0.1:{port}", "DEV_MODE": "true"}
        since = time.monotonic()
        process = subprocess.Popen([BIN / "pdex-api", "serve"], env=environment, stderr=subprocess.DEVNULL)
        try:
            found.append(image.until_ready(f"http://127.0.0.1:{port}", since, time.monotonic))
        finally:
            process.kill()
            process.wait()
    return found


def in_turns(options, api, api_pid, tables):
    """The three servers, one after the other, round by round."""
    peer_url, empty_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    peer = [sys.executable, "-m", "uvicorn", "peer:app", "--port", peer_url.rsplit(":", 1)[1], "--log-level", "error", "--no-access-log"]
    found = {"api": [], "empty": [], "peer": [], "best_move": []}
    with (
        running(peer, peer_url, cwd=ROOT / "bench/api", env={**os.environ, "PEER_TABLES": tables}) as peer_pid,
        running([BIN / "examples/empty", empty_url.removeprefix("http://")], empty_url),
    ):
        found["difference"] = agree(api, peer_url)
        for url in (api, peer_url, empty_url):
            wrk(url, 2)
        for _ in range(options.rounds):
            found["api"].append(wrk(api, options.seconds))
            found["empty"].append(wrk(empty_url, options.seconds))
            found["peer"].append(wrk(peer_url, options.seconds))
            found["best_move"].append(wrk(api, options.seconds, "/predict/best-move"))
        found["peer_mb"] = memory_mb(peer_pid, "VmHWM")
    return found


def watch_memory(api, api_pid, minutes):
    """Every ten seconds, under half the load it can take."""
    rate = round(wrk(api, 3)[0] / 2)
    samples = []
    for _ in range(minutes * 6):
        pace(api, rate, 10, 64)
        samples.append(memory_mb(api_pid))
    return {"minutes": minutes, "date": time.strftime("%Y-%m-%d"), "rate": rate, "mb": samples}


def measure(options, api, api_pid, tables):
    load = os.getloadavg()[0]
    found = in_turns(options, api, api_pid, tables)
    rate = statistics.median(rate for rate, _ in found["api"])
    rounds = range(options.rounds)
    found["half_target"] = [pace(api, HALF_TARGET, options.seconds, 64) for _ in rounds]
    found["half"] = [pace(api, rate / 2, options.seconds, 64) for _ in rounds]
    found["over"] = pace(api, rate * 2, options.overload, CROWD) | {"seconds": options.overload, "connections": CROWD}
    time.sleep(2)
    found["recovered"] = pace(api, rate / 4, 2, 64)
    found["batch"] = [batch_rate(api) for _ in rounds]
    found["api_mb"] = [memory_mb(api_pid), memory_mb(api_pid, "VmHWM")]
    found["engine"] = [json.loads(subprocess.check_output([BIN / "examples/rate"])) for _ in rounds]
    found["ready_ms"] = starts(options.rounds)
    found["image"] = image.measure(BIN / "pdex-api", ROOT / "stack/images/api/Dockerfile.host", options.rounds, free_port)
    with open(pathlib.Path(os.environ["MODEL_DIR"]) / "battle_winner.json", encoding="utf-8") as file:
        trees = len(json.load(file)["learner"]["gradient_booster"]["model"]["trees"])
    return found | {
        "machine": report.machine(), "date": time.strftime("%Y-%m-%d"), "load": load, "rounds": options.rounds,
        "seconds": options.seconds, "trees": trees,
    }


def run(options):
    api, api_pid = os.environ["PDEX_API_URL"], int(os.environ["PDEX_API_PID"])
    if options.minutes:
        watched = watch_memory(api, api_pid, options.minutes)
        MEMORY.write_text(json.dumps(watched) + "\n")
        grown = report.growth_mb(watched["mb"])
        print(f"{min(watched['mb']):.1f} to {max(watched['mb']):.1f} MB; in the last third {grown:+.2f} MB more than in the second")
        sys.exit(0 if grown < 1 else 1)
    with tempfile.TemporaryDirectory() as tables:
        subprocess.run([BIN / "examples/rows", tables], check=True)
        found = measure(options, api, api_pid, tables)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--overload", type=int, default=30, help="seconds at twice the rate")
    parser.add_argument("--minutes", type=int, default=0, help="watch the memory for so long, and nothing else")
    parser.add_argument("--print", action="store_true", help="the last run, measured again by nobody")
    parser.add_argument("--readme", action="store_true", help="the last run into the READMEs")
    options = parser.parse_args()
    if not (options.print or options.readme):
        run(options)
    found = json.loads(RESULTS.read_text())
    if MEMORY.exists():
        found["flat"] = json.loads(MEMORY.read_text())
    text = report.text(found)
    if options.readme:
        report.into_readme(ROOT / "services/api/README.md", text)
        report.into_readme(ROOT / "README.md", report.targets(found))
    print(text)
    sys.exit(0 if report.all_met(found) else 1)


if __name__ == "__main__":
    main()
