"""The peer: what a careful Python team would serve. FastAPI on uvicorn (uvloop, httptools), orjson, the same model in one Booster, and
every table in memory. It even has the model's input for every pair worked out ahead, which the API computes per request.

Reads the folder of `cargo run -p dex --example rows` in PEER_TABLES and the model in MODEL_DIR.
"""

import json
import os
import unicodedata

import numpy as np
import xgboost
from fastapi import FastAPI, HTTPException
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel, ConfigDict

tables = os.environ["PEER_TABLES"]
models = os.environ["MODEL_DIR"]
with open(f"{tables}/pokemon.json", encoding="utf-8") as file:
    known = json.load(file)
count = len(known["pokemon"])
rows = np.fromfile(f"{tables}/rows.f32", dtype="<f4").reshape(count, count, -1)
openings = known["openings"]
with open(f"{models}/battle_winner.metadata.json", encoding="utf-8") as file:
    metadata = json.load(file)
version = {"name": metadata["name"], "version": metadata["version"]}
booster = xgboost.Booster(model_file=f"{models}/battle_winner.json")
booster.set_param({"nthread": 1})


def fold(name):
    """How the API compares names."""
    plain = unicodedata.normalize("NFKD", name.replace("♀", "f").replace("♂", "m"))
    return "".join(c for c in plain if c.isalnum()).lower()


places = {}
for place, (pokemon_id, *names) in enumerate(known["pokemon"]):
    for key in (pokemon_id, str(pokemon_id), *map(fold, names)):
        places.setdefault(key, place)
names_en = [entry[2] for entry in known["pokemon"]]


class Battle(BaseModel):
    """The request; moves are left out, as the bench leaves them."""

    model_config = ConfigDict(extra="forbid")
    pokemon_a: int | str
    pokemon_b: int | str


def find(name):
    place = places.get(name if isinstance(name, int) else fold(name))
    if place is None:
        raise HTTPException(404, "No such Pokémon")
    return place


app = FastAPI(default_response_class=ORJSONResponse)


@app.post("/predict/battle")
async def battle(request: Battle):
    a, b = find(request.pokemon_a), find(request.pokemon_b)
    pair = np.stack((rows[a, b], rows[b, a]))
    ab, ba = booster.inplace_predict(pair, validate_features=False).tolist()
    probability_a = (ab + 1.0 - ba) / 2.0
    return ORJSONResponse({
        "winner": names_en[a if probability_a >= 0.5 else b],
        "probability_a": probability_a,
        "probability_b": 1.0 - probability_a,
        "confidence": max(probability_a, 1.0 - probability_a),
        "best_move_a": openings[a * count + b],
        "best_move_b": openings[b * count + a],
        "method": "model",
        "model": version,
        "simulation": None,
    })
