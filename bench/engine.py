"""The container engine's HTTP API, as far as the bench itself asks it: nothing here is measured but the floor of one start."""

import http.client
import json
import socket
import threading
import time
import urllib.parse
from typing import Any

SOCKET = "/var/run/docker.sock"
API = "/v1.41"
PROJECT = "com.docker.compose.project"


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(SOCKET)


def call(method: str, path: str, body: Any = None, raw: bytes | None = None) -> Any:
    """One request on a connection of its own; fails on anything but success and "not there"."""
    connection = _Connection("engine", timeout=120)
    data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
    kind = "application/x-tar" if raw is not None else "application/json"
    connection.request(method, API + path, data, {"Content-Type": kind})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    if answer.status >= 400 and answer.status != 404:
        raise RuntimeError(f"{method} {path}: {answer.status} {text.strip()}")
    return json.loads(text) if text.startswith(("{", "[")) and "\n{" not in text.strip() else text


def filtered(kind: str, project: str) -> list[Any]:
    query = urllib.parse.quote(json.dumps({"label": [f"{PROJECT}={project}"]}))
    found = call("GET", f"/{kind}?all=1&filters={query}")
    return list((found["Volumes"] or []) if kind == "volumes" else found)


def states(project: str) -> list[tuple[str, str]]:
    """State and words of each container of the project, e.g. `("exited", "Exited (0) 2 seconds ago")`."""
    return [(c["State"], c["Status"]) for c in filtered("containers/json", project)]


def clear(project: str) -> None:
    """Removes everything of one project of the bench."""
    paths = [f"/containers/{c['Id']}?force=1&v=1" for c in filtered("containers/json", project)]
    lanes = [threading.Thread(target=_delete, args=(paths[lane::8],)) for lane in range(8)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    _delete([f"/networks/{n['Id']}" for n in filtered("networks", project)])
    _delete([f"/volumes/{v['Name']}" for v in filtered("volumes", project)])


def _delete(paths: list[str]) -> None:
    for path in paths:
        call("DELETE", path)


def floor(image: str, port: int) -> dict[str, float]:
    """What this engine needs at least, in seconds, when it has nothing else to do: `network` to make one, `create` a container on
    it, `start` until a server without any start-up time answers on its published port, `job` until one that does nothing has
    ended."""
    name = "pdexbch-floor"
    labels = {PROJECT: name}
    clear(name)
    times: dict[str, list[float]] = {"network": [], "create": [], "start": [], "job": []}
    for _ in range(5):
        begin = time.perf_counter()
        call("POST", "/networks/create", {"Name": name, "Labels": labels})
        made = time.perf_counter()
        times["network"].append(made - begin)
        host = {
            "NetworkMode": name,
            "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]},
        }
        server = {
            "Image": image, "Cmd": ["serve", "8080"], "Labels": labels, "HostConfig": host,
            "ExposedPorts": {"8080/tcp": {}},
        }
        identifier = call("POST", "/containers/create", server)["Id"]
        created = time.perf_counter()
        times["create"].append(created - made)
        call("POST", f"/containers/{identifier}/start")
        while not answers(port, "/health"):
            time.sleep(0.002)
        times["start"].append(time.perf_counter() - created)
        job = {"Image": image, "Cmd": ["job"], "Labels": labels, "HostConfig": {"NetworkMode": name}}
        identifier = call("POST", "/containers/create", job)["Id"]
        created = time.perf_counter()
        call("POST", f"/containers/{identifier}/start")
        call("POST", f"/containers/{identifier}/wait")
        times["job"].append(time.perf_counter() - created)
        clear(name)
    return {step: sorted(values)[len(values) // 2] for step, values in times.items()}


def answers(port: int, path: str) -> bool:
    """Whether an HTTP server answers 200 on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False
