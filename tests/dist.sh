#!/usr/bin/env bash
# The released program and nothing else, in an empty folder: the platform comes up on this machine's engine, which has its images; they
# go in one file to an engine that has nothing, and it comes up there, without any network. As root, with dockerd and iproute2.
#
#   tests/dist.sh PROGRAM
#
# Names, ports, folders and the second engine are the test's own, and removed.
set -euo pipefail

pdex=$(realpath "$1")
project=pdex-dist-$$
folder=$(mktemp -d --tmpdir pdex-dist.XXXXXX)
engine=unix://$folder/s
dockerd=
port=18000
export HOME=$folder/home PDEX_DB_PORT=15432 PDEX_API_PORT=$port PDEX_STREAMLIT_PORT=18501 PDEX_PROMETHEUS_PORT=19090 \
    PDEX_GRAFANA_PORT=13000 PDEX_NODE_EXPORTER_PORT=19100 PDEX_MLFLOW_PORT=15000
# What is tested is not the search for better parameters.
export ML_TUNE_HYPERPARAMS=false
unset XDG_DATA_HOME DOCKER_HOST
# Grafana is in no distribution's packages: without a registry nobody has it.
services=(db etl ml_builder api streamlit prometheus node-exporter mlflow)

clear() {
    set +e
    "$pdex" -p "$project" down -v --yes --no-backup --timeout 5 >/dev/null 2>&1
    if [ -n "$dockerd" ]; then
        kill "$dockerd" && wait "$dockerd"
        grep -o " $folder[^ ]*" /proc/mounts | sort -r | xargs -r -n 1 umount -l
        ip netns del "$project"
    fi
    rm -rf "$folder"
}
trap clear EXIT

# The same question to the platform here and there.
predicts() {
    "$@" curl -fsS -X POST "127.0.0.1:$port/predict/battle" -H 'content-type: application/json' \
        -d '{"pokemon_a":"Pikachu","pokemon_b":"Onix"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["winner"])'
}

mkdir -p "$folder"/{home,empty,data}
cd "$folder/empty"

echo "== up in an empty folder"
"$pdex" -p "$project" up
[ "$(predicts env)" = Onix ]
"$pdex" -p "$project" validate
[ -z "$(ls -A .)" ] || { echo "it left something in the folder: $(ls -A .)"; exit 1; }
"$pdex" -p "$project" down -v --yes --no-backup --timeout 5

echo "== a bundle to an engine that has nothing"
"$pdex" images save "${services[@]}" -o "$folder/images.tar"
ip netns add "$project"
ip -n "$project" link set lo up
echo '{}' >"$folder/daemon.json"
nsenter --net="/run/netns/$project" dockerd --config-file "$folder/daemon.json" --data-root "$folder/data" \
    --exec-root "$folder/exec" --pidfile "$folder/pid" -H "$engine" --shutdown-timeout=5 >"$folder/log" 2>&1 &
dockerd=$!
until docker -H "$engine" version >/dev/null 2>&1; do
    kill -0 "$dockerd" || { tail -n 20 "$folder/log"; exit 1; }
    sleep 0.1
done
[ -z "$(docker -H "$engine" images -q)" ]
there=(nsenter --net="/run/netns/$project" "$pdex" --docker-host "$engine" -p "$project")
"${there[@]}" images load "$folder/images.tar"
# The models of the first start are there; this one makes its own.
rm -rf "$HOME"
"${there[@]}" up --offline
[ "$(predicts nsenter --net="/run/netns/$project")" = Onix ]
"${there[@]}" validate
"${there[@]}" down -v --yes --no-backup --timeout 5
echo "the program alone brought the platform up on both engines"
