#!/usr/bin/env bash
# How long `lockgate secret list` takes beside `kubectl get secrets`: whole processes, in turn, on a real API server of its own with
# 1,000 Secrets of 100 KiB in a namespace. Prints medians in milliseconds and the median of the ratios pair by pair; judges nothing.
# secret-list.sh [PAIRS [SECRETS [KIB]]]
set -euo pipefail
cd "$(dirname "$0")/../.."
pairs=${1:-21} secrets=${2:-1000} kib=${3:-100}
if [ -z "${LOCKGATE_CLUSTER_DIR:-}" ]; then
  cargo build --quiet --release --locked --package lockgate --bin lockgate
  exec cargo run --quiet --locked --package lockgate-cluster -- run -- "$0" "$@"
fi
PATH=${CARGO_TARGET_DIR:-target}/release:$PATH
times=$(mktemp -d)
trap 'rm -rf "$times"' EXIT

hack/say.sh "making $secrets Secrets of $kib KiB"
kubectl apply --server-side -f crds/pipelines.yaml >/dev/null
kubectl create namespace bench >/dev/null
for number in $(seq -w "$secrets"); do
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: s-%s, namespace: bench}\ndata: {value: %s}\n' \
    "$number" "$(head -c $((kib * 1024)) /dev/urandom | base64 -w0)"
done | kubectl create -f - >/dev/null
# One user for each hundred, so that USED-BY has something to say.
for number in $(seq -w 1 100 "$secrets"); do
  printf -- '---\napiVersion: lockgate.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: p-%s, namespace: bench}\nspec: {transform: {image: a:1, image_pull_secrets: [s-%s]}}\n' \
    "$number" "$number"
done | kubectl create -f - >/dev/null

# milliseconds COMMAND…
milliseconds() {
  local from=$EPOCHREALTIME
  "$@" >/dev/null
  local to=$EPOCHREALTIME
  echo $((((${to/./} - ${from/./}) + 500) / 1000))
}
median() { sort -n | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

theirs=(kubectl get secrets -n bench)
for ours in "lockgate secret list -n bench" "lockgate secret list -n bench -o wide"; do
  read -ra command <<<"$ours"
  # What is read from disk for the first time counts for neither.
  milliseconds "${command[@]}" >/dev/null
  milliseconds "${theirs[@]}" >/dev/null
  : >"$times/all"
  for _ in $(seq "$pairs"); do
    a=$(milliseconds "${command[@]}")
    b=$(milliseconds "${theirs[@]}")
    echo "$a $b" >>"$times/all"
  done
  printf '%-40s %6s ms\n%-40s %6s ms\nratio, pair by pair: %s (%d pairs)\n\n' \
    "$ours" "$(cut -d' ' -f1 "$times/all" | median)" "${theirs[*]}" "$(cut -d' ' -f2 "$times/all" | median)" \
    "$(awk '{printf "%.3f\n", $1 / $2}' "$times/all" | median)" "$pairs"
done
