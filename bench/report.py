"""From samples to tables. Ratios are taken round by round, so that drift of the machine cancels out."""

import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

PEER = "compose 2.40.3"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
Samples = list[dict[str, Any]]


def text(results: dict[str, Any]) -> str:
    """Everything, in Markdown."""
    machine, load = results["machine"], [s["load"] for s in results["samples"]] or [0.0]
    floor = ", ".join(f"{step} {value * 1000:.0f} ms" for step, value in results["floor"].items())
    return "\n".join([
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}, Docker Engine "
        f"{machine['engine']}; {results['date']}; load before the runs {min(load):.1f} to {max(load):.1f} (median "
        f"{statistics.median(load):.1f}).",
        f"This engine alone, one container at a time: {floor}.",
        "", *_details(results), "", *_ratios(results), "", *_targets(results),
    ])


def _groups(results: dict[str, Any]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((s["scenario"], s["step"]) for s in results["samples"]))


def _of(results: dict[str, Any], scenario: str, step: str, tool: str) -> Samples:
    return [
        s for s in results["samples"] if (s["scenario"], s["step"], s["tool"]) == (scenario, step, tool) and not s["wrong"]
    ]


def _tools(results: dict[str, Any]) -> list[str]:
    return sorted({s["tool"] for s in results["samples"]}, key=lambda tool: (tool != "pdex", tool != PEER))


def quartiles(values: list[float]) -> tuple[float, float, float, float, float]:
    """Minimum, lower quartile, median, upper quartile, maximum."""
    if len(values) == 1:
        return (values[0],) * 5
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return min(values), low, middle, high, max(values)


def seconds(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"


def _spread(values: list[float]) -> str:
    least, low, middle, high, most = quartiles(values)
    return f"**{seconds(middle)}** ({seconds(least)} · {seconds(low)} – {seconds(high)} · {seconds(most)})"


def _details(results: dict[str, Any]) -> list[str]:
    lines = [
        "Median (minimum · quartiles · maximum). *Answers*: until the last service answers a look from outside. *Tool*: until the "
        "command returns.", "",
        "| scenario | tool | runs | answers | tool | CPU of the tool | its peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario, step in _groups(results):
        for tool in _tools(results):
            if samples := _of(results, scenario, step, tool):
                answered = [s["answered_s"] for s in samples if s["answered_s"] is not None]
                lines.append(
                    f"| {scenario} {step} | {tool} | {len(samples)} | {_spread(answered) if answered else ''} | "
                    f"{_spread([s['wall_s'] for s in samples])} | {_middle(samples, 'cpu_s'):.3f} s | "
                    f"{max(s['rss_kib'] for s in samples) / 1024:.1f} MiB |"
                )
        if bound := results["bounds"].get(scenario, {}).get(step):
            lines.append(f"| {scenario} {step} | *lower bound* | | {seconds(bound)} | | | |")
    return lines


def _middle(samples: Samples, figure: str) -> float:
    return statistics.median(s[figure] for s in samples)


def _figure(samples: Samples) -> str:
    return "answered_s" if samples and samples[0]["answered_s"] is not None else "wall_s"


def paired(results: dict[str, Any], scenario: str, step: str, figure: str, tool: str = PEER) -> list[float]:
    """pdex's figure over the peer's, round by round."""
    def rounds(name: str) -> dict[int, float]:
        found: dict[int, list[float]] = {}
        for sample in _of(results, scenario, step, name):
            found.setdefault(sample["round"], []).append(sample[figure])
        return {number: statistics.median(values) for number, values in found.items()}

    own, peer = rounds("pdex"), rounds(tool)
    return [own[number] / peer[number] for number in own if peer.get(number)]


def _ratios(results: dict[str, Any]) -> list[str]:
    lines = [
        f"pdex over {PEER}, round by round: median (minimum – maximum). *Noise*: the quartiles of the ratio are on both sides of 1.",
        "", "| scenario | time | CPU |", "|---|---|---|",
    ]
    for scenario, step in _groups(results):
        figure = _figure(_of(results, scenario, step, "pdex"))
        time, cpu = (paired(results, scenario, step, name) for name in (figure, "cpu_s"))
        if time and cpu:
            lines.append(f"| {scenario} {step} | {_ratio(time)} | {_ratio(cpu)} |")
    return lines


def _ratio(values: list[float]) -> str:
    least, low, middle, high, most = quartiles(values)
    noise = " *noise*" if low <= 1 <= high else ""
    return f"{middle:.3f} ({least:.3f} – {most:.3f}){noise}"


def _targets(results: dict[str, Any]) -> list[str]:
    lines = ["| target | measured | |", "|---|---|---|"]
    for words, measured, holds in _judged(results):
        lines.append(f"| {words} | {measured} | {'holds' if holds else '**does not hold**'} |")
    return lines


def _judged(results: dict[str, Any]) -> list[tuple[str, str, bool]]:
    judged: list[tuple[str, str, bool]] = []

    def ratio(words: str, scenario: str, step: str, figure: str, most: float) -> None:
        if values := paired(results, scenario, step, figure):
            judged.append((f"{words}: at most {most} × {PEER}", f"{_ratio(values)} ×", statistics.median(values) <= most))

    def not_slower(words: str, scenario: str) -> None:
        if values := paired(results, scenario, "cold", "answered_s"):
            # Slower by what the machine's own drift explains is not slower.
            _, low, middle, high, _ = quartiles(values)
            judged.append((f"{words}: not slower than {PEER}", f"{_ratio(values)} ×", middle <= 1 or low <= 1 <= high))

    def value(words: str, scenario: str, step: str, find: Callable[[Samples], float], most: float, unit: str) -> None:
        if samples := _of(results, scenario, step, "pdex"):
            found = find(samples)
            judged.append((f"{words}: at most {most:.4g} {unit}", f"{found:.4g} {unit}", found <= most))

    ratio("stack, cold, until all answer", "stack", "cold", "answered_s", 0.5)
    if bound := results["bounds"].get("stack", {}).get("cold"):
        middle = lambda samples: _middle(samples, "answered_s")  # noqa: E731
        value("the same, lower bound + 10 % + 0.3 s", "stack", "cold", middle, bound * 1.1 + 0.3, "s")
    ratio("chain of 10, until all answer", "chain", "cold", "answered_s", 0.25)
    for size in (100, 200):
        not_slower(f"fan of {size}, until all run", f"fan-{size}")
        ratio(f"fan of {size}, CPU of the tool", f"fan-{size}", "cold", "cpu_s", 0.25)
    for scenario in (name for name, step in _groups(results) if step == "again"):
        value(f"nothing to do, {scenario}", scenario, "again", lambda s: _middle(s, "wall_s") * 1000, 100, "ms")
        ratio(f"nothing to do, {scenario}", scenario, "again", "wall_s", 0.2)
    value("overhead that `up` tells of, stack", "stack", "cold", lambda s: statistics.median(map(_overhead_ms, s)), 200, "ms")
    value("peak memory, fan of 200", "fan-200", "cold", lambda s: max(x["rss_kib"] for x in s) / 1024, 25, "MiB")
    value("`config`", "config", "config", lambda s: _middle(s, "wall_s") * 1000, 15, "ms")
    judged.append(("program: at most 15 MB", f"{results['pdex']['bytes'] / 1e6:.1f} MB", results["pdex"]["bytes"] <= 15e6))
    return judged


def _overhead_ms(sample: dict[str, Any]) -> float:
    """What pdex says it added to the longest way: `added by pdex: 27 ms of 12.2 s`."""
    found = re.search(r"added by pdex: ([0-9.]+) (ms|s)\b", sample["output"])
    if not found:
        return float("inf")
    return float(found[1]) * (1 if found[2] == "ms" else 1000)


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """What the README quotes, without the single runs."""
    rows = []
    for scenario, step in _groups(results):
        for tool in _tools(results):
            if samples := _of(results, scenario, step, tool):
                figure = _figure(samples)
                rows.append({
                    "scenario": scenario, "step": step, "tool": tool, "runs": len(samples),
                    figure: [round(v, 4) for v in quartiles([s[figure] for s in samples])],
                    "cpu_s": round(_middle(samples, "cpu_s"), 4), "rss_kib": max(s["rss_kib"] for s in samples),
                })
    kept = ("machine", "date", "note", "pdex", "floor", "bounds")
    return {key: results[key] for key in kept if key in results} | {"rows": rows}


def into_readme(readme: Path, results: dict[str, Any]) -> None:
    """Puts the short table between the two marks of the README."""
    content = readme.read_text()
    if BEGIN not in content or END not in content:
        raise SystemExit(f"error: {readme} has no {BEGIN} … {END}")
    table = "\n".join(_short(results))
    readme.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table}\n{END}", content, flags=re.DOTALL))


def _short(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    load = statistics.median(s["load"] for s in results["samples"])
    busy = f" **The machine was busy with other work (load {load:.0f}): times are long, ratios rough.**" if load > 4 else ""
    note = f" {results['note']}" if results.get("note") else busy
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Docker Engine {machine['engine']}, "
        f"{results['date']}. Medians; the ratio is taken round by round (median, minimum – maximum).{note}", "",
        "| | pdex | Compose 2.40.3 | Compose 1.29.2 | ratio to 2.40.3 | CPU ratio | rounds |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario, step in _groups(results):
        if not (own := _of(results, scenario, step, "pdex")):
            continue
        figure = _figure(own)
        cells = []
        for tool in ("pdex", PEER, "compose 1.29.2"):
            samples = _of(results, scenario, step, tool)
            cells.append(seconds(_middle(samples, figure)) if samples else "")
        ratios = paired(results, scenario, step, figure)
        ratio = _ratio(ratios) if ratios else ""
        cpu = paired(results, scenario, step, "cpu_s")
        used = f"{statistics.median(cpu):.3f}" if cpu else ""
        words = _WORDS.get((scenario, step), f"{scenario}, {step}")
        lines.append(f"| {words} | {' | '.join(cells)} | {ratio} | {used} | {len(ratios)} |")
    return [*lines, "", *_targets(results)]


_WORDS = {
    ("stack", "cold"): "nine services, from nothing until all answer",
    ("stack", "again"): "nine services, `up` with nothing to do",
    ("stack", "stop"): "nine services, `stop`",
    ("stack", "warm"): "nine services, from stopped until all answer",
    ("stack", "down"): "nine services, `down -v`",
    ("chain", "cold"): "chain of ten gated services, until all answer",
    ("chain", "again"): "the chain, `up` with nothing to do",
    ("chain", "down"): "the chain, `down -v`",
    **{(f"fan-{size}", "cold"): f"{size} tiny containers, until all run" for size in (20, 50, 100, 200)},
    **{(f"fan-{size}", "again"): f"{size} tiny containers, `up` with nothing to do" for size in (20, 50, 100, 200)},
    **{(f"fan-{size}", "down"): f"{size} tiny containers, `down -v`" for size in (20, 50, 100, 200)},
    ("config", "config"): "`config`",
}
