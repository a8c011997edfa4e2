#!/bin/sh
# The bench of the load generator with its peers: bench/load/run.sh [ARG…]
#
# wrk is the distribution's. So is nginx, which is unpacked under target/ where it is not there, and not installed: installing would
# start a server. oha is compiled from crates.io, once.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/target/bench-load
oha=1.16.0

mkdir -p "$tools"
if ! PDEX_NGINX=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null); then
    PDEX_NGINX=$tools/usr/sbin/nginx
    if [ ! -x "$PDEX_NGINX" ]; then
        (
            cd "$tools"
            # Without package lists there is nothing to download from.
            apt-get download -q nginx >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get download -q nginx >/dev/null; }
            dpkg -x nginx_*.deb .
            rm nginx_*.deb
        )
    fi
fi
export PDEX_NGINX
if ! "$tools/bin/oha" --version 2>/dev/null | grep -q " $oha\$"; then
    "${CARGO:-cargo}" install oha --version "=$oha" --locked --quiet --root "$tools"
fi
exec python3 "$root/bench/load" "$@"
