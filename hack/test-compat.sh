#!/usr/bin/env bash
# The API-server tests on the oldest Kubernetes that Lockgate supports; docs/compatibility.md has the last result.
set -euo pipefail
cd "$(dirname "$0")/.."
say=hack/say.sh
export LOCKGATE_KUBERNETES=1.35
# Ready programs would be of another version.
unset KUBEBUILDER_ASSETS
cluster=(cargo run --quiet --locked --package lockgate-cluster --)

$say "Kubernetes $LOCKGATE_KUBERNETES (the first time it is built, about 6 to 9 minutes on 2 cores)"
"${cluster[@]}" build
"${cluster[@]}" run -- kubectl version

$say "schema and API server, on it"
# Most of them wait for something most of the time.
cargo test --locked --no-fail-fast --test schema --test apiserver -- --test-threads=6
