#!/usr/bin/env bash
# rustc for hack/fuzz.sh: with the counters that libFuzzer reads (LLVM's SanitizerCoverage), which stable rustc can set, too.
rustc=$1
shift
exec "$rustc" "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Copt-level=2
