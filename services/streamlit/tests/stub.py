"""A stand-in for the API on loopback: real HTTP, a Pokédex of three, odds one can compute in one's head."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POKEMON = [
    {
        "id": 25,
        "species_id": 25,
        "slug": "pikachu",
        "name_en": "Pikachu",
        "name_fr": "Pikachu",
        "form": "base",
        "types": ["electric"],
    },
    {
        "id": 95,
        "species_id": 95,
        "slug": "onix",
        "name_en": "Onix",
        "name_fr": "Onix",
        "form": "base",
        "types": ["rock", "ground"],
    },
    {
        "id": 132,
        "species_id": 132,
        "slug": "ditto",
        "name_en": "Ditto",
        "name_fr": "Métamorph",
        "form": "base",
        "types": ["normal"],
    },
]
MOVES = [{"id": 57, "name_en": "Surf", "name_fr": "Surf"}, {"id": 157, "name_en": "Rock Slide", "name_fr": "Éboulement"}]
TYPES = [
    {"id": 13, "slug": "electric", "name_en": "Electric", "name_fr": "Électrik"},
    {"id": 6, "slug": "rock", "name_en": "Rock", "name_fr": "Roche"},
    {"id": 5, "slug": "ground", "name_en": "Ground", "name_fr": "Sol"},
    {"id": 1, "slug": "normal", "name_en": "Normal", "name_fr": "Normal"},
]
ODDS = {("pikachu", "onix"): 0.375, ("onix", "pikachu"): 0.625}
BEST_MOVES = {"pikachu": "Surf", "onix": "Rock Slide", "ditto": None}


@dataclass
class Stub:
    """What the stub was asked, and how it is to answer."""

    url: str = ""
    status: int = 200
    body: bytes | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def answer(self, path: str, body: Any) -> Any:
        match path.partition("?")[0]:
            case "/pokemon":
                return {"total": len(POKEMON), "items": POKEMON}
            case "/moves":
                return {"total": len(MOVES), "items": MOVES}
            case "/types":
                return {"total": len(TYPES), "items": TYPES}
            case _:
                a, b = body["pokemon_a"], body["pokemon_b"]
                odds = ODDS.get((a, b), 0.5)
                return {
                    "winner": "",
                    "probability_a": odds,
                    "probability_b": 1 - odds,
                    "confidence": max(odds, 1 - odds),
                    "best_move_a": BEST_MOVES[a],
                    "best_move_b": BEST_MOVES[b],
                    "model": {"name": "battle_winner", "version": "7"},
                }


@contextmanager
def running() -> Iterator[Stub]:
    """Serve on a free port of loopback until the block ends."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            stub.asked.append((self.command, self.path, body))
            stub.keys.append(self.headers.get("X-API-Key"))
            if stub.status == 200:
                content = stub.body or json.dumps(stub.answer(self.path, body)).encode()
            else:
                content = stub.body or json.dumps({"title": "Title", "detail": "Failing: model."}).encode()
            self.send_response(stub.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
