#!/bin/sh
# Trains twice against a real MLflow server and lets Python's own XGBoost and MLflow check what came of it (five minutes, most
# of it the server's packages on the first run). Needs target/release/trainer.
set -eu
cd "$(dirname "$0")/../../../.."

venv=${PDEX_ML_VENV:-target/venv-ml}
if [ ! -x "$venv/bin/mlflow" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet mlflow==3.8.1 "sqlalchemy<2.1" xgboost-cpu==3.2.0 pyarrow pandas
fi
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start() {
    # In a group of its own: its workers outlive it otherwise.
    setsid "$venv/bin/mlflow" server --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri "sqlite:///$folder/mlflow.db" \
        --serve-artifacts --artifacts-destination "$folder/artifacts" > "$folder/server.log" 2>&1 &
    server=$!
}
start
trap 'kill -- -$server 2> /dev/null || true; wait $server 2> /dev/null || true; rm -rf "$folder"' EXIT INT TERM

answers() {
    attempts=0
    until "$venv/bin/python" -c "import urllib.request as u; u.urlopen('$MLFLOW_TRACKING_URI/health', timeout=1)" 2> /dev/null; do
        attempts=$((attempts + 1))
        [ $attempts -lt 600 ] || { cat "$folder/server.log" >&2; exit 1; }
    done
}

export ML_POKEDEX=shipped MODEL_DIR="$folder/models" OMP_WAIT_POLICY=passive
# The server is away at first: the training is spooled, and sent by the next one.
MLFLOW_TRACKING_URI=http://127.0.0.1:9 ML_SCENARIO_TYPE=best_move ML_BATTLES_PER_MATCHUP=50 target/release/trainer
[ -n "$(ls "$folder/models/mlflow-spool")" ] || { echo "error: nothing was spooled" >&2; exit 1; }

export MLFLOW_TRACKING_URI="http://127.0.0.1:$port"
answers
export ML_TUNE_HYPERPARAMS=false
target/release/trainer
# Nothing is new: nothing is recorded again.
target/release/trainer
[ -z "$(ls "$folder/models/mlflow-spool")" ] || { echo "error: the spool was not sent" >&2; exit 1; }
target/release/trainer predictions --out "$folder/served.f32"
"$venv/bin/python" services/trainer/tests/python/check.py "$folder/served.f32"

# A server whose data are gone hears of the model that is there.
kill -- -$server && wait $server 2> /dev/null || true
rm -r "$folder/mlflow.db" "$folder/artifacts"
start
answers
target/release/trainer
"$venv/bin/python" services/trainer/tests/python/check.py "$folder/served.f32" again
