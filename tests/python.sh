#!/bin/sh
# Lints, type-checks and tests the Python parts, in a virtual environment under target/ that is made once per lock file.
# Where there is Chromium, a browser visits every screen: of the page at PDEX_STREAMLIT_URL, else of one with a stub behind it.
# PDEX_SCREENSHOTS is the folder that pictures go to.
set -eu
cd "$(dirname "$0")/.."

lock=services/streamlit/requirements-dev.lock
venv=${CARGO_TARGET_DIR:-target}/venv
python=${PYTHON:-python3.11}
command -v "$python" > /dev/null || python=python3

if ! cmp -s "$lock" "$venv/installed.lock"; then
    rm -rf "$venv"
    "$python" -m venv "$venv" || {
        echo "error: python: cannot make a virtual environment with $python" >&2
        echo "hint: apt-get install python3-venv" >&2
        exit 1
    }
    "$venv/bin/pip" install --quiet --no-deps --only-binary :all: --require-hashes -r "$lock"
    cp "$lock" "$venv/installed.lock"
fi
bin=$(cd "$venv/bin" && pwd)

for part in services/streamlit services/mlflow tests/browser tests/monitoring; do
    "$bin/ruff" check --quiet --no-cache "$part"
    "$bin/ruff" format --check --quiet --no-cache "$part"
    (cd "$part" && "$bin/pytest" --quiet -p no:cacheprovider)
done
(cd services/streamlit && "$bin/mypy" --no-error-summary --cache-dir "$bin/../mypy" page.py predictiondex screens tests)
(cd services/mlflow && "$bin/mypy" --no-error-summary --cache-dir "$bin/../mypy" serve.py tests)
(cd tests/monitoring && "$bin/mypy" --no-error-summary --cache-dir "$bin/../mypy" .)
"$bin/ruff" format --check --quiet --no-cache --config services/streamlit/pyproject.toml dashboards
