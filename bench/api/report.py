"""From the results of a run to tables."""

import os
import pathlib
import platform
import re
import statistics

BEGIN, END = "<!-- bench-api: begin -->", "<!-- bench-api: end -->"


def machine():
    """What the runs ran on."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu.group(1).strip() if cpu else "?", "cores": os.cpu_count(), "memory_gib": round(memory, 1),
        "kernel": platform.release(),
    }


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def rates(found, name):
    return [rate for rate, _ in found[name]]


def ratios(found, above, below):
    """Round by round, so that a slow minute of the machine meets both."""
    return [a / b for a, b in zip(rates(found, above), rates(found, below), strict=True)]


def growth_mb(samples):
    """How much more the last third of the time needed than the second: the first one warms up."""
    third = len(samples) // 3
    return statistics.median(samples[-third:]) - statistics.median(samples[third:-third])


def _line(what, values, digits, target, meets, note=""):
    return what, spread(values, digits) + note, target, meets(statistics.median(values))


def _speed(found):
    half, reached = [p["p99_ms"] for p in found["half_target"]], [p["p99_ms"] for p in found["half"]]
    engine = found["engine"]
    matchups = [e["batch_per_second"] for e in engine]
    # What others on the machine do stretches the time and hardly the CPU.
    alone, together = (f"; {statistics.median(e['cpu_us'][i] for e in engine):.2f} of CPU" for i in range(2))
    return [
        _line("battles per second, moves chosen from all that can be learnt", rates(found, "api"), 0, "at least 14,000", lambda x: x >= 14_000),
        _line("times the rate of FastAPI + xgboost", ratios(found, "api", "peer"), 1, "at least 20", lambda x: x >= 20),
        _line("an empty axum handler's rate, times ours", ratios(found, "empty", "api"), 2, "at most 2", lambda x: x <= 2),
        _line("p99 at 7,000 battles per second, from when they were due, ms", half, 2, "under 5", lambda x: x < 5),
        _line("p99 at half the rate reached, from when they were due, ms", reached, 2, "under 5", lambda x: x < 5),
        _line("one matchup in both orders without HTTP, µs", [e["matchup_us"] for e in engine], 2, "under 10", lambda x: x < 10, alone),
        _line(f"matchups per second on {engine[0]['cores']} cores without HTTP", matchups, 0, "", lambda _: None, f"{together} each, µs"),
        _line("predictions per second there, two per matchup", [2 * m for m in matchups], 0, "at least 400,000", lambda x: x >= 400_000),
        ("largest difference to XGBoost's odds in 500 battles", f"{found['difference']:.0e}", "at most 1e-06", found["difference"] <= 1e-6),
    ]


def _endurance(found):
    most, lines = found["api_mb"][1], []
    lines.append(("most memory under all of this, MB", f"{most:.0f}", "under 40", most < 40))
    if flat := found.get("flat"):
        grown = growth_mb(flat["mb"])
        text = f"{grown:+.2f} ({min(flat['mb']):.1f}–{max(flat['mb']):.1f} MB; {flat['date']})"
        what = f"memory in {flat['minutes']} minutes of {flat['rate']:,} battles per second, last third less the second, MB"
        lines.append((what, text, "under 1", grown < 1))
    else:
        lines.append(("memory over 10 minutes", "not measured (`--minutes 10`)", "flat", None))
    over, after = found["over"], found["recovered"]
    told, seconds = over["statuses"], over["seconds"]
    answered, shed = told.get("200", 0), told.get("503", 0)
    others = sum(told.values()) - answered - shed
    text = f"{over['answer_p99_ms']:.0f} ({answered / seconds:,.0f}/s answered, {shed / seconds:,.0f}/s told 503, {others} otherwise)"
    met = others == 0 and answered > 0 and over["answer_p99_ms"] < 250
    lines.append((f"{seconds} s at twice the rate on {over['connections']:,} connections: p99 of what is answered, ms", text, "bounded: under 250", met))
    text = f"{after['p99_ms']:.2f} (answers: {', '.join(f'{n:,} × {s}' for s, n in after['statuses'].items())})"
    met = set(after["statuses"]) == {"200"} and after["p99_ms"] < 5
    lines.append(("2 s later, a quarter of the rate: p99, ms", text, "all answered, under 5", met))
    return lines


def _image(found):
    ready = found["ready_ms"]
    lines = [_line("ready after the start, the data being there, ms", ready, 0, "under 300", lambda x: x < 300)]
    image = found.get("image")
    if not image:
        return [*lines, ("image", "not measured: no Docker answers", "under 40 MB, no shell, not root", None)]
    lines.append(_line("the same in Docker, from the container's start, ms", image["ready_ms"], 0, "under 300", lambda x: x < 300))
    sound = image["mb"] < 40 and not image["shell"] and image["user"].split(":")[0] not in ("", "0", "root")
    text = f"{image['mb']:.1f} MB, user {image['user'] or 'root'}, {'a' if image['shell'] else 'no'} shell"
    return [*lines, ("image", text, "under 40 MB, no shell, not root", sound)]


def lines(found):
    """What was measured, how much, what it should be, and whether it is (`None`: nothing was asked)."""
    return [*_speed(found), *_endurance(found), *_image(found)]


def all_met(found):
    return all(met is not False for *_, met in lines(found))


def targets(found):
    """What was asked and whether it is so, in Markdown."""
    m, word = found["machine"], {True: "pass", False: "**fail**", None: ""}
    out = [
        f"{m['cpu']}, {m['cores']} cores that also run the generator, {m['memory_gib']} GiB, Linux {m['kernel']}; {found['date']}; load before "
        f"{found['load']:.1f}. {found['rounds']} rounds of {found['seconds']} s in turns (wrk, one thread, 32 connections); medians (least–most), ratios "
        f"round by round. The model has {found['trees']} trees.", "",
        "| what | measured | target | |", "|---|---|---|---|",
    ]
    out += [f"| {what} | {value} | {target} | {word[met]} |" for what, value, target, met in lines(found)]
    return "\n".join(out)


def text(found):
    """Everything, in Markdown."""
    out = [targets(found), "", "| | API | FastAPI + xgboost | empty axum handler |", "|---|---|---|---|"]
    names = ("api", "peer", "empty")
    out.append("| battles per second | " + " | ".join(spread(rates(found, n)) for n in names) + " |")
    out.append("| p99 under that load, ms | " + " | ".join(spread([p for _, p in found[n]], 2) for n in names) + " |")
    out.append(f"| most memory, MB | {found['api_mb'][1]:.0f} | {found['peer_mb']:.0f} | |")
    out.append(f"| best-move, every move judged by the model, per second | {spread(rates(found, 'best_move'))} | | |")
    out.append(f"| batch through HTTP, one client, battles per second | {spread(found['batch'])} | | |")
    return "\n".join(out)


def into_readme(path, tables):
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.split(END)[1]}")
