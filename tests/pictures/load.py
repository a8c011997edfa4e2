#!/usr/bin/env python3
"""The README's pictures of a load: its page (load_page.png) and what a terminal shows during the run and after it (load_live.png), of one
real run of `pdex generate-load` on a real API. Draws nothing by itself: the page is what Chromium shows, the terminal's text what tmux
holds.

    PDEX_BIN=target/release tests/with-postgres.sh tests/with-api.sh tests/pictures/load.py docs/pictures
"""

import contextlib
import html
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PDEX_BIN", ROOT / "target/debug")).resolve()
COMMAND = "pdex generate-load --mode spike --duration 60s --slo 'p99<50ms,errors<1%' --html load.html"
# Seconds of the run: in the middle of its spike, and when it has to be over.
DURING, LIMIT = 31, 120
COLUMNS, ROWS = 112, 30
WIDTH = 1160
MOST_BYTES = 200_000

TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body{{margin:0;padding:14px 18px;background:#17191c;color:#e8eaed;width:max-content}}
pre{{margin:0;font:15px/1.3 "DejaVu Sans Mono",monospace}}
p{{margin:0 0 6px;font:12px sans-serif;color:#9aa3ad}}pre+p{{margin-top:18px}}
</style><p>during the run</p><pre>{during}</pre><p>after it</p><pre>{after}</pre>"""


class Terminal:
    """A shell in a tmux of its own."""

    def __init__(self, folder):
        self.tmux = ["tmux", "-u", "-f", "/dev/null", "-S", str(folder / "tmux")]
        port = urllib.parse.urlsplit(os.environ["PDEX_API_URL"]).port
        variables = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", "PS1": "$ ", "PDEX_API_PORT": str(port),
            # The definition asks for them; nobody here does.
            "POSTGRES_PASSWORD": "unused", "GRAFANA_ADMIN_PASSWORD": "unused", "TERM": "screen-256color",
        }
        shell = ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), "sh"]
        self.call("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(folder), *shell)

    def call(self, *arguments):
        return subprocess.run([*self.tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def type(self, text):
        self.call("send-keys", text, "Enter")

    def screen(self):
        return "\n".join(line.rstrip() for line in self.call("capture-pane", "-p").splitlines()).rstrip()

    def wait(self, pattern, limit):
        """The screen as soon as it shows this."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen, re.MULTILINE):
                return screen
            time.sleep(0.1)
        sys.exit(f"{pattern} was not shown:\n{self.screen()}")

    def end(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call("kill-server")


def run(folder):
    """One run: the screen during it and after it."""
    terminal = Terminal(folder)
    try:
        terminal.wait(r"^\$", 10)
        terminal.type(COMMAND)
        during = terminal.wait(rf"^{DURING}/60 s ", LIMIT)
        return during, terminal.wait(r"achieved[\s\S]*^\$$", LIMIT)
    finally:
        terminal.end()


def chromium(*arguments):
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run([*command, f"--user-data-dir={profile}", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def picture(page, to, width=None):
    """What Chromium shows of a page, as high and, where no width is given, as wide as it is."""
    measured = page.with_suffix(".measured.html")
    script = "<script>document.title=`${document.body.offsetWidth}x${document.documentElement.offsetHeight}`</script>"
    measured.write_text(page.read_text() + script)
    dom = chromium(f"--window-size={width or 2000},600", "--dump-dom", measured.as_uri())
    own, height = re.search(r"<title>(\d+)x(\d+)</title>", dom).groups()
    chromium(f"--window-size={width or own},{height}", f"--screenshot={to}", page.as_uri())
    if to.stat().st_size > MOST_BYTES:
        sys.exit(f"{to} has {to.stat().st_size} bytes")


def main():
    pictures = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # The shell finds the platform's definition above it, as a user in the checkout does.
        (folder / "stack").symlink_to(ROOT / "stack")
        during, after = run(folder)
        print(after)
        screens = folder / "terminal.html"
        screens.write_text(TERMINAL.format(during=html.escape(during), after=html.escape(after)))
        picture(screens, pictures / "load_live.png")
        picture(folder / "load.html", pictures / "load_page.png", WIDTH)


if __name__ == "__main__":
    main()
