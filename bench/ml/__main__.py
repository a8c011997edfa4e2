#!/usr/bin/env python3
"""The trainer's targets, and its training beside Python's XGBoost on the same rows. Run by `make bench-ml`; prints a table, asserts
nothing.

Wants target/release/trainer, and xgboost, numpy and pyarrow in the Python that runs it. `--only PART` runs one part.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

# As the trainer's: two waiting threads must not spin. OpenMP reads it when XGBoost is loaded.
os.environ["OMP_WAIT_POLICY"] = "passive"

import numpy as np  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402
import xgboost  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINER = ROOT / "target/release/trainer"
VECTORS = ROOT.parent / "shared/vectors"
# Pokémon Showdown 0.11.11 on Node 20 takes 2.25 to 2.8 ms for a battle on one core, measured on a machine of this kind.
NODE_MS = 2.25
# Fits of the trainer and of Python in turn; the middle of each counts.
TURNS = 5


def trainer(folder, *arguments, **variables):
    """Runs the program; returns seconds, peak MB so far of any run, what it printed, and its log."""
    environment = {**os.environ, "ML_POKEDEX": "shipped", "MODEL_DIR": str(folder), **variables}
    start = time.monotonic()
    done = subprocess.run([TRAINER, *arguments], env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(done.stderr)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, usage.ru_maxrss / 1024, done.stdout, done.stderr


def battles_per_second():
    """On one core: the difference of two lengths cancels what is not battles."""
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for repeats in (1_000, 3_000):
            one = {"ML_MODE": "dataset", "ML_SCENARIO_TYPE": "best_move", "ML_THREADS": "1"}
            times.append(trainer(folder, **one, ML_BATTLES_PER_MATCHUP=str(repeats))[0])
        return 17_578 * 2_000 / (times[1] - times[0])


def rows_of(folder):
    """The data set: features, labels, weights, in which of five folds by unordered pair, and the features' names."""
    table = parquet.read_table(folder / "dataset/battles.parquet")
    names = table.column_names[7:]
    values = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
    labels = table["win_rate"].to_numpy()
    a, b = (table[name].to_numpy().astype(np.int64) for name in ("pokemon_a", "pokemon_b"))
    pair = np.minimum(a, b) * 65_536 + np.maximum(a, b)
    battles = table["battles"].to_numpy().astype(np.float32)
    return values, labels, battles / battles.mean(), (pair * 2_654_435_761 >> 16) % 5, names


def matrices(rows, fold, judged):
    """What is learned from and what is judged on, weighted as in the trainer."""
    parts = (fold != judged, fold == judged)
    return [xgboost.DMatrix(*(column[part] for column in rows[:2]), weight=rows[2][part]) for part in parts]


def python_fit(rows, fold, parameters, rounds):
    """Seconds of the trainer's last fit in Python: every tree is judged on rows learned from and on the others."""
    learn, judge = matrices(rows, fold, 0)
    start = time.monotonic()
    xgboost.train(parameters, learn, rounds, evals=[(judge, "judge"), (learn, "learn")], verbose_eval=False)
    return time.monotonic() - start


def field(log, line, name):
    """A number that the trainer logged."""
    for text in log.splitlines():
        if line in text and f" {name}=" in text:
            return float(text.split(f" {name}=")[1].split()[0])
    return float("nan")


def engine():
    ours = battles_per_second()
    yield "battles per second and core", f"{ours:,.0f}", "400,000"
    yield "  times as many as the Node simulator at its best", f"{ours * NODE_MS / 1_000:,.0f}", "1,000"


def large():
    """A data set of 900,000 rows, and a model of it."""
    size = {"ML_NUM_RANDOM_SAMPLES": "13", "ML_MAX_COMBINATIONS": "12", "ML_TUNE_HYPERPARAMS": "false"}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds, peak, out, _ = trainer(folder, ML_MODE="dataset", **size)
        yield f"{out.strip()}: seconds", f"{seconds:.1f}", "30"
        yield "  peak MB", f"{peak:.0f}", "2,048"
        _, peak, _, log = trainer(folder, ML_MODE="train", **size)
        trees, rows, took = (field(log, "trained", name) for name in ("rounds", "rows", "seconds"))
        yield f"one fit, {trees:.0f} trees of depth 8 on {rows:,.0f} rows: seconds", f"{took:.1f}", "60 (200 trees)"
        yield "  peak MB", f"{peak:.0f}", "2,048"


def plain():
    """A first run without tuning, and its training in Python."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds, peak, _, log = trainer(folder, ML_TUNE_HYPERPARAMS="false")
        yield "first run without tuning: seconds", f"{seconds:.1f}", "150"
        yield "  peak MB", f"{peak:.0f}", "2,048"
        yield from peer(folder)


def tuned():
    """A first run as the stack does it, and its model against battles it has never seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds, peak, _, log = trainer(folder, ML_TUNE_HYPERPARAMS="true")
        yield "first run with the fast grid: seconds", f"{seconds:.1f}", "360"
        yield "  peak MB", f"{peak:.0f}", "2,048"
        if VECTORS.exists():
            yield from quality(folder)


def search():
    """The search for parameters: the fast grid by halving and whole, two fits at a time, and the whole grid in Python, one fit
    after the other on both cores, with the same folds, limits and early stopping."""
    seconds = {}
    for name in ("halving", "full"):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            log = trainer(folder, ML_TUNE_HYPERPARAMS="true", ML_SEARCH=name)[3]
            seconds[name] = field(log, "search done", "seconds")
            (notes,) = (folder / "search").iterdir()
            fits = [json.loads(line) for line in notes.read_text().splitlines()]
            *rows, fold, _ = rows_of(folder)
    # The trainer's own folds are of its training part; the same share of all rows stands in for it.
    keep = np.random.default_rng(1).random(len(fold)) < 0.73
    rows, fold = [column[keep] for column in rows], fold[keep]
    begin = time.monotonic()
    for fit in fits:
        parameters = {**fit["parameters"], "objective": "binary:logistic", "tree_method": "hist", "nthread": 2}
        learn, judge = matrices(rows, fold, fit["fold"])
        xgboost.train(parameters, learn, 300, evals=[(judge, "judge")], early_stopping_rounds=10, verbose_eval=False)
    peer = time.monotonic() - begin
    yield f"the fast grid, {len(fits)} fits: seconds", f"{seconds['full']:.1f}", f"{peer:.1f} (Python)"
    yield "… its winner by halving, as the stack searches: seconds", f"{seconds['halving']:.1f}", f"{peer / 2:.1f} (half of Python's)"


PARTS = {"engine": engine, "large": large, "plain": plain, "tuned": tuned, "search": search}


def peer(folder):
    """The same parameters and rows in Python, in turn with the trainer's own fit."""
    *rows, fold, names = rows_of(folder)
    metadata = json.loads((folder / "battle_winner.metadata.json").read_text())
    parameters = {k: v for k, v in metadata["parameters"].items() if k not in ("rounds", "search", "battles_per_row")}
    parameters |= {"nthread": 2}
    rounds = int(metadata["parameters"]["rounds"])
    again = {"ML_MODE": "train", "ML_TUNE_HYPERPARAMS": "false", "ML_SKIP_IF_EXISTS": "false"}
    ours, theirs = [], []
    for _ in range(TURNS):
        log = trainer(folder, **again)[3]
        ours.append(field(log, "trained", "fit_seconds"))
        # As many rows as the trainer learned from, so that times compare.
        share = field(log, "trained", "rows") / (len(fold) * 0.8)
        keep = (fold == 0) | (np.random.default_rng(1).random(len(fold)) < share)
        theirs.append(python_fit([column[keep] for column in rows], fold[keep], parameters, rounds))
    middle = [f"{statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f})" for times in (ours, theirs)]
    what = f"training, {rounds} trees, {field(log, 'trained', 'rows'):,.0f} rows, {TURNS} turns: seconds (range)"
    yield what, middle[0], f"{middle[1]} (Python)"
    # The model itself, in Python's hands and in ours, on all rows.
    served = folder / "served.f32"
    trainer(folder, "predictions", "--out", str(served))
    theirs = xgboost.Booster(model_file=folder / "battle_winner.json").predict(xgboost.DMatrix(rows[0], feature_names=names))
    difference = np.abs(np.fromfile(served, dtype="<f4") - theirs).max()
    yield f"served odds beside Python's on {len(fold):,} rows: largest difference", f"{difference:.1e}", "1e-6"


def quality(folder):
    evaluation = json.loads(trainer(folder, "evaluate", "--against", str(VECTORS), "--json")[2])
    targets = {"battles_best4.jsonl": "0.01", "battles_random.jsonl": "0.02"}
    for group in evaluation["groups"]:
        if group["file"] in targets and group["group"].startswith("unseen"):
            metrics = group["metrics"]
            name = f"{group['file'][8:-6]}, {group['group'].replace('_', ' ')}"
            yield f"{name}: Brier", f"{metrics['brier']:.4f}", targets[group["file"]]
            yield "  winner right, decided pairs", f"{100 * metrics['accuracy_decided']:.1f} %", "98 %"
            yield "  calibration error", f"{metrics['ece']:.4f}", "0.02"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", choices=PARTS, help="one part of it")
    only = arguments.parse_args().only
    print("| what | here | target or peer |\n|---|---:|---:|", flush=True)
    for name, part in PARTS.items():
        if only in (None, name):
            for what, here, target in part():
                print(f"| {what.replace('  ', '… ')} | {here} | {target} |", flush=True)


main()
