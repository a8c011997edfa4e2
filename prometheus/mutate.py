#!/usr/bin/env python3
"""Changes each rule in one place at a time and asks whether the rules' tests notice.

A mutant is a rule with another threshold, comparison, operator, window, duration, bucket, guard or label. It is killed when a test
fails; one that survives is a hole in the tests, and this ends with 1. Tests of `x.yml` are `tests/x*_test.yml`. promtool is taken
from PROMTOOL or from PATH. What no test can tell apart is in EQUIVALENT, each with its reason.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROMTOOL = os.environ.get("PROMTOOL", "promtool")

# (file, what the line becomes, with single spaces): why no test can tell.
_OTHERS = "shares by endpoint meet by endpoint: what the other two parts leave out has no partner"
EQUIVALENT = {
    ("alerts.yml", '1 - sum by (endpoint) (rate(api_request_duration_seconds_bucket{le="0.5"}[5m]))'): _OTHERS,
    ("alerts.yml", "/ sum by (endpoint) (rate(api_request_duration_seconds_count{}[5m])) > 0.05"): _OTHERS,
    ("alerts.yml", "and sum by (endpoint) (increase(api_request_duration_seconds_count{}[5m])) >= 20"): _OTHERS,
}

COMPARISONS = {">=": ["<"], ">": ["<"], "<": [">"], "==": ["!="]}
MATCHERS = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
WORDS = {"and": ["or", "unless"], "or": ["and"], "rate": ["increase"], "absent": ["count"], "avg": ["max", "sum"], "sum": ["max"]}
# One record's name for another: a rule that asks the wrong window.
WINDOWS = {"5m": "30m", "30m": "5m", "1h": "6h", "6h": "1h", "2h": "1d", "1d": "2h"}


def scaled(number, factor):
    """The number times the factor, as a rule would write it."""
    return f"{float(number) * factor:.10g}"


def changes(expression):
    """Every (start, end, replacement) of one line of an expression."""
    strings = [match.span() for match in re.finditer(r'"[^"]*"', expression)]
    braces = [match.span() for match in re.finditer(r"\{[^}]*\}", expression)]
    brackets = [match.span() for match in re.finditer(r"\[[^\]]*\]", expression)]
    inside = lambda at, spans: any(start <= at < end for start, end in spans)
    for match in re.finditer(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", expression):
        if not inside(match.start(), strings + braces + brackets):
            for factor in (0.75, 1.25):
                yield *match.span(), scaled(match.group(), factor) if float(match.group()) else str(factor - 1)
    for match in re.finditer(r">=|==|[<>](?!=)", expression):
        if not inside(match.start(), strings + braces):
            for other in COMPARISONS[match.group()]:
                yield *match.span(), other
    for match in re.finditer(r" ([-/*]) ", expression):
        yield *match.span(1), {"-": "+", "/": "*", "*": "/"}[match.group(1)]
    for match in re.finditer(r"\b(and|or|rate|absent|avg|sum)\b", expression):
        if not inside(match.start(), strings + braces):
            for other in WORDS[match.group()]:
                yield *match.span(), other
    for match in re.finditer(r"\[(\d+)([mhd])\]", expression):
        for factor in (0.5, 2):
            minutes = int(int(match.group(1)) * {"m": 1, "h": 60, "d": 1440}[match.group(2)] * factor)
            yield *match.span(), f"[{minutes}m]"
    for match in re.finditer(r":(?:ratio_rate|increase)(\d+[mhd])\b", expression):
        if match.group(1) in WINDOWS:
            yield *match.span(1), WINDOWS[match.group(1)]
    for match in re.finditer(r'([{ ])(\w+)(=~|!~|!=|=)"([^"]*)"(, )?', expression):
        yield *match.span(3), MATCHERS[match.group(3)]
        if match.group(2) == "le":
            yield *match.span(4), "0.1" if match.group(4) == "0.5" else "0.55"
            continue
        yield match.start(2), match.end(), ""
        # One of several names less.
        for part in re.finditer(r"[^|]+", match.group(4)):
            if "|" in match.group(4):
                yield match.start(4) + part.start(), match.start(4) + part.end(), "nothing"
    for match in re.finditer(r" (?:by|on) \((\w*)\)", expression):
        yield *match.span(), ""


def mutants(text):
    """Every (line number, changed line) of a file of rules; None in place of a line is the line left out."""
    where, block = None, 0
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        key = re.match(r"(?:- )?(\w+):(.*)", stripped)
        if where == "expr" and indent <= block:
            where = None
        if where is None or where == "labels" and key:
            if key and key.group(1) in ("expr", "labels", "annotations"):
                where, block = key.group(1), indent
                if where == "expr" and key.group(2).strip() in ("", "|"):
                    continue
            elif key and key.group(1) == "for":
                where = None
                value, unit = re.match(r"(\d+)([smhd])", key.group(2).strip()).groups()
                seconds = int(value) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
                for factor in (0, 0.5, 2):
                    yield number, re.sub(r"for: .*", f"for: {int(seconds * factor)}s", line)
                continue
            elif where == "labels" and indent > block:
                yield number, re.sub(r": .*", ": other", line)
                continue
        if where == "annotations":
            where = None if stripped.startswith("- ") or not stripped else where
            continue
        if where != "expr":
            continue
        prefix = line.index("expr:") + 5 if stripped.startswith("expr:") else 0
        for start, end, other in changes(line[prefix:]):
            yield number, line[: prefix + start] + other + line[prefix + end :]
        # A guard left out.
        if stripped.startswith("and "):
            yield number, None


def passes(folder, stem):
    """Whether all tests of one file of rules pass; rules that cannot be read do not."""
    for test in sorted((folder / "tests").glob(f"{stem}*_test.yml")):
        done = subprocess.run([PROMTOOL, "test", "rules", test], capture_output=True, check=False)
        if done.returncode:
            return False
    return True


def judge(mutant):
    """The mutant, and whether it survived."""
    name, number, changed = mutant
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copytree(HERE / "tests", folder / "tests")
        lines = (HERE / name).read_text().splitlines()
        lines[number : number + 1] = [] if changed is None else [changed]
        (folder / name).write_text("\n".join(lines) + "\n")
        return mutant, passes(folder, name.removesuffix(".yml"))


def main():
    names = sys.argv[1:] or sorted(path.name for path in HERE.glob("*.yml") if path.name != "prometheus.yml")
    survivors = total = 0
    for name in names:
        if not passes(HERE, name.removesuffix(".yml")):
            sys.exit(f"{name}: its tests fail before anything is changed")
        lines = (HERE / name).read_text()
        all_of = [(name, number, changed) for number, changed in mutants(lines)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            judged = list(pool.map(judge, all_of))
        alive = [mutant for mutant, survived in judged if survived]
        alive = [m for m in alive if (m[0], " ".join((m[2] or "").split())) not in EQUIVALENT]
        for _, number, changed in alive:
            print(f"{name}:{number + 1}: survives: {'(left out)' if changed is None else changed.strip()}")
        print(f"{name}: {len(all_of)} mutants, {len(alive)} survive")
        total, survivors = total + len(all_of), survivors + len(alive)
    print(f"{total} mutants, {survivors} survive")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
