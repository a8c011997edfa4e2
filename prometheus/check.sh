#!/bin/sh
# Checks the scrape configuration and the rules with promtool, that rules and dashboards name metrics that exist, runs the rules'
# tests; with `mutate`, changes every rule in every place to see that the tests notice (mutate.py). Takes promtool from PATH, else out of
# the distribution's package, unpacked under target/ and not installed: installing it would start a server.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=$here/../target/promtool

if command -v promtool >/dev/null; then
    promtool=promtool
else
    promtool=$tools/usr/bin/promtool
    if [ ! -x "$promtool" ]; then
        if ! command -v apt-get >/dev/null; then
            echo "error: promtool is needed: install Prometheus's tools and put promtool on PATH" >&2
            exit 1
        fi
        mkdir -p "$tools"
        cd "$tools"
        # Without package lists there is nothing to download from.
        apt-get download -q prometheus >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get download -q prometheus >/dev/null; }
        dpkg -x prometheus_*.deb .
        rm prometheus_*.deb
    fi
fi

cd "$here"
"$promtool" check config prometheus.yml
for rules in tests/*.yml; do
    "$promtool" test rules "$rules"
done
if command -v python3 >/dev/null; then
    python3 names.py
else
    echo "skipped: names.py needs python3" >&2
fi
# Minutes: every rule with every change.
if [ "${1:-}" = mutate ]; then
    PROMTOOL=$promtool python3 -u mutate.py
fi
