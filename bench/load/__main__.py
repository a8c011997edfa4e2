"""`make bench-load`: the load generator beside oha and wrk against a static nginx on loopback, and each of its targets with pass or fail;
exit 1 where one was missed. Writes bench/results/load.json. `--minutes 10` watches its memory alone, into
bench/results/load-memory.json, which later runs show too.

Run by bench/load/run.sh, which finds nginx and oha. `--print` and `--readme` need neither: they show the last run, and put it into
README.md.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import loaders
import report
import server

RESULTS = loaders.ROOT / "bench/results/load.json"
MEMORY = loaders.ROOT / "bench/results/load-memory.json"
RATES = [1_000, 10_000, 20_000]
# The server stands still for so long, in the middle of so long, at so many requests per second.
PAUSE_S, PAUSED_RUN_S, PAUSED_RATE = 2, 10, 1_000
# What the memory is watched under, and how often it is looked at.
WATCHED_RATE, LOOK_S = 5_000, 5


def in_turns(rounds, loaders_by_name):
    """Each loader once per round; who goes first changes."""
    names = list(loaders_by_name)
    found = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(loaders_by_name[name]().document())
            print(f"  {name}: {report.shown(found[name][-1])}", file=sys.stderr)
    return found


def with_pause(nginx, load):
    """Runs a loader, and holds the server still meanwhile."""

    def hold():
        time.sleep((PAUSED_RUN_S - PAUSE_S) / 2)
        with nginx.paused():
            time.sleep(PAUSE_S)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        return load()
    finally:
        holder.join()


def measure(options, nginx):
    rounds, seconds = options.rounds, options.seconds
    found = {"load": os.getloadavg()[0], "rounds": rounds, "seconds": seconds}
    found["most"] = in_turns(rounds, {
        "wrk": lambda: loaders.wrk(nginx.one, seconds),
        "pdex": lambda: loaders.pdex(nginx.one, seconds),
        "oha": lambda: loaders.oha(nginx.one, seconds),
        "oha-1": lambda: loaders.oha(nginx.one, seconds, threads=1),
    })
    found["two"] = in_turns(rounds, {
        "pdex": lambda: loaders.pdex(nginx.two, seconds, two=True),
        "oha": lambda: loaders.oha(nginx.two, seconds, two=True),
        "oha-1": lambda: loaders.oha(nginx.two, seconds, two=True, threads=1),
    })
    found["rates"] = [
        {"rate": rate, **in_turns(rounds, {"pdex": lambda rate=rate: loaders.pdex(nginx.one, seconds, rate)})} for rate in RATES
    ]
    found["pause"] = {"rate": PAUSED_RATE, "seconds": PAUSED_RUN_S, "pause_s": PAUSE_S} | in_turns(options.pauses, {
        "pdex": lambda: with_pause(nginx, lambda: loaders.pdex(nginx.one, PAUSED_RUN_S, PAUSED_RATE)),
        "oha": lambda: with_pause(nginx, lambda: loaders.oha(nginx.one, PAUSED_RUN_S, PAUSED_RATE)),
        "wrk": lambda: with_pause(nginx, lambda: loaders.wrk(nginx.one, PAUSED_RUN_S)),
        "closed": lambda: with_pause(nginx, lambda: loaders.pdex(nginx.one, PAUSED_RUN_S)),
    })
    return found


def memory_mb(pid):
    """What it has in memory now; nothing of one that has just ended."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(kb) / 1024 for kb in re.findall(r"VmRSS:\s+(\d+)", text)]


def watch_memory(nginx, minutes):
    command = [loaders.PDEX, "generate-load", "--progress", "quiet", "--json", "--target", nginx.one, "--mode", "constant"]
    command += ["--rate", str(WATCHED_RATE), "--duration", str(minutes), "--scenario", loaders.ROOT / "bench/load/page.yaml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    samples = []
    out = None
    while out is None:
        try:
            out, _ = process.communicate(timeout=LOOK_S)
        except subprocess.TimeoutExpired:
            samples += memory_mb(process.pid)
    document = json.loads(out)
    count = document["requests"]
    if process.returncode != 0 or count["errors"]:
        sys.exit(f"the run failed: {document['errors_by_kind']}")
    return {"minutes": minutes, "date": time.strftime("%Y-%m-%d"), "rate": WATCHED_RATE, "requests": count["right"], "mb": samples}


def run(options):
    with server.running() as nginx:
        if options.minutes:
            watched = watch_memory(nginx, options.minutes)
            MEMORY.write_text(json.dumps(watched) + "\n")
            print(report.memory(watched))
            sys.exit(0 if report.growth_mb(watched["mb"]) < report.FLAT_MB else 1)
        found = measure(options, nginx)
    found |= {"machine": report.machine(), "date": time.strftime("%Y-%m-%d"), "versions": loaders.versions() | {"nginx": server.version()}}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--pauses", type=int, default=3, help="rounds with a server that stands still")
    parser.add_argument("--minutes", type=float, default=0, help="watch the memory for so long, and nothing else")
    parser.add_argument("--print", action="store_true", help="the last run, measured again by nobody")
    parser.add_argument("--readme", action="store_true", help="the last run into README.md")
    options = parser.parse_args()
    if not (options.print or options.readme):
        run(options)
    found = json.loads(RESULTS.read_text())
    if MEMORY.exists():
        found["flat"] = json.loads(MEMORY.read_text())
    text = report.text(found)
    if options.readme:
        report.into_readme(loaders.ROOT / "README.md", text)
    print(text)
    sys.exit(0 if report.all_met(found) else 1)


if __name__ == "__main__":
    main()
