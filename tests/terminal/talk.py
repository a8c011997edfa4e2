"""Talks to a program through a pseudo-terminal, as a person would: types, resizes the window, looks whether the terminal is
given back as it was. Prints what went wrong and ends with 1, else with 0."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 60


class Talk:
    def __init__(self, argv):
        self.seen = b""
        self.leader, follower = pty.openpty()
        self.resize(40, 100)
        self.before = termios.tcgetattr(follower)
        self.follower = follower
        self.child = os.fork()
        if self.child == 0:
            os.setsid()
            fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(follower, number)
            os.execv(argv[0], argv)

    def resize(self, rows, columns):
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.leader, text.encode())

    def expect(self, text):
        end = time.monotonic() + LIMIT
        while text.encode() not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.leader], [], [], left)[0]:
                raise SystemExit(f"{text!r} did not come, but {self.seen!r}")
            self.seen += os.read(self.leader, 4096)
        self.seen = self.seen.split(text.encode(), 1)[1]

    def end(self):
        _, status = os.waitpid(self.child, 0)
        if termios.tcgetattr(self.follower) != self.before:
            raise SystemExit("the terminal was not given back as it was")
        return os.waitstatus_to_exitcode(status)


def main(argv):
    talk = Talk(argv)
    talk.type("tty; echo marker-$((6*7))\n")
    talk.expect("/dev/pts/")
    talk.expect("marker-42")
    # The window's size arrives a moment after the start.
    for _ in range(100):
        if asked(talk, "40 100"):
            break
    else:
        raise SystemExit("the size of the window did not arrive")
    talk.resize(30, 90)
    for _ in range(100):
        if asked(talk, "30 90"):
            break
    else:
        raise SystemExit("the new size of the window did not arrive")
    # A key that a terminal acts on by itself goes through as it is. Pressed again while the shell is not looking yet.
    talk.type("sleep 600; echo slept-$((7*7))\n")
    talk.expect("slept-$((7*7))")
    for _ in range(100):
        talk.type("\x03")
        if asked(talk, "30 90", 0.5):
            break
    else:
        raise SystemExit("Ctrl-C did not reach the command")
    talk.type("exit 5\n")
    code = talk.end()
    if code != 5:
        raise SystemExit(f"exit code {code}, not 5")


def asked(talk, size, limit=LIMIT):
    """Whether the shell answers in time, and says that the window has this size."""
    talk.seen = b""
    talk.type("stty size; echo asked-$((5*5))\n")
    end = time.monotonic() + limit
    while b"asked-25" not in talk.seen:
        left = end - time.monotonic()
        if left <= 0 or not select.select([talk.leader], [], [], left)[0]:
            return False
        talk.seen += os.read(talk.leader, 4096)
    return size.encode() in talk.seen


if __name__ == "__main__":
    signal.alarm(6 * LIMIT)
    main(sys.argv[1:])
