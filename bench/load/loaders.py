"""pdex, oha and wrk, run so that they do the same; what each says of a run in the same words, and the CPU that it took."""

import json
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import asdict, dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
PDEX = ROOT / "target/release/pdex"
OHA = ROOT / "target/bench-load/bin/oha"
CONNECTIONS = 32
# HTTP/2: fewer connections, several requests at once on each.
FEW, STREAMS = 4, 8


@dataclass(frozen=True)
class Run:
    requests: int
    per_second: float
    cpu_us: float  # of the loader, per request
    p99_ms: float | None
    p999_ms: float | None
    valid: bool = True

    def document(self):
        return asdict(self)


def cost(command, **options):
    """Runs a command; its output and the CPU seconds of it and its children. What it says of errors is for the caller."""
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    out, err = child.stdout.read(), child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}: {out[-2000:]}{err[-2000:]}")
    return out, usage.ru_utime + usage.ru_stime


def pdex(url, seconds, rate=None, two=False):
    command = [PDEX, "generate-load", "--progress", "quiet", "--json", "--target", url, "--duration", f"{seconds}s"]
    command += ["--scenario", ROOT / "bench/load/page.yaml"]
    command += ["--mode", "constant", "--rate", rate] if rate else ["--mode", "saturate"]
    command += ["--http", "2", "--connections", FEW, "--streams", STREAMS] if two else ["--connections", CONNECTIONS]
    out, cpu = cost(command)
    document = json.loads(out)
    count = document["requests"]
    if count["errors"] or count["right"] != count["offered"]:
        sys.exit(f"pdex: not every request was answered: {document['errors_by_kind']} {count}")
    times = document["latency_ms"]
    return Run(count["right"], count["right"] / document["duration_s"], cpu / count["right"] * 1e6, times["p99"], times["p99.9"], document["valid"])


def oha(url, seconds, rate=None, two=False, threads=os.cpu_count()):
    command = [OHA, "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "--worker-threads", threads]
    command += ["--http2", "-c", FEW, "-p", STREAMS] if two else ["-c", CONNECTIONS]
    if rate:
        command += ["-q", rate, "--latency-correction"]
    out, cpu = cost([*command, url])
    document = json.loads(out)
    # Those on their way at the end are given up, and are no error of the server's.
    errors = {what: n for what, n in document["errorDistribution"].items() if "deadline" not in what}
    if errors or set(document["statusCodeDistribution"]) != {"200"}:
        sys.exit(f"oha: not every request was answered: {errors} {document['statusCodeDistribution']}")
    count = document["statusCodeDistribution"]["200"]
    times = document["latencyPercentiles"]
    took = document["summary"]["total"]
    return Run(count, count / took, cpu / count * 1e6, times["p99"] * 1e3, times["p99.9"] * 1e3)


def wrk(url, seconds):
    script = ROOT / "bench/load/percentiles.lua"
    out, cpu = cost(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", script, url])
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"wrk: not every request was answered:\n{out}")
    number = {name: float(value) for name, value in re.findall(r"^(\w+)=([\d.]+)$", out, re.MULTILINE)}
    count = int(number["requests"])
    return Run(count, count / (number["duration_us"] / 1e6), cpu / count * 1e6, number["p99_us"] / 1e3, number["p999_us"] / 1e3)


def versions():
    said = {
        "pdex": subprocess.check_output([PDEX, "--version"], text=True),
        "oha": subprocess.check_output([OHA, "--version"], text=True),
        # It ends with 1 when asked for its version.
        "wrk": subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout,
    }
    return {name: re.search(r"(\d+\.\d+(\.\d+)?)", text)[1] for name, text in said.items()}
