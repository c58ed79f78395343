#!/usr/bin/env bash
# Prints Krew's manifest of this version: krew.sh HOMEPAGE URL AMD64.tar.gz ARM64.tar.gz
# The archives will be found below URL under their own names; each holds `lockgate` and `LICENSE`, and nothing around them.
set -euo pipefail

fail() {
  printf 'krew.sh: %s\n' "$*" >&2
  exit 1
}

[ $# -eq 4 ] || { echo "krew.sh HOMEPAGE URL AMD64.tar.gz ARM64.tar.gz" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
homepage=$1 url=${2%/} amd64=$3 arm64=$4
version=$(sed -n '/^\[workspace\.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml")

for link in "$homepage" "$url"; do
  case $link in
  https://*[\ \|\&\\]*) fail "$link cannot be a link" ;;
  https://*) ;;
  *) fail "$link does not begin with https://" ;;
  esac
done
for archive in "$amd64" "$arm64"; do
  [ -f "$archive" ] || fail "$archive is not there: make it with tar -czf, as docs/release.md has it"
  for file in lockgate LICENSE; do
    tar -tzf "$archive" "$file" >/dev/null 2>&1 || fail "$archive has no $file at its top"
  done
done
sum() { sha256sum "$1" | cut -d ' ' -f 1; }

# The comment is for who reads the template.
sed -e '/^#/d' \
  -e "s|@VERSION@|v$version|" -e "s|@HOMEPAGE@|$homepage|" -e "s|@URL@|$url|" \
  -e "s|@AMD64@|$(basename "$amd64")|" -e "s|@AMD64_SHA256@|$(sum "$amd64")|" \
  -e "s|@ARM64@|$(basename "$arm64")|" -e "s|@ARM64_SHA256@|$(sum "$arm64")|" \
  "$root/deploy/krew/lockgate.yaml"
