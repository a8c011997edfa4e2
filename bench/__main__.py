"""`python3 bench`: pdex and its peers side by side on this machine's engine. See README.md beside this file."""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import engine
import measure
import peers
import report
import scenarios
import standin

PREFIX = "pdexbch"
LINKS, SIZES = 10, (20, 50, 100, 200)
QUICK_LINKS, QUICK_SIZES = 2, (5,)


def main() -> int:
    arguments = _arguments()
    if arguments.readme or arguments.print:
        return _print(arguments)
    results = _results(arguments)
    busybox = peers.debian("busybox-static", "bin/busybox")
    gnu_time = peers.debian("time", "usr/bin/time")
    tools = [tool for tool in peers.tools(arguments.pdex.resolve()) if not arguments.tool or tool.name.startswith(arguments.tool)]
    every = scenarios.every(QUICK_LINKS, QUICK_SIZES) if arguments.quick else scenarios.every(LINKS, SIZES)
    chosen = [s for s in every if not arguments.only or s.name in arguments.only]
    if not chosen:
        print(f"error: --only takes {', '.join(s.name for s in every)}", file=sys.stderr)
        return 2
    standin.make(busybox)
    try:
        results["floor"] = engine.floor(standin.IMAGE, scenarios.FLOOR_PORT)
        for scenario in chosen:
            results["bounds"][scenario.name] = scenarios.bounds(arguments.pdex, scenario, results["floor"])
            if not arguments.add:
                results["samples"] = [s for s in results["samples"] if s["scenario"] != scenario.name]
        failed = _rounds(arguments, chosen, tools, gnu_time, results)
    finally:
        for scenario in chosen:
            engine.clear(f"{PREFIX}-{scenario.name}")
        standin.remove()
    print(report.text(results))
    return 1 if failed else 0


def _rounds(
    arguments: argparse.Namespace,
    chosen: list[scenarios.Scenario],
    tools: list[peers.Tool],
    gnu_time: Path,
    results: dict[str, Any],
) -> bool:
    """Round after round through all scenarios, so that drift of the machine meets all of them alike; the tools take turns in
    going first."""
    planned = {s.name: arguments.rounds or (1 if arguments.quick else s.rounds) for s in chosen}
    failed = False
    begin = time.monotonic()
    for number in range(max(planned.values())):
        for scenario in (s for s in chosen if number < planned[s.name]):
            turn = number % len(tools)
            for tool in tools[turn:] + tools[:turn]:
                if tool.name.endswith(peers.OLD_COMPOSE) and number >= _old_rounds(arguments, scenario):
                    continue
                print(f"{time.monotonic() - begin:7.1f} s  round {number + 1}  {scenario.name:8} {tool.name}", flush=True)
                samples = _play(scenario, tool, gnu_time, number)
                failed |= any(sample["wrong"] for sample in samples)
                results["samples"] += samples
                arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    return failed


def _old_rounds(arguments: argparse.Namespace, scenario: scenarios.Scenario) -> int:
    """docker-compose 1 takes as long as its successor and is no longer what people run: it has fewer turns."""
    if arguments.quick:
        return 0 if scenario.targets else 1
    return min(arguments.rounds, scenario.old_rounds) if arguments.rounds else scenario.old_rounds


def _play(scenario: scenarios.Scenario, tool: peers.Tool, gnu_time: Path, number: int) -> list[dict[str, Any]]:
    """One tool's turn in a scenario, from nothing to nothing."""
    project = f"{PREFIX}-{scenario.name}"
    engine.clear(project)
    file = scenario.place()
    samples = []
    for step in scenario.steps:
        for _ in range(step.repeat):
            load = os.getloadavg()[0]
            targets = scenario.watch(file.parent) if step.watched else ()
            sample = measure.run(gnu_time, tool.command(project, file, step.verb), file.parent, targets)
            wrong = _wrong(scenario, step, sample, project)
            if wrong:
                print(f"WRONG: {scenario.name} {step.name} {tool.name}: {wrong}\n{sample.output}", file=sys.stderr)
            facts = asdict(sample) | {"output": sample.output if wrong or tool.name == "pdex" else ""}
            samples.append({
                "scenario": scenario.name, "step": step.name, "tool": tool.name, "round": number, "load": load,
                "wrong": wrong, **facts,
            })
            if wrong:
                return samples
    return samples


def _wrong(scenario: scenarios.Scenario, step: scenarios.Step, sample: measure.Sample, project: str) -> str:
    """What is not as it has to be after a step; a fast tool that did not do its work counts for nothing."""
    if sample.exit != 0:
        return f"exit {sample.exit}"
    if step.watched and sample.answered_s is None:
        return f"only {sorted(sample.answered)} answered"
    if step.watched and not all(target.answers() for target in scenario.watch(peers.HOME / "run" / scenario.name)):
        return "a service answered and went away"
    states = engine.states(project)
    running = sum(state == "running" for state, _ in states)
    wanted = {"up": scenario.running, "stop": 0, "down": 0, "config": 0}[step.verb]
    if running != wanted:
        return f"{running} containers run, not {wanted}"
    bad = [words for state, words in states if state == "exited" and "(0)" not in words and step.verb == "up"]
    if bad:
        return f"a one-shot failed: {bad}"
    if step.verb == "down" and states:
        return f"{len(states)} containers are left"
    return ""


def _results(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was measured before, to be added to, with this machine named."""
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    old: dict[str, Any] = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    version = engine.call("GET", "/version")
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": {
            "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "kernel": platform.release(),
            "engine": version["Version"], "api": version["ApiVersion"],
        },
        "date": time.strftime("%Y-%m-%d"),
        "pdex": {"sha256": peers.sha256(arguments.pdex), "bytes": arguments.pdex.stat().st_size},
        "floor": {}, "bounds": old.get("bounds", {}), "samples": old.get("samples", []),
    }


def _print(arguments: argparse.Namespace) -> int:
    results = json.loads(arguments.output.read_text())
    if arguments.note:
        results["note"] = arguments.note
    if arguments.print:
        print(report.text(results))
    if arguments.readme:
        summary = report.summary(results)
        (peers.ROOT / "bench" / "results" / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        report.into_readme(peers.ROOT / "README.md", results)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="rounds of everything; docker-compose 1 has no more than usual [default: 10]")
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO", help="repeat for more")
    parser.add_argument("--tool", help="only the tools whose name begins so")
    parser.add_argument("--add", action="store_true", help="add rounds to what was measured before instead of replacing it")
    parser.add_argument("--quick", action="store_true", help="one small round: does the bench itself work?")
    parser.add_argument("--pdex", type=Path, default=peers.PDEX, help="the program to measure [default: target/release/pdex]")
    parser.add_argument("--output", type=Path, default=peers.ROOT / "bench" / "results" / "last.json", help="where the samples go")
    parser.add_argument("--print", action="store_true", help="print the tables of the last run and measure nothing")
    parser.add_argument("--readme", action="store_true", help="write the last run into README.md and bench/results/summary.json")
    parser.add_argument("--note", help="with --readme: what else is to be known of the run, in a sentence")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
