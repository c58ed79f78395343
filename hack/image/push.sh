#!/usr/bin/env bash
# push.sh IMAGE pushes the image that build.sh made, as it is: its digest stays what it was.
# Credentials are skopeo's: `skopeo login`, or REGISTRY_AUTH_FILE. PUSH_FLAGS has further flags of `skopeo copy`.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-}
layout=${CARGO_TARGET_DIR:-target}/image

if [ -z "$image" ]; then
  echo "IMAGE is missing: make push IMAGE=registry.example.com/lockgate:0.1.0" >&2
  exit 1
fi
if [ ! -f "$layout/index.json" ]; then
  echo "there is no image in $layout: make image IMAGE=$image" >&2
  exit 1
fi
if ! command -v skopeo >/dev/null; then
  echo "skopeo is missing: apt-get install skopeo, or another way to copy the OCI layout $layout" >&2
  exit 1
fi
digest_file=$(mktemp)
trap 'rm -f "$digest_file"' EXIT
# The policy is about what is pulled; this image is ours. PUSH_FLAGS are several words.
# shellcheck disable=SC2086
skopeo --insecure-policy copy --preserve-digests --digestfile "$digest_file" ${PUSH_FLAGS:-} \
  "oci:$layout:image" "docker://$image"
name=${image##*/}
echo "${image%"$name"}${name%%[:@]*}@$(cat "$digest_file")"
