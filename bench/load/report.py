"""From the results of a run to tables."""

import os
import pathlib
import platform
import re
import statistics

BEGIN, END = "<!-- bench-load: begin -->", "<!-- bench-load: end -->"
# As much as an allocator may still move after it has warmed up.
FLAT_MB = 1


def machine():
    """What the runs ran on."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu.group(1).strip() if cpu else "?", "cores": os.cpu_count(), "memory_gib": round(memory, 1),
        "kernel": platform.release(),
    }


def shown(run):
    """A run in a line, while others go on."""
    tail = "" if run["p999_ms"] is None else f", p99.9 {run['p999_ms']:.1f} ms"
    return f"{run['per_second']:,.0f}/s, {run['cpu_us']:.1f} µs of CPU each{tail}"


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def of(runs, field):
    return [run[field] for run in runs]


def ratios(ours, theirs):
    """Round by round, so that a slow minute of the machine meets both."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def best_oha(found, field, better):
    """With a thread per core or with one, whichever does better in a round: its default takes the server's core, too."""
    return [better(pair) for pair in zip(of(found["oha"], field), of(found["oha-1"], field), strict=True)]


def growth_mb(samples):
    """How much more the last third of the time needed than the second: the first one warms up."""
    third = len(samples) // 3
    return statistics.median(samples[-third:]) - statistics.median(samples[third:-third])


def memory(flat):
    samples = flat["mb"]
    return f"{growth_mb(samples):+.2f} ({min(samples):.1f}–{max(samples):.1f} MB; {flat['requests']:,} requests; {flat['date']})"


def _line(what, values, digits, target, meets):
    return what, spread(values, digits), target, meets(statistics.median(values))


def lines(found):
    """What was measured, how much, what it should be, and whether it is (`None`: nothing was asked)."""
    most, pause = found["most"], found["pause"]
    ours, cpu = of(most["pdex"], "per_second"), of(most["pdex"], "cpu_us")
    out = [
        _line("requests per second, times oha's with the better number of threads", ratios(ours, best_oha(most, "per_second", max)), 2, "at least 1", lambda x: x >= 1),
        _line("requests per second, times wrk's", ratios(ours, of(most["wrk"], "per_second")), 2, "at least 0.85", lambda x: x >= 0.85),
        _line("CPU per request, times oha's with the better number of threads", ratios(cpu, best_oha(most, "cpu_us", min)), 2, "at most 1", lambda x: x <= 1),
    ]
    for one in found["rates"]:
        rate, runs = one["rate"], one["pdex"]
        missed = [abs(run["per_second"] / rate - 1) * 100 for run in runs]
        what = f"{rate:,} requests per second offered: achieved, off by %"
        valid = all(run["valid"] for run in runs)
        told = spread(missed, 2) + ("" if valid else "; it said itself that it was late")
        out.append((what, told, "within 1", max(missed) <= 1 and valid))
    seconds = [value / 1e3 for value in of(pause["pdex"], "p999_ms")]
    near = all(abs(value - pause["pause_s"]) <= 0.1 * pause["pause_s"] for value in seconds)
    what = f"a server that stands still for {pause['pause_s']} s within {pause['seconds']} s: p99.9, s"
    out.append((what, spread(seconds, 2), f"within 10 % of {pause['pause_s']}", near))
    if flat := found.get("flat"):
        what = f"memory in {flat['minutes']:g} minutes of {flat['rate']:,} requests per second, last third less the second, MB"
        out.append((what, memory(flat), f"under {FLAT_MB}", growth_mb(flat["mb"]) < FLAT_MB))
    else:
        out.append(("memory over 10 minutes", "not measured (`--minutes 10`)", "flat", None))
    return out


def all_met(found):
    return all(met is not False for *_, met in lines(found))


def text(found):
    """Everything, in Markdown."""
    m, v, word = found["machine"], found["versions"], {True: "pass", False: "**fail**", None: ""}
    most, two, pause = found["most"], found["two"], found["pause"]
    out = [
        f"{m['cpu']}, {m['cores']} cores for loader and server, {m['memory_gib']} GiB, Linux {m['kernel']}; {found['date']}; load before "
        f"{found['load']:.1f}. nginx {v['nginx']} with one worker and a page of 612 bytes, 32 connections; {found['rounds']} rounds of "
        f"{found['seconds']} s in turns, who goes first changes; medians (least–most), ratios round by round.", "",
        "| what | measured | target | |", "|---|---|---|---|",
    ]
    out += [f"| {what} | {value} | {target} | {word[met]} |" for what, value, target, met in lines(found)]
    names = ("pdex", "oha", "oha-1", "wrk")
    out += ["", f"| | pdex | oha {v['oha']}, {m['cores']} threads | oha, one thread | wrk {v['wrk']} |", "|---|---|---|---|---|"]

    def row(what, runs, field, digits=0, scale=1):
        cells = [spread([value / scale for value in of(runs[n], field)], digits) if n in runs else "" for n in names]
        out.append(f"| {what} | " + " | ".join(cells) + " |")

    row("as fast as answers come, requests per second", most, "per_second")
    row("CPU of the loader per request there, µs", most, "cpu_us", 1)
    row("HTTP/2, 4 connections with 8 requests at once, per second", two, "per_second")
    row("CPU of the loader per request there, µs", two, "cpu_us", 1)
    row(f"p99.9 it tells with a server that stood still for {pause['pause_s']} s, s", pause, "p999_ms", 3, 1e3)
    closed = statistics.median(of(pause["closed"], "p999_ms"))
    out += ["", f"In the last row pdex and oha (`--latency-correction`) offer {pause['rate']:,} requests per second. wrk sends no more than its "
            "connections bear; when it is through it adds the requests that they would have sent meanwhile, which is how it tells the stall. A closed "
            f"loop that counts what it saw (`pdex generate-load --mode saturate`) hides it: its p99.9 is {closed:.2f} ms."]
    return "\n".join(out)


def into_readme(path, tables):
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.split(END)[1]}")
