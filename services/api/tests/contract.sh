#!/bin/sh
# Holds the running API against its own OpenAPI document: schemathesis, all checks, stateful, without a key and with one; then its
# metrics against promtool, and the number of series after 100 and after 10,000 mixed requests.
# Run through tests/with-postgres.sh. Schemathesis lives in a virtual environment under target/ that is made once.
set -eu
cd "$(dirname "$0")/../../.."

venv=target/contract
if [ ! -x "$venv/bin/st" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi
st=$PWD/$venv/bin/st
# Fetched by the check of the rules where it is not installed.
command -v promtool >/dev/null || prometheus/check.sh >/dev/null
PATH=$PATH:$PWD/target/promtool/usr/bin
examples=${PDEX_EXAMPLES:-300}
key=a-key-of-the-contract-test-0123456789

# shellcheck disable=SC2016 # the inner shell expands
tests/with-api.sh sh -euc '
    cd services/api
    "$1" run "$PDEX_API_URL/openapi.json" --checks all --max-examples "$2" --seed 1 --no-color
    curl -fsS "$PDEX_API_URL/metrics" | promtool check metrics
    python3 tests/series.py "$PDEX_API_URL"
' sh "$st" "$examples"

# shellcheck disable=SC2016
DEV_MODE=false API_RATE_LIMIT=0 API_KEY=$key tests/with-api.sh sh -euc '
    cd services/api
    "$1" run "$PDEX_API_URL/openapi.json" --checks all --max-examples "$2" --seed 1 --no-color -H "X-API-Key: $3"
    test "$(curl -s -o /dev/null -w "%{http_code}" "$PDEX_API_URL/types")" = 401
' sh "$st" "$examples" "$key"
