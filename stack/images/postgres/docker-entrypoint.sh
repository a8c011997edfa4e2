#!/bin/bash
# Starts PostgreSQL under the environment contract of the official image. The first start makes the cluster:
#   initdb -> temporary server on a unix socket only -> init scripts -> stop -> the real server.
# All of that happens in a staging folder inside the volume and is moved into place when it is complete, so a container
# killed half way through leaves nothing that a later start could take for a database.
set -Eeuo pipefail
shopt -s nullglob dotglob

readonly data_dir="$PGDATA"
readonly staging="$data_dir/.initialising"
readonly complete="$staging/.complete"
readonly sockets=/var/run/postgresql

log() { printf 'entrypoint: %s\n' "$*" >&2; }
die() { printf 'entrypoint: error: %s\n' "$1" >&2; printf 'entrypoint: hint: %s\n' "$2" >&2; exit 1; }

# NAME or the content of the file NAME_FILE names; both at once is a contradiction.
read_setting() {
    local name="$1" fallback="${2:-}" file="${1}_FILE" value
    if [[ -n "${!name:-}" && -n "${!file:-}" ]]; then
        die "both $name and $file are set" "unset one of them"
    fi
    if [[ -n "${!file:-}" ]]; then
        [[ -r "${!file}" ]] || die "$file names ${!file}, which cannot be read" "mount the secret there, readable by the container"
        value="$(< "${!file}")"
    else
        value="${!name:-$fallback}"
    fi
    export "$name=$value"
    unset "$file"
}

# Root only prepares ownership; everything else runs as the `postgres` user, as process 1.
drop_privileges() {
    mkdir -p "$data_dir" "$sockets"
    chmod 0700 "$data_dir"
    find "$data_dir" \! -user postgres -exec chown postgres '{}' +
    find "$sockets" \! -user postgres -exec chown postgres '{}' +
    export HOME=/var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
}

run_sql() { psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --host="$sockets" --no-password "$@"; }

stop_temporary_server() { pg_ctl --pgdata="$staging" --mode=fast --wait --silent stop; }

# A stop request during the first start: the staging folder is thrown away by the next start.
interrupted() {
    log "stopped while the database was being made; the next start begins again"
    [[ ! -f "$staging/postmaster.pid" ]] || stop_temporary_server || true
    exit 130
}

make_cluster() {
    local arguments=()
    [[ -z "${POSTGRES_INITDB_ARGS:-}" ]] || eval "arguments=($POSTGRES_INITDB_ARGS)"
    # Nothing is lost when this is cut short, so it is flushed to disk once, at the end.
    initdb --pgdata="$staging" --username="$POSTGRES_USER" --no-sync --no-instructions \
        --auth-local=trust --auth-host="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" \
        --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}" >&2
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$staging/pg_hba.conf"
}

run_init_script() {
    local script="$1"
    log "running $script"
    # shellcheck source=/dev/null
    case "$script" in
        *.sh) if [[ -x "$script" ]]; then "$script"; else source "$script"; fi ;;
        *.sql) run_sql --dbname="$POSTGRES_DB" --file="$script" ;;
        *.sql.gz) gunzip --stdout "$script" | run_sql --dbname="$POSTGRES_DB" ;;
        *) log "ignored: not .sh, .sql or .sql.gz" ;;
    esac
}

# The temporary server has no TCP port: nobody outside can take it for the real one.
populate_cluster() {
    PGDATA="$staging" pg_ctl --pgdata="$staging" --wait --silent start \
        -o "-c listen_addresses='' -c unix_socket_directories=$sockets -c fsync=off -p 5432"
    if [[ "$POSTGRES_DB" != postgres ]]; then
        run_sql --dbname=postgres --set=name="$POSTGRES_DB" <<< 'CREATE DATABASE :"name"' >&2
    fi
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        PGDATA="$staging" PGHOST="$sockets" run_init_script "$script" >&2
    done
    stop_temporary_server
}

# `PG_VERSION` moves last: while it is absent there is no cluster, and this step can be repeated.
move_into_place() {
    local entry
    for entry in "$staging"/*; do
        case "${entry##*/}" in
            PG_VERSION | .complete) ;;
            *) mv "$entry" "$data_dir/" ;;
        esac
    done
    mv "$staging/PG_VERSION" "$data_dir/"
    rm -rf "$staging"
}

initialise() {
    read_setting POSTGRES_PASSWORD
    read_setting POSTGRES_USER postgres
    read_setting POSTGRES_DB "$POSTGRES_USER"
    if [[ -z "$POSTGRES_PASSWORD" && "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]]; then
        die "the database has no password" "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
    fi
    local leftover
    for leftover in "$data_dir"/*; do
        case "${leftover##*/}" in
            lost+found | .initialising) ;;
            *) die "$data_dir holds ${leftover##*/} but no database" "mount an empty volume, or restore the one that belongs here" ;;
        esac
    done
    trap interrupted INT TERM
    rm -rf "$staging"
    make_cluster
    populate_cluster
    initdb --pgdata="$staging" --sync-only >&2
    touch "$complete"
    move_into_place
    sync --file-system "$data_dir"
    trap - INT TERM
    log "the database is made; starting the server"
}

prepare() {
    if [[ -s "$data_dir/PG_VERSION" ]]; then
        local found
        found="$(< "$data_dir/PG_VERSION")"
        [[ "$found" == 15 ]] || die "the volume holds a PostgreSQL $found cluster and this is 15" "dump it with version $found and load it here"
        rm -rf "$staging"
    elif [[ -f "$complete" ]]; then
        log "finishing the move of a database made by an earlier start"
        move_into_place
    else
        initialise
    fi
}

# `postgres --version` and its like answer and leave.
only_asks() {
    local argument
    for argument in "$@"; do
        case "$argument" in
            --version | -V | --help | '-?' | --describe-config | -C) return 0 ;;
        esac
    done
    return 1
}

main() {
    [[ $# -gt 0 && "$1" != -* ]] || set -- postgres "$@"
    if [[ "$1" != postgres ]] || only_asks "$@"; then
        exec "$@"
    fi
    [[ "$(id -u)" != 0 ]] || drop_privileges "$@"
    prepare
    # The server needs none of these, and a process's environment is readable by its owner.
    unset POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE POSTGRES_INITDB_ARGS
    exec "$@"
}

main "$@"
