"""The image that every service of the bench runs from: a static busybox and three scripts, made without a registry.

Light on purpose: what is measured is the tool that starts containers, not what runs in them. A service's own start-up time is
a number in the definition, so that the lower bound is known."""

import io
import tarfile
from pathlib import Path

import engine

IMAGE = "pdexbch/standin:1"
APPLETS = ("sh", "sleep", "usleep", "httpd", "wget", "nc", "mkdir", "rm", "kill", "test", "cat", "ls")
PAGES = ("index.html", "health", "-/ready", "api/health", "_stcore/health", "metrics")

# `serve PORT`: a server that needs START_MS to begin. `database`: as the postgres image, see the README. `job`: one-shot of
# RUN_MS that first has to reach NEEDS, where set. `beat`: says that it runs by a file named after its container.
ENTRY = r"""#!/bin/sh
trap 'kill $! 2>/dev/null; exit 0' TERM INT
pause() { usleep "$(($1 * 1000))" & wait $!; }
case $1 in
serve)
    pause "${START_MS:-0}"
    httpd -f -p "$2" -h /www & wait $!
    ;;
database)
    data=/var/lib/postgresql/data
    if [ ! -e "$data/initialised" ]; then
        pause "${INIT_MS:-0}"
        : > /run/temporary-server
        pause "${TEMPORARY_MS:-0}"
        rm /run/temporary-server
        pause "${AWAY_MS:-0}"
        : > "$data/initialised"
    fi
    pause "${START_MS:-0}"
    httpd -f -p 5432 -h /www & wait $!
    ;;
job)
    if [ -n "$NEEDS" ]; then
        wget -q -O /dev/null "http://$NEEDS/" || { echo "$NEEDS does not answer"; exit 1; }
    fi
    pause "${RUN_MS:-0}"
    [ ! -d /app/models ] || : > /app/models/model.json
    ;;
beat)
    : > "/beat/$HOSTNAME"
    exec sleep 86400
    ;;
esac
"""
CURL = '#!/bin/sh\nfor url; do :; done\nexec wget -q -O /dev/null "$url"\n'
PG_ISREADY = "#!/bin/sh\ntest -e /run/temporary-server || exec nc 127.0.0.1 5432 </dev/null\n"


def make(busybox: Path) -> None:
    """Imports the image, in place of an older one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "run", "tmp", "beat", "www", "www/-", "www/api", "www/_stcore", "var/lib/postgresql/data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _file(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in (("entry", ENTRY), ("curl", CURL), ("pg_isready", PG_ISREADY)):
            _file(tar, f"bin/{name}", text.encode(), 0o755)
        for page in PAGES:
            _file(tar, f"www/{page}", b"ok\n", 0o644)
    remove()
    repository, tag = IMAGE.split(":")
    changes = "&changes=ENTRYPOINT%20%5B%22%2Fbin%2Fentry%22%5D"
    engine.call("POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}{changes}", raw=buffer.getvalue())


def remove() -> None:
    engine.call("DELETE", f"/images/{IMAGE}?force=1")


def _file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
