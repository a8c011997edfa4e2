#!/bin/sh
# The bench of the API with its database and model: tests/with-postgres.sh bench/api/run.sh PYTHON [ARG…]
# Uses the model of MODEL_DIR, or trains one as the stack does, without the search for parameters.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
export PDEX_BIN="$root/target/release"
if [ -z "${MODEL_DIR:-}" ]; then
    export MODEL_DIR="$root/target/bench-api/model"
    if [ ! -s "$MODEL_DIR/battle_winner.json" ]; then
        mkdir -p "$MODEL_DIR"
        # A toy model lets with-api.sh start; the trainer reads the database that it fills and publishes its own in its place.
        "$PDEX_BIN/examples/toy_model" "$MODEL_DIR"
        ML_TUNE_HYPERPARAMS=false ML_SKIP_IF_EXISTS=false DISABLE_MLFLOW_TRACKING=true \
            "$root/tests/with-api.sh" "$PDEX_BIN/trainer"
    fi
fi
exec "$root/tests/with-api.sh" "$1" "$root/bench/api" --json "$root/bench/results/api.json"
