"""`make bench-scale`: what one API brings along whatever the machine does: its series, the bytes of a prediction, its connections to
the database, and how large the database is. Writes bench/results/scale.json, which src/capacity/measured.rs is held against.

Run through tests/with-postgres.sh tests/with-api.sh.
"""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
BODY = {"pokemon_a": "Pikachu", "pokemon_b": "Onix"}
ALONE = {"pokemon_a": "Pikachu"}


def answers(url):
    """Every kind of request once, so that every series is there."""
    place = urllib.parse.urlsplit(url)
    requests = [
        ("GET", "/pokemon", None), ("GET", "/moves", None), ("GET", "/types", None), ("GET", "/health", None),
        ("POST", "/predict/battle", BODY), ("POST", "/predict/battle?method=simulate", BODY), ("POST", "/predict/best-move", BODY),
        ("POST", "/predict/batch", {"battles": [BODY]}), ("POST", "/predict/team", {"team_a": ["Pikachu"], "team_b": ["Onix"]}),
        ("GET", "/predict/explain?pokemon_a=pikachu&pokemon_b=onix", None), ("POST", "/predict/battle", ALONE),
    ]
    for method, path, body in requests:
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
        connection.request(method, path, body and json.dumps(body), {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        # The last one names one side only.
        wanted = 422 if body == ALONE else 200
        assert answer.status == wanted, (path, answer.status)


def battle(url):
    """The bytes on the wire of a prediction and of its answer, as curl asks it."""
    place = urllib.parse.urlsplit(url)
    body = json.dumps(BODY)
    request = (
        f"POST /predict/battle HTTP/1.1\r\nHost: {place.netloc}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
        f"content-type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()
    answer = b""
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(request)
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    return len(request), len(answer)


def series(url):
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return len({line.rsplit(" ", 1)[0] for line in lines if line and not line.startswith("#")})


def asked(question):
    command = ["psql", os.environ["PDEX_TEST_POSTGRES_URL"], "-qtAc", question]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    url = os.environ["PDEX_API_URL"]
    answers(url)
    request, answer = battle(url)
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "series": series(url),
        "request_bytes": request,
        "answer_bytes": answer,
        "connections": asked(others),
        "database_bytes": asked("SELECT pg_database_size(current_database())"),
    }
    (ROOT / "bench/results/scale.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


main()
