"""From the results of a run to tables."""

import os
import pathlib
import platform
import re
import subprocess

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def machine():
    """What the runs ran on."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    postgres = subprocess.run([found[0], "--version"], capture_output=True, text=True).stdout.split() if found else []
    return {
        "cpu": cpu.group(1).strip() if cpu else "?", "cores": os.cpu_count(), "memory_gib": round(memory, 1),
        "kernel": platform.release(), "postgresql": postgres[2] if len(postgres) > 2 else "?",
    }


def is_met(row):
    return row["median_s"] < row["target_s"] and row["peak_mb"] < row["target_mb"]


def times(results):
    """How many times as long as ours the second way takes, which is the original's."""
    return results["beside"]["ways"][1]["times"]


def all_met(results):
    return all(is_met(row) for row in results["own"]) and times(results) >= results["beside"]["target_times"]


def _word(met):
    return "pass" if met else "**fail**"


def text(results):
    """Everything, in Markdown."""
    m, beside = results["machine"], results["beside"]
    lines = [
        f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, Linux {m['kernel']}, PostgreSQL {m['postgresql']} (fsync off); "
        f"{results['date']}; median of {results['rounds']} runs; load before them {results['load']:.1f}.", "",
        "| run | seconds (range) | peak memory | target | |", "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['run']} | {r['median_s']:.2f} ({r['least_s']:.2f}–{r['most_s']:.2f}) | {r['peak_mb']:.0f} MB | "
        f"under {r['target_s']} s, {r['target_mb']} MB | {_word(is_met(r))} |" for r in results["own"]
    ]
    lines += ["", f"| way of loading {beside['rows']:,} rows | seconds | times ours | |", "|---|---|---|---|"]
    for at, way in enumerate(beside["ways"]):
        target = f"at least {beside['target_times']}: {_word(times(results) >= beside['target_times'])}" if at == 1 else ""
        lines.append(f"| {way['way']} | {way['median_s']:.3f} | {way['times']:.0f} | {target} |")
    return "\n".join(lines)


def into_readme(path, tables):
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.split(END)[1]}")
