#!/usr/bin/env bash
# Every test, kind by kind, with a count of each at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
say=hack/say.sh
log=$(mktemp)
# Where the clusters of the API-server suite leave their audit logs.
audit=$(mktemp -d)
trap 'rm -rf "$log" "$audit"' EXIT
# A backtrace of frames of the runtime hides what the test said.
export RUST_BACKTRACE=0
summary=""
total=0
skipped=0
skips=""

# kind NAME CARGO-ARGUMENTS…: runs one kind of test and counts it. `harness` holds arguments of the test program.
kind() {
  local name=$1 from=$SECONDS status count left
  shift
  $say "$name"
  # The filter's exit code says nothing: it is the tests' that counts.
  set +o errexit
  cargo test --locked "$@" -- --show-output ${harness:-} 2>&1 | tee "$log" | grep -Ev '^(test .* ok|running [0-9]+ tests?|successes:|    [a-z_0-9:]+|)$'
  status=${PIPESTATUS[0]}
  set -o errexit
  if [ "$status" -ne 0 ]; then
    # Who reads only the end of a long log shall know which test failed at which expectation.
    grep -A 8 -E '^thread .* panicked at ' "$log" | cut -c 1-400 | tail -n 60 >&2 || true
    grep -E '^test .* FAILED$' "$log" >&2 || true
    echo "$name: FAILED" >&2
    exit 1
  fi
  count=$(awk '/^test result:/ {n += $4} END {print n + 0}' "$log")
  total=$((total + count))
  # A test that cannot run here says so, and why.
  while read -r left; do
    skipped=$((skipped + 1))
    skips+="$name: $left"$'\n'
    [ -z "${CI:-}" ] || { echo "$name: $left: in CI a skip is a failure" >&2; exit 1; }
  done < <(grep '^SKIPPED' "$log" || true)
  summary+=$(printf '%6d  %s (%d s)' "$count" "$name" $((SECONDS - from)))$'\n'
}

$say "the test cluster's programs (the first time builds Kubernetes and Helm, about 8 to 11 minutes on 2 cores)"
cargo run --quiet --locked --package lockgate-cluster -- build --node-if-possible

kind "pure: model, plan, build, report, controller parts" --lib --bins
kind "tidy: the tree's own rules" --test tidy
kind "command line, and Krew's manifest" --test cli --test krew
kind "rendered inputs: files, and hostile expressions within their limits" --test render
kind "GitOps: Argo CD's Lua and kstatus on what a real cluster said" --test gitops
kind "doc tests" --doc --workspace
kind "image" --package lockgate-image
kind "test cluster" --package lockgate-cluster
kind "the reference of fields" --package lockgate-reference
kind "what the chart's files are made by" --package lockgate-chart
kind "Helm chart: renders, refusals, and releases on the API server" --test chart
kind "schema: the corpus on the API server and offline" --test schema
# Most of them wait for something most of the time.
LOCKGATE_AUDIT_DIR=$audit harness=--test-threads=9 kind "API server" --test apiserver
LOCKGATE_AUDIT_DIR=$audit harness=--ignored kind "rights: what that suite asked for is what is granted" --test rights
harness=--test-threads=8 kind "commands: what people type, on the API server" --test commands
harness=--test-threads=4 kind "real node" --test kubelet
$say "demo: the README's first command"
if ! make demo >"$log" 2>&1; then
  tail -n 60 "$log" >&2
  echo "make demo: FAILED" >&2
  exit 1
fi
grep -E '^(The Pod existed|No value|no value)' "$log" || true
$say "fuzz: every reader of foreign bytes, 60 s, from one seed"
hack/fuzz.sh 60 1

printf '\n%s%s' "$summary" "$skips"
printf '%d passed, 0 failed, %d skipped\n' "$((total - skipped))" "$skipped"
