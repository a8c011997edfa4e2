#!/bin/sh
# The bench of the API with its database and model: tests/with-postgres.sh bench/api/run.sh PYTHON [ARG…]
# Uses the model of MODEL_DIR, or trains one as the stack does, without the search for parameters.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
export PDEX_BIN="$root/target/release"
if [ -z "${MODEL_DIR:-}" ]; then
    export MODEL_DIR="$root/target/bench-api/model"
    mkdir -p "$MODEL_DIR"
    # The trainer keeps a model that fits its data, settings and code.
    ML_POKEDEX=shipped ML_TUNE_HYPERPARAMS=false DISABLE_MLFLOW_TRACKING=true "$PDEX_BIN/trainer"
fi
# A socket for each connection of the crowd.
ulimit -n 8192 2>/dev/null || true
python=$1
shift
exec "$root/tests/with-api.sh" "$python" "$root/bench/api" "$@"
