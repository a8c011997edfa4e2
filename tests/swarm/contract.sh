#!/usr/bin/env bash
# The contract suite of the runtime on a swarm of one node: a private engine in a network of its own. As root; nothing is left.
# IMAGE (default debian:bookworm-slim, which `pdex up db` makes on the machine's own engine) has a shell and perl.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=${PDEX_TEST_IMAGE:-debian:bookworm-slim}
network=pdexswm-$$-contract
folder=$(mktemp -d --tmpdir pdexswm.XXXXXX)
engine=unix://$folder/s
dockerd=

clear() {
    set +e
    [ -n "$dockerd" ] && kill "$dockerd" && wait "$dockerd"
    grep -o " $folder[^ ]*" /proc/mounts | sort -r | xargs -r -n 1 umount -l
    ip netns del "$network"
    rm -rf "$folder"
}
trap clear EXIT

ip netns add "$network"
# A link to nowhere: an address that is not the loopback's.
ip -n "$network" link add far type veth peer name near
ip -n "$network" addr add 10.231.1.1/24 dev far
for link in lo far near; do ip -n "$network" link set "$link" up; done

echo '{}' >"$folder/daemon.json"
nsenter --net="/run/netns/$network" dockerd --config-file "$folder/daemon.json" --data-root "$folder/data" \
    --exec-root "$folder/exec" --pidfile "$folder/pid" -H "$engine" --storage-driver=vfs --shutdown-timeout=1 \
    >"$folder/log" 2>&1 &
dockerd=$!
until docker -H "$engine" version >/dev/null 2>&1; do
    kill -0 "$dockerd" || { tail -n 20 "$folder/log"; exit 1; }
    sleep 0.1
done
docker -H "$engine" swarm init --advertise-addr 10.231.1.1 >/dev/null
docker save "$image" | docker -H "$engine" load

cargo test --locked --test contract --no-run
PDEX_TEST_SWARM_ENGINE=$engine PDEX_TEST_IMAGE=$image nsenter --net="/run/netns/$network" \
    cargo test --locked --test contract swarm:: -- --test-threads=4
