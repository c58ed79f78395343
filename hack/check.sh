#!/usr/bin/env bash
# All that can be said of the tree without a cluster. Fails on the first thing that is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/.."
say=hack/say.sh

$say "format"
cargo fmt --all --check

$say "lints (clippy; unused dependencies by rustc's own lint)"
cargo clippy --workspace --all-targets --locked --features otlp -- --deny warnings
# Per target, since a dependency of the library need not be one of the binary or of a test; with and without what the image and
# all tests have and a bare build has not. Nothing is linked for it.
cargo rustc --quiet --profile check --lib --locked --features otlp -- --deny unused_crate_dependencies
cargo rustc --quiet --profile check --lib --locked -- --deny unused_crate_dependencies --deny warnings

$say "generated files"
cargo build --quiet --locked
for name in pipelines registries clusterregistries; do
  if ! diff <("${CARGO_TARGET_DIR:-target}/debug/lockgate" crd "$name") "crds/$name.yaml" >/dev/null; then
    echo "crds/$name.yaml is stale: make generate" >&2
    exit 1
  fi
done
if ! diff <("${CARGO_TARGET_DIR:-target}/debug/lockgate" man --markdown) docs/cli.md >/dev/null; then
  echo "docs/cli.md is stale: make generate" >&2
  exit 1
fi
for kind in pipeline registry clusterregistry; do
  if ! diff <("${CARGO_TARGET_DIR:-target}/debug/lockgate" schema "$kind") "crds/schemas/${kind}_v1alpha1.json" >/dev/null; then
    echo "crds/schemas/${kind}_v1alpha1.json is stale: make generate" >&2
    exit 1
  fi
done
if ! diff <(hack/argocd-cm.sh) deploy/argocd/argocd-cm.yaml >/dev/null; then
  echo "deploy/argocd/argocd-cm.yaml is stale: make generate" >&2
  exit 1
fi

hack/reference.sh --check

for name in $(hack/policies.sh); do
  if ! diff <(hack/policies.sh "$name") "deploy/policies/$name/policy.yaml" >/dev/null; then
    echo "deploy/policies/$name/policy.yaml is stale: make generate" >&2
    exit 1
  fi
done

if ! diff <(hack/install.sh) deploy/install.yaml >/dev/null; then
  echo "deploy/install.yaml is stale: make generate" >&2
  exit 1
fi
for file in $(hack/chart.sh); do
  if ! diff <(hack/chart.sh "$file") "charts/lockgate/$file" >/dev/null; then
    echo "charts/lockgate/$file is stale: make generate" >&2
    exit 1
  fi
done
if ! diff <(hack/chart.sh | grep ^templates/policies/) <(cd charts/lockgate && find templates/policies -type f | sort) >&2; then
  echo "charts/lockgate/templates/policies has a file that nothing makes: delete it" >&2
  exit 1
fi
cargo run --quiet --locked --package lockgate-chart -- --check

$say "docs"
RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --workspace --no-deps --locked --features otlp
