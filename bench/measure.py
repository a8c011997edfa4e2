"""Runs one command and says what it cost and when what it started answered. The look from outside is the same for every tool."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import engine

# Between two looks at a service that does not answer yet.
LOOK_S = 0.01
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Target:
    """Something that answers once its service is there."""

    name: str
    answers: Callable[[], bool]


def http(name: str, port: int, path: str) -> Target:
    return Target(name, lambda: engine.answers(port, path))


def files(folder: Path, count: int) -> Target:
    """Answers when so many containers have left their mark in a folder."""
    return Target(f"{count} containers", lambda: len(os.listdir(folder)) >= count)


@dataclass(frozen=True)
class Sample:
    """One run of one tool."""

    wall_s: float
    cpu_s: float
    rss_kib: int
    exit: int
    # From the start of the command to the last target's answer; None when nothing was looked at or something never answered.
    answered_s: float | None
    answered: dict[str, float]
    output: str


class _Watch(threading.Thread):
    def __init__(self, targets: Sequence[Target], begin: float) -> None:
        super().__init__(daemon=True)
        self.pending, self.begin = list(targets), begin
        self.answered: dict[str, float] = {}
        self.given_up = threading.Event()

    def run(self) -> None:
        while self.pending and not self.given_up.is_set():
            for target in [target for target in self.pending if target.answers()]:
                self.answered[target.name] = time.perf_counter() - self.begin
                self.pending.remove(target)
            time.sleep(LOOK_S)


def run(time_program: Path, command: list[str], cwd: Path, targets: Sequence[Target] = ()) -> Sample:
    """Runs the command to its end, and waits for the targets. Memory is what GNU time reads: a child of this process would be
    charged with this process's own size."""
    memory, log = cwd / "memory", cwd / "output"
    wrapped = [str(time_program), "-q", "-f", "%M", "-o", str(memory), *command]
    with log.open("wb") as out:
        begin = time.perf_counter()
        watch = _Watch(targets, begin)
        process = subprocess.Popen(
            wrapped, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        watch.start()
        stop = threading.Timer(DEADLINE_S, os.killpg, (process.pid, signal.SIGKILL))
        stop.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        stop.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join(max(0.0, DEADLINE_S / 2 - wall) if process.returncode == 0 else 0.0)
    watch.given_up.set()
    figures = memory.read_text().split() or ["0"]
    return Sample(
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        rss_kib=int(figures[-1]),
        exit=process.returncode,
        answered_s=max(watch.answered.values()) if watch.answered and not watch.pending else None,
        answered=dict(watch.answered),
        output=log.read_text(errors="replace"),
    )
