#!/usr/bin/env bash
# Writes docs/reference.md from crds/ and the tested manifests; with --check it only says whether it is stale.
set -euo pipefail
cd "$(dirname "$0")/.."

page=$(cargo run --quiet --locked --package lockgate-reference)
if [ "${1:-}" = --check ]; then
  diff <(echo "$page") docs/reference.md >/dev/null || { echo "docs/reference.md is stale: make generate" >&2; exit 1; }
else
  echo "$page" >docs/reference.md
fi
