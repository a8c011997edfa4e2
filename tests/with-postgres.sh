#!/bin/sh
# Runs a command with a private PostgreSQL: tests/with-postgres.sh CMD [ARG…]
#
# The cluster lives in a temporary folder, listens on a free port of 127.0.0.1 only, has a random password, and is stopped and
# removed when the command ends, however it ends. The command finds it in PDEX_TEST_POSTGRES_URL (a superuser's address).
# Exit: the command's status; 69 when no PostgreSQL can be started; 64 without a command.
set -u

fail() {
    echo "with-postgres: $*" >&2
    exit 69
}

if [ "$#" -eq 0 ]; then
    echo "usage: tests/with-postgres.sh CMD [ARG…]" >&2
    exit 64
fi

# Debian keeps the server's programs off PATH, one folder per version: 15 as in the stack, else the newest.
bin=
for folder in /usr/lib/postgresql/15/bin $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
        bin=$folder
        break
    fi
done
if [ -z "$bin" ] && command -v initdb >/dev/null && command -v postgres >/dev/null; then
    bin=$(dirname "$(command -v initdb)")
fi
[ -n "$bin" ] || fail "PostgreSQL's server is not installed: apt-get install postgresql-15"

# PostgreSQL refuses to run as root.
as=
if [ "$(id -u)" -eq 0 ]; then
    for user in postgres nobody; do
        if id "$user" >/dev/null 2>&1; then
            as=$user
            break
        fi
    done
    [ -n "$as" ] || fail "root has no user to run PostgreSQL as: make one named postgres"
    command -v setpriv >/dev/null || fail "setpriv is missing: apt-get install util-linux"
fi

# The address of a Unix socket holds about 100 bytes, so not below a deep TMPDIR.
home=$(mktemp -d /tmp/pdex-postgres.XXXXXX) || fail "no temporary folder can be made"

server() {
    if [ -n "$as" ]; then
        setpriv --reuid "$as" --regid "$(id -g "$as")" --clear-groups -- env -i PATH="$PATH" LC_ALL=C HOME="$home" "$@"
    else
        env -i PATH="$PATH" LC_ALL=C HOME="$home" "$@"
    fi
}

stop() {
    if [ -f "$home/data/postmaster.pid" ]; then
        server "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1
    fi
    rm -rf "$home"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

umask 077
password=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$home/password"
[ -z "$as" ] || chown -R "$as" "$home" || fail "$home cannot be given to $as"
cd "$home" || fail "$home cannot be entered"
server "$bin/initdb" --no-sync --no-instructions -A scram-sha-256 -U postgres --pwfile="$home/password" \
    --encoding=UTF8 --locale=C.UTF-8 -D "$home/data" >"$home/initdb.log" 2>&1 ||
    fail "initdb failed: $(tail -n 3 "$home/initdb.log")"
cd "$OLDPWD" || fail "the folder of the caller is gone"

# A free port can be taken between looking and listening, so the server decides and another port is tried.
port=
for _ in 1 2 3 4 5 6 7 8 9 10; do
    candidate=$((20000 + $(od -An -N 2 -tu2 /dev/urandom) % 12000))
    if server "$bin/pg_ctl" -D "$home/data" -l "$home/server.log" -s -w -t 30 -o "-p $candidate \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home -c fsync=off -c synchronous_commit=off \
        -c full_page_writes=off -c max_connections=200" start >/dev/null 2>&1; then
        port=$candidate
        break
    fi
    grep -q 'Address already in use' "$home/server.log" || break
done
[ -n "$port" ] || fail "PostgreSQL does not start: $(tail -n 3 "$home/server.log")"

PDEX_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
export PDEX_TEST_POSTGRES_URL
"$@"
