#!/usr/bin/env bash
# Compiles Lockgate for its image: with the list of its crates inside, and with no path of this machine.
# compile.sh [TARGET] prints the path of the program.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The list of crates is made by this program, which reads what cargo says of the build.
auditable=0.7.7
cache=${LOCKGATE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/lockgate}
tools=$cache/cargo-auditable-$auditable
if [ ! -x "$tools/bin/cargo-auditable" ]; then
  hack/say.sh "installing cargo-auditable $auditable into the cache (once, about half a minute)"
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$tools" --version "$auditable" cargo-auditable >&2
fi

target_dir=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
flags=()
# Of two that fit, rustc takes the last.
remap() { flags+=("--remap-path-prefix=$1=$2"); }
remap "$HOME" /home
remap "$PWD" /lockgate
remap "$target_dir" /target
remap "$(rustc --print sysroot)" /rust
remap "$cargo_home" /cargo
cargo fetch --quiet --locked
for source in "$cargo_home"/registry/src/*; do
  remap "$source" /crates
done
separator=$'\x1f'
CARGO_ENCODED_RUSTFLAGS=$(IFS=$separator; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

hack/say.sh "compiling for release (the first time takes about 6 minutes on 2 cores)"
PATH="$tools/bin:$PATH" cargo auditable build --release --locked --package lockgate --bin lockgate --features otlp ${1:+--target "$1"} >&2
echo "$target_dir/${1:+$1/}release/lockgate"
