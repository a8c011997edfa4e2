#!/bin/sh
# Runs a command beside a running API: tests/with-postgres.sh tests/with-api.sh CMD [ARG…]
#
# The database is the one of tests/with-postgres.sh, filled by the ETL from the shipped snapshot; the model is that of MODEL_DIR, or
# a small one that needs no training. The command finds the API in PDEX_API_URL, its process in PDEX_API_PID and the models folder in
# MODEL_DIR. Programs are taken from PDEX_BIN (default target/debug, built first). The API's own variables pass through; its log
# goes to PDEX_API_LOG. The API is stopped when the command ends.
# Exit: the command's status; 69 when the API does not become ready; 64 without a command.
set -eu

fail() {
    echo "with-api: $*" >&2
    exit 69
}

[ "$#" -gt 0 ] || { echo "usage: tests/with-postgres.sh tests/with-api.sh CMD [ARG…]" >&2; exit 64; }
[ -n "${PDEX_TEST_POSTGRES_URL:-}" ] || fail "run me through tests/with-postgres.sh"

root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${PDEX_BIN:-}" ]; then
    PDEX_BIN=$root/target/debug
    (cd "$root" && ${CARGO:-cargo} build --quiet --locked -p api -p etl && ${CARGO:-cargo} build --quiet --locked -p dex --examples) || fail "the programs do not build"
fi

home=$(mktemp -d)
api=
stop() {
    if [ -n "$api" ]; then
        kill -TERM "$api" 2>/dev/null && wait "$api" 2>/dev/null
    fi
    rm -rf "$home"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# postgres://USER:PASSWORD@HOST:PORT/DATABASE
rest=${PDEX_TEST_POSTGRES_URL#postgres://}
POSTGRES_USER=${rest%%:*} rest=${rest#*:}
POSTGRES_PASSWORD=${rest%%@*} rest=${rest#*@}
POSTGRES_HOST=${rest%%:*} rest=${rest#*:}
POSTGRES_PORT=${rest%%/*}
POSTGRES_DB=${rest#*/}
export POSTGRES_USER POSTGRES_PASSWORD POSTGRES_HOST POSTGRES_PORT POSTGRES_DB

"$PDEX_BIN/etl" >"$home/etl.log" 2>&1 || fail "the ETL failed: $(tail -n 3 "$home/etl.log")"
if [ -z "${MODEL_DIR:-}" ]; then
    MODEL_DIR=$home/models
    mkdir "$MODEL_DIR"
    "$PDEX_BIN/examples/toy_model" "$MODEL_DIR" || fail "no model could be written"
fi
export MODEL_DIR

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export API_BIND="127.0.0.1:$port" DEV_MODE="${DEV_MODE:-true}"
"$PDEX_BIN/pdex-api" serve 2>"${PDEX_API_LOG:-$home/api.log}" &
api=$!
tries=0
until "$PDEX_BIN/pdex-api" healthcheck 2>"$home/health.log"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] && kill -0 "$api" 2>/dev/null || fail "the API is not ready: $(tail -n 1 "$home/health.log"; tail -n 3 "${PDEX_API_LOG:-$home/api.log}")"
    sleep 0.1
done
export PDEX_API_URL="http://127.0.0.1:$port" PDEX_API_PID="$api"
"$@"
