"""The image of the API: its size, its user, whether it has a shell, and how soon a container of it is ready. Built here from the program
that the bench measured, and removed afterwards."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

DATABASE = ("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD")


def docker(*arguments):
    done = subprocess.run(["docker", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"docker {arguments[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def answers():
    return shutil.which("docker") is not None and subprocess.run(["docker", "version"], capture_output=True).returncode == 0


def until_ready(url, since, clock=time.time):
    """Milliseconds from `since` to the first 200."""
    while clock() - since < 20:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=1):
            return (clock() - since) * 1000
        time.sleep(0.002)
    raise RuntimeError("not ready within 20 s")


def _started(name):
    text = docker("inspect", "-f", "{{.State.StartedAt}}", name)
    # Nanoseconds are more than Python reads.
    return datetime.datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*Z", r".\1+00:00", text)).timestamp()


def _readable(folder):
    """The model in a folder that the image's user may read, whoever trained it under whatever umask."""
    folder.chmod(0o755)
    for name in ("battle_winner.json", "battle_winner.metadata.json"):
        shutil.copyfile(pathlib.Path(os.environ["MODEL_DIR"]) / name, folder / name)
        (folder / name).chmod(0o644)


def _ready_ms(image, name, port, models):
    own = {key: os.environ[key] for key in DATABASE} | {"DEV_MODE": "true", "API_BIND": f"127.0.0.1:{port}", "MODEL_DIR": "/app/models"}
    variables = [part for key, value in own.items() for part in ("-e", f"{key}={value}")]
    docker("run", "-d", "--name", name, "--network", "host", "-v", f"{models}:/app/models:ro", *variables, image)
    try:
        return until_ready(f"http://127.0.0.1:{port}", _started(name))
    except RuntimeError as error:
        log = subprocess.run(["docker", "logs", "--tail", "3", name], capture_output=True, text=True)
        raise RuntimeError(f"{error}: {log.stderr}") from error
    finally:
        docker("rm", "-f", name)


def measure(program, dockerfile, rounds, free_port):
    """`None` where no engine answers."""
    if not answers():
        return None
    name = f"pdexbch-api-{os.getpid()}"
    with tempfile.TemporaryDirectory() as context:
        (pathlib.Path(context) / "bin").mkdir()
        shutil.copy(program, pathlib.Path(context) / "bin/pdex-api")
        docker("build", "-q", "-t", name, "-f", dockerfile, context)
    try:
        facts = json.loads(docker("image", "inspect", name))[0]
        shell = subprocess.run(["docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", name, "-c", ":"], capture_output=True)
        with tempfile.TemporaryDirectory() as models:
            _readable(pathlib.Path(models))
            ready = [_ready_ms(name, f"{name}-{i}", free_port(), models) for i in range(rounds)]
        return {"mb": facts["Size"] / 1e6, "user": facts["Config"]["User"], "shell": shell.returncode == 0, "ready_ms": ready}
    finally:
        docker("rmi", "-f", name)
