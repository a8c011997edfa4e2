#!/bin/sh
# Whether the commands of `x-pdex.done` tell a job that is done from one that is not: that of the ETL against a database before and after it
# ran, that of the trainer against its folder. Run through tests/with-postgres.sh: tests/export/done.sh PDEX
set -eu

[ "$#" -eq 1 ] || { echo "usage: tests/with-postgres.sh tests/export/done.sh PDEX" >&2; exit 64; }
pdex=$(realpath "$1")
cd "$(dirname "$0")/../.."
cargo build --quiet --locked -p etl

# postgres://USER:PASSWORD@HOST:PORT/DATABASE
rest=${PDEX_TEST_POSTGRES_URL#postgres://}
POSTGRES_USER=${rest%%:*} rest=${rest#*:}
POSTGRES_PASSWORD=${rest%%@*} rest=${rest#*@}
POSTGRES_HOST=${rest%%:*} rest=${rest#*:}
POSTGRES_PORT=${rest%%/*}
POSTGRES_DB=${rest#*/}
MODEL_DIR=$(mktemp -d)
trap 'rm -rf "$MODEL_DIR"' EXIT
: >"$MODEL_DIR/none.env"
export POSTGRES_USER POSTGRES_PASSWORD POSTGRES_HOST POSTGRES_PORT POSTGRES_DB MODEL_DIR

# run SERVICE [OPTION…]: its command, as the definition has it.
run() {
    service=$1
    shift
    GRAFANA_ADMIN_PASSWORD=none "$pdex" "$@" config --env-file "$MODEL_DIR/none.env" --format json | python3 -c '
import json, subprocess, sys
done = json.load(sys.stdin)["services"][sys.argv[1]]["x-pdex"]["done"]["command"]
sys.exit(subprocess.run([word.replace("$$", "$") for word in done], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode)
' "$service"
}

say() { printf '  %s\n' "$*"; }
not_done() { if run "$@"; then echo "error: $1 is not done and is said to be" >&2; exit 1; fi; say "$1 is not done, and not said to be"; }
is_done() { run "$@" || { echo "error: $1 is done and is not said to be" >&2; exit 1; }; say "$1 is done, and said to be"; }

not_done etl
not_done ml_builder
target/debug/etl >/dev/null 2>&1
is_done etl
not_done ml_builder
echo '{}' >"$MODEL_DIR/battle_winner.metadata.json"
is_done ml_builder

# The production profile's: the password is in a file there.
printf %s "$POSTGRES_PASSWORD" >"$MODEL_DIR/password"
POSTGRES_PASSWORD_FILE=$MODEL_DIR/password
export POSTGRES_PASSWORD_FILE
is_done migrate --profile production
not_done roles --profile production
