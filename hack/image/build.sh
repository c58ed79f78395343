#!/usr/bin/env bash
# Builds Lockgate's image without Docker and without root, as an OCI layout. See docs/release.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
say=hack/say.sh

args=()
if commit=$(git rev-parse --verify --quiet HEAD 2>/dev/null); then
  # What was changed since is in no commit, and an image must not say that it is.
  if [ -z "$(git status --porcelain)" ]; then
    args+=(--revision "$commit")
  else
    $say "the tree differs from its commit: the image names no revision"
  fi
  time=$(git log -1 --format=%ct)
fi
args+=(--time "${SOURCE_DATE_EPOCH:-${time:-0}}")
[ -z "${IMAGE_SOURCE:-}" ] || args+=(--source "$IMAGE_SOURCE")

# Not for the compiler, whose output has no times: build scripts would run again for every commit, and half the crates with them.
binary=$(env -u SOURCE_DATE_EPOCH hack/image/compile.sh)
sysroot=$(rustc --print sysroot)
# None of these may be read out of the program.
for path in "$PWD/" "${HOME:?}/" "${CARGO_HOME:-$HOME/.cargo}/" "$sysroot/" "$(dirname "$(dirname "$binary")")/"; do
  args+=(--absent "$path")
done

output=${CARGO_TARGET_DIR:-target}/image
$say "making the image (checks the list of crates, collects licences)"
digest=$(cargo run --quiet --locked --package lockgate-image -- \
  build --binary "$binary" --sysroot "$sysroot" --output "$output" "${args[@]}")
$say "$output: $digest"
$say "beside it: sbom.cdx.json, licenses/"
