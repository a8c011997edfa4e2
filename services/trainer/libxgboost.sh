#!/bin/sh
# Puts libxgboost.so under target/xgboost/ and prints that directory. Does nothing when it is already there.
#
# The crate `xgb` links the library from $XGBOOST_LIB_DIR. This one comes from the wheel `xgboost-cpu` on PyPI, through pip, so
# the host's index, proxy and certificates apply. Building it from source instead takes six minutes, see README.md.
set -eu

version=3.2.0
case $(uname -m) in
x86_64) wheel_sha256=9c10b1653e1a689bf4094a328144cf3633c9be0e5217a76fbdc2fde6abcb2950 ;;
*)
    echo "error: libxgboost: no wheel is pinned for $(uname -m)" >&2
    echo "hint: build it from source and set XGBOOST_LIB_DIR, see services/trainer/README.md" >&2
    exit 1
    ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
dir=${1:-$root/target/xgboost}
stamp=$dir/.wheel-sha256
if [ -f "$dir/libxgboost.so" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wheel_sha256" ]; then
    echo "$dir"
    exit 0
fi

if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "error: libxgboost: python3 with pip is needed to fetch the wheel xgboost-cpu $version" >&2
    echo "hint: apt-get install python3-pip" >&2
    exit 1
fi

mkdir -p "$dir"
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
# --require-hashes makes pip itself refuse any other file.
echo "xgboost-cpu==$version --hash=sha256:$wheel_sha256" >"$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt" >&2

# The wheel's library asks for its own renamed copy of libgomp and looks for it in ../../xgboost_cpu.libs; the distribution's
# libgomp.so.1 is the same interface, so the name is rewritten in place (both fit the string's room).
python3 - "$work" <<'PYTHON'
import pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
wheel, = work.glob("xgboost_cpu-*.whl")
with zipfile.ZipFile(wheel) as archive:
    library = archive.read("xgboost/lib/libxgboost.so")
    gomp, = (name.rsplit("/", 1)[1] for name in archive.namelist() if "libgomp" in name)
old = gomp.encode() + b"\0"
if library.count(old) != 1:
    sys.exit(f"error: libxgboost: {gomp} is named {library.count(old)} times in the library, expected once")
(work / "libxgboost.so").write_bytes(library.replace(old, b"libgomp.so.1".ljust(len(old), b"\0")))
PYTHON

chmod 644 "$work/libxgboost.so"
mv "$work/libxgboost.so" "$dir/libxgboost.so"
echo "$wheel_sha256" >"$stamp"
echo "$dir"
