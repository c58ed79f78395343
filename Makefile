# Few verbs; CI uses them as they are.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# On the command line CLUSTER says where the demo runs: `make demo CLUSTER=current`.
DEMO_CLUSTER := $(if $(findstring command,$(origin CLUSTER)),$(CLUSTER),own)
override CLUSTER := cargo run --quiet --package lockgate-cluster --
LOCKGATE := $(or $(CARGO_TARGET_DIR),target)/debug/lockgate

.PHONY: help demo test test-compat check fuzz cluster generate image push audit clean

help: ## List these verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Watch the main job on a real cluster (KEEP=1 leaves it running; CLUSTER=current: that of your kubeconfig)
	@hack/say.sh "building Lockgate (the first time takes about 4 minutes on 2 cores)"
ifeq ($(DEMO_CLUSTER),own)
	@cargo build --workspace
	@$(CLUSTER) run --node-if-possible $(if $(KEEP),--keep) -- hack/demo/demo.sh $(abspath $(LOCKGATE))
else
	@cargo build
	@hack/demo/demo.sh $(abspath $(LOCKGATE)) $(DEMO_CLUSTER)
endif

test: check ## Run all tests: pure, API server, real node
	@hack/test.sh

test-compat: ## Run the API-server tests on the oldest supported Kubernetes (about 15 minutes; not in CI)
	@hack/test-compat.sh

check: ## Format, lints, generated files, docs, unused dependencies
	@hack/check.sh

fuzz: ## Give every reader of foreign bytes what libFuzzer makes up, for FUZZ_SECONDS (600); `make test` does it for 60
	@hack/say.sh "fuzzing for $(or $(FUZZ_SECONDS),600) s"
	@hack/fuzz.sh $(or $(FUZZ_SECONDS),600)

cluster: ## Start a real cluster and leave it running; prints how to use it
	@cargo build --quiet --package lockgate-cluster
	@$(CLUSTER) up --node-if-possible

generate: ## Write the generated files (crds/, docs/reference.md, docs/cli.md, deploy/install.yaml, policies, parts of charts/)
	@cargo build --quiet
	@for name in pipelines registries clusterregistries; do $(LOCKGATE) crd $$name > crds/$$name.yaml; done
	@$(LOCKGATE) man --markdown > docs/cli.md
	@for kind in pipeline registry clusterregistry; do \
	  $(LOCKGATE) schema $$kind > crds/schemas/$${kind}_v1alpha1.json; echo "wrote crds/schemas/$${kind}_v1alpha1.json"; done
	@hack/argocd-cm.sh > deploy/argocd/argocd-cm.yaml
	@hack/reference.sh
	@echo "wrote crds/*.yaml, docs/reference.md, docs/cli.md and deploy/argocd/argocd-cm.yaml"
	@for name in $$(hack/policies.sh); do \
	  hack/policies.sh $$name > deploy/policies/$$name/policy.yaml; echo "wrote deploy/policies/$$name/policy.yaml"; done
	@hack/install.sh > deploy/install.yaml; echo "wrote deploy/install.yaml"
	@for file in $$(hack/chart.sh); do hack/chart.sh $$file > charts/lockgate/$$file; echo "wrote charts/lockgate/$$file"; done
	@cargo run --quiet --package lockgate-chart
	@LOCKGATE_WRITE_GOLDEN=1 cargo test --quiet --test chart golden:: >/dev/null; echo "wrote charts/lockgate/ci/golden"

image: ## Build the container image into target/image, without Docker; docs/release.md
	@hack/image/build.sh
	@echo "to push it: make push IMAGE=$(or $(IMAGE),registry.example.com/lockgate:0.1.0)"

push: ## Push the image to a registry: IMAGE=registry.example.com/lockgate:0.1.0
	@hack/image/push.sh '$(IMAGE)'

audit: ## Licences, bans, sources and advisories (cargo deny; advisories need the network)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	@cargo deny check bans licenses sources
	@cargo deny check advisories || echo "advisories: not checked (no network?)"

clean: ## Remove what cargo built (the cache of Kubernetes binaries stays)
	@cargo clean
