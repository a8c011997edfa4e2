"""A dialog with a program at a pseudo-terminal: `dialog.py CODE STEP… -- PROGRAM ARGUMENT…`. A step `>TEXT` waits for that text,
`<TEXT` types it, `^C` presses that key. Ends with 0 when all of it came and the program ended with that code."""

import os
import select
import signal
import sys

from talk import LIMIT, Talk


def drained(talk):
    """Reads on until the program has ended: one that cannot print does not end."""
    while True:
        ended, status = os.waitpid(talk.child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if select.select([talk.leader], [], [], 0.02)[0]:
            talk.seen += os.read(talk.leader, 65536)


def main(code, steps, program):
    talk = Talk(program)
    for step in steps:
        if step == "^C":
            talk.type("\x03")
        elif step.startswith(">"):
            talk.expect(step[1:].encode().decode("unicode_escape"))
        else:
            talk.type(step[1:] + "\n")
    ended = drained(talk)
    if ended != code:
        raise SystemExit(f"exit code {ended}, not {code}: {talk.seen[-2000:]!r}")


if __name__ == "__main__":
    signal.alarm(2 * LIMIT)
    at = sys.argv.index("--")
    main(int(sys.argv[1]), sys.argv[2:at], sys.argv[at + 1 :])
