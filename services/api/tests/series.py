"""Sends 10,000 mixed requests, right and wrong, and checks that the metrics have as many series as after the first 100.

usage: series.py URL
"""

import http.client
import json
import random
import sys
import urllib.parse

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]
PATHS = [
    "/pokemon", "/pokemon/{}", "/pokemon/search?q={}", "/moves", "/moves/{}", "/types", "/types/affinities", "/version",
    "/health", "/health/live", "/docs/", "/docs/{}", "/openapi.json", "/predict/model-info", "/{}", "/{}/{}",
    "/predict/explain?pokemon_a={}&pokemon_b=25", "/predict/battle", "/predict/battle?method=simulate", "/predict/best-move",
    "/predict/batch", "/predict/team",
]
BODIES = [
    "", "{", "[]", {"pokemon_a": 25, "pokemon_b": 95}, {"pokemon_a": "nobody", "pokemon_b": 95},
    {"battles": [{"pokemon_a": 25, "pokemon_b": 95}]}, {"team_a": [25], "team_b": [95, 6]}, {"pokemon_a": 132, "pokemon_b": 132},
]


def main(url):
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    choose = random.Random(1)

    def send(method, path, body=None):
        headers = {"content-type": "application/json"} if body is not None else {}
        for last in (False, True):
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (ConnectionError, http.client.HTTPException):
                # A kept connection may be closed at any time; a new one has to answer.
                connection.close()
                if last:
                    raise

    def series():
        lines = send("GET", "/metrics")[1].decode().splitlines()
        return {line.rsplit(" ", 1)[0] for line in lines if line and not line.startswith("#")}

    def mixed(count):
        for _ in range(count):
            name = choose.choice(["25", "pikachu", "x" * choose.randint(1, 40), str(choose.randint(0, 99999))])
            body = choose.choice(BODIES)
            body = body if isinstance(body, str) else json.dumps(body)
            status, answer = send(choose.choice(METHODS), choose.choice(PATHS).replace("{}", name), body)
            if status == 500:
                sys.exit(f"a request ended with 500: {answer!r}")

    mixed(100)
    before = series()
    mixed(9_900)
    new = series() - before
    if new:
        sys.exit(f"{len(new)} series more after 10,000 requests: {sorted(new)[:5]}")
    print(f"{len(before)} series after 100 requests and after 10,000")


main(sys.argv[1])
