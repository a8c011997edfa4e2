#!/usr/bin/env bash
# Makes the release: one static program that carries the stack, completions, manual pages, licences, an archive of it all and its
# checksums, in target/dist. Of what is committed, so that the same commit gives the same bytes; `check` builds it twice, from two
# folders, and compares.
#
#   stack/release.sh [check]
set -euo pipefail
cd "$(dirname "$0")/.."

# What a stack needs: its definition, the recipes, the sources they build from, dashboards and rules.
carried=(.cargo .dockerignore .env.example Cargo.lock Cargo.toml LICENSE LICENSE-APACHE clippy.toml dashboards models prometheus
    services src stack)

release() { # FOLDER: a checkout; the release is in its target/dist
    cd "$1"
    local version target name out
    version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    target=$(rustc -vV | sed -n 's/^host: //p')
    name=pdex-$version-$target
    out=$PWD/target/dist
    rm -rf "$out" && mkdir -p "$out/$name/completions" "$out/$name/man"
    git archive --format=tar HEAD "${carried[@]}" | gzip -9n >"$out/stack.tar.gz"

    # Paths of this machine do not belong in a program that others get. A target that is named keeps the flags from build scripts.
    local remap="--remap-path-prefix=$PWD=/pdex --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    PDEX_STACK_ARCHIVE=$out/stack.tar.gz RUSTFLAGS="-C target-feature=+crt-static $remap" \
        cargo build --locked --profile shipped --target "$target" --target-dir target/release-build --features carried
    cp "target/release-build/$target/shipped/pdex" LICENSE LICENSE-APACHE README.md "$out/$name/"

    local pdex=$out/$name/pdex shell command
    for shell in bash zsh fish; do "$pdex" completions "$shell" >"$out/$name/completions/pdex.$shell"; done
    "$pdex" man >"$out/$name/man/pdex.1"
    for command in $("$pdex" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
        [ "$command" = help ] || "$pdex" man "$command" >"$out/$name/man/pdex-$command.1"
    done
    tar --sort=name --mtime="@$(git log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        -C "$out" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
    (cd "$out" && sha256sum "$name.tar.gz" "$name/pdex" >SHA256SUMS)
}

if [ -n "$(git status --porcelain)" ]; then
    echo "there are changes that are not committed: a release is made of a commit" >&2
    exit 1
fi
if [ "${1:-}" = check ]; then
    twice=$(mktemp -d)
    trap 'rm -rf "$twice"' EXIT
    for which in one another; do
        git clone --quiet . "$twice/$which"
        (release "$twice/$which")
    done
    diff "$twice"/{one,another}/target/dist/SHA256SUMS && echo "built twice, in two folders: the same bytes"
else
    release "$PWD"
    cat target/dist/SHA256SUMS
fi
