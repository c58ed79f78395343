#!/usr/bin/env bash
# Gives every reader of foreign bytes what libFuzzer makes up, all targets side by side: hack/fuzz.sh SECONDS [SEED].
# With a seed it begins at the seeds of the tree alone and makes up the same inputs each time, so that a test that calls it says the
# same of the same tree; without one it goes on from what it kept of the runs before.
# Only our own crates are instrumented (and only they are built anew for it): what a dependency does shows in the bytes that
# come back to us, and a panic, a hang or too much memory shows wherever it is.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?"how long, in seconds"}
seed=${2:-}
out=${CARGO_TARGET_DIR:-target}/fuzz
mkdir -p "$out"
if ! command -v c++ >/dev/null; then
  hack/say.sh "installing g++ (libFuzzer is C++)"
  apt-get install -y -qq g++ >/dev/null
fi

RUSTC_WORKSPACE_WRAPPER=$PWD/hack/fuzz/instrument.sh cargo build --quiet --locked --package lockgate-fuzz --features libfuzzer

pids=()
names=()
for seeds in hack/fuzz/seeds/*/; do
  name=$(basename "$seeds")
  # What it finds on the way is kept from run to run in the first folder; seeds are only read.
  corpus=$out/corpus/$name
  if [ -n "$seed" ]; then
    corpus=$out/seeded/$name
    rm -rf "$corpus"
  fi
  mkdir -p "$corpus" "$out/$name"
  # A run is given up after 10 s of one input: a reader that takes so long for 64 KiB holds up whoever calls it.
  "${CARGO_TARGET_DIR:-target}/debug/fuzz-$name" "$corpus" "$seeds" $(cat "hack/fuzz/more-seeds/$name" 2>/dev/null || true) \
    ${seed:+-seed="$seed"} -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$out/$name/" >"$out/$name.log" 2>&1 &
  pids+=($!)
  names+=("$name")
done
failed=""
for i in "${!pids[@]}"; do
  if wait "${pids[$i]}"; then
    printf '%s: %s, %s\n' "${names[$i]}" \
      "$(sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)/\1 inputs/p' "$out/${names[$i]}.log")" \
      "$(grep -o 'cov: [0-9]*' "$out/${names[$i]}.log" | tail -1)"
  else
    failed=1
    tail -40 "$out/${names[$i]}.log" >&2
    echo "${names[$i]}: FOUND something; the input is in $out/${names[$i]}: make it a row of a test, then mend" >&2
  fi
done
[ -z "$failed" ]
