#!/bin/sh
# The monitoring's data path on the real parts: tests/with-postgres.sh tests/monitoring/run.sh [PYTEST-ARG…]
#
# API, database and model are those of tests/with-api.sh (MODEL_DIR names another model; it is copied). Prometheus and node-exporter are
# taken from PATH, else out of the distribution's packages, unpacked under target/ and not installed: installing would start servers.
# Python packages live in a virtual environment under target/ that is made once. About three minutes; see test_data_path.py.
# The README's pictures: PDEX_PICTURES=docs/pictures PDEX_LOAD=5m PDEX_SCRAPE_S=3, with Chromium to make PNG of SVG.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
tools=$root/target/monitoring

# fetch PACKAGE: prints where its program is.
fetch() {
    if ! command -v "$1"; then
        if [ ! -x "$tools/usr/bin/$1" ]; then
            mkdir -p "$tools"
            (
                cd "$tools"
                # Without package lists there is nothing to download from.
                apt-get download -q "$1" >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get download -q "$1" >/dev/null; }
                dpkg -x "$1"_*.deb .
                rm "$1"_*.deb
            )
        fi
        echo "$tools/usr/bin/$1"
    fi
}

PDEX_PROMETHEUS=$(fetch prometheus)
PDEX_NODE_EXPORTER=$(fetch prometheus-node-exporter)
export PDEX_PROMETHEUS PDEX_NODE_EXPORTER

venv=$tools/venv
if [ ! -x "$venv/bin/pytest" ] || ! "$venv/bin/python" -c 'import grafana_foundation_sdk' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'pytest==9.*' 'grafana-foundation-sdk==1769699998!10.1.0'
fi

if [ -z "${PDEX_BIN:-}" ]; then
    ${CARGO:-cargo} build --quiet --locked -p pdex -p api -p etl
    ${CARGO:-cargo} build --quiet --locked -p dex --examples
    PDEX_BIN=$root/target/debug
fi
export PDEX_BIN

if [ -n "${PDEX_PICTURES:-}" ]; then
    mkdir -p "$PDEX_PICTURES"
    PDEX_PICTURES=$(cd "$PDEX_PICTURES" && pwd)
    export PDEX_PICTURES
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
if [ -n "${MODEL_DIR:-}" ]; then
    cp "$MODEL_DIR"/battle_winner* "$copy"
else
    "$PDEX_BIN/examples/toy_model" "$copy"
fi
export MODEL_DIR="$copy"

tests/with-api.sh sh -euc 'cd tests/monitoring && exec "$@"' sh "$venv/bin/pytest" -p no:cacheprovider -q -rs "$@"

# Few colours, so a palette makes them small.
[ -n "${PDEX_PICTURES:-}" ] && command -v chromium >/dev/null || exit 0
"$venv/bin/pip" install --quiet pillow
for drawn in "$PDEX_PICTURES"/*.svg; do
    size=$(sed -n '1s/.* width="\([0-9]*\)" height="\([0-9]*\)".*/\1,\2/p' "$drawn")
    chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking --disable-component-update \
        --disable-sync --no-first-run --user-data-dir="$copy/chromium" --window-size="$size" \
        --screenshot="${drawn%.svg}.png" "file://$drawn" >/dev/null 2>&1
    "$venv/bin/python" -c 'import sys; from PIL import Image; Image.open(sys.argv[1]).convert("RGB").quantize(256, kmeans=2).save(sys.argv[1], optimize=True)' \
        "${drawn%.svg}.png"
    rm "$drawn"
done
