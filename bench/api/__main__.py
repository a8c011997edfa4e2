"""`make bench-api`: the API beside a careful Python peer and an empty axum handler, on one machine, same model, same requests, in turns.

Run by tests/with-api.sh, which gives PDEX_API_URL, PDEX_API_PID and MODEL_DIR. Prints a table; asserts only that the answers agree.
usage: python bench/api [--rounds N] [--seconds N] [--json FILE]
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PDEX_BIN", ROOT / "target/release"))
CONNECTIONS = 32
BATCHES = 40


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


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def measure(options, api, api_pid, tables):
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
    rate = statistics.median(r for r, _ in found["api"])
    found["half"] = [pace(api, rate / 2, options.seconds, 64) for _ in range(options.rounds)]
    found["twice"] = pace(api, rate * 2, options.overload, 256)
    time.sleep(2)
    found["recovered"] = pace(api, rate / 4, 2, 64)
    found["batch"] = [batch_rate(api) for _ in range(options.rounds)]
    found["api_mb"] = [memory_mb(api_pid), memory_mb(api_pid, "VmHWM")]
    command = [BIN / "examples/rate"]
    found["engine"] = [json.loads(subprocess.check_output(command)) for _ in range(options.rounds)]
    return found


def report(found):
    api, empty, peer, best = ([r for r, _ in found[k]] for k in ("api", "empty", "peer", "best_move"))
    middle = statistics.median
    lines = [
        ("", "API", "FastAPI + xgboost", "empty axum handler"),
        ("battles per second", spread(api), spread(peer), spread(empty)),
        ("the API's rate to it", "", f"{middle(api) / middle(peer):.1f} times", f"1 / {middle(empty) / middle(api):.2f}"),
        ("p99 under that load, ms", spread([p for _, p in found["api"]], 2), spread([p for _, p in found["peer"]], 2), spread([p for _, p in found["empty"]], 2)),
        ("p99 at half the rate, ms", spread([h["p99_ms"] for h in found["half"]], 2), "", ""),
        ("best-move (every move judged by the model) per second", spread(best), "", ""),
        ("batch through HTTP, battles per second", spread(found["batch"]), "", ""),
        ("one matchup, both orders, without HTTP, µs", spread([e["matchup_us"] for e in found["engine"]], 1), "", ""),
        ("matchups per second on all cores, without HTTP", spread([e["batch_per_second"] for e in found["engine"]]), "", ""),
        ("memory now / most, MB", "{:.0f} / {:.0f}".format(*found["api_mb"]), f"most {found['peer_mb']:.0f}", ""),
    ]
    for i, line in enumerate(lines):
        print("| " + " | ".join(line) + " |")
        if i == 0:
            print("|---|---|---|---|")
    twice, recovered = found["twice"], found["recovered"]
    print(f"\ntwice the rate: answers {twice['statuses']}, not sent {twice['given_up']}, p50 {twice['p50_ms']:.0f} ms, p99 {twice['p99_ms']:.0f} ms")
    print(f"two seconds later, a quarter of the rate: answers {recovered['statuses']}, p99 {recovered['p99_ms']:.2f} ms")
    print(f"largest difference of odds between both: {found['difference']:.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--overload", type=int, default=30)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as tables:
        subprocess.run([BIN / "examples/rows", tables], check=True)
        found = measure(options, os.environ["PDEX_API_URL"], int(os.environ["PDEX_API_PID"]), tables)
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


main()
