# Few verbs; CI uses them as they are.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CLUSTER := cargo run --quiet --package lockgate-cluster --
LOCKGATE := $(or $(CARGO_TARGET_DIR),target)/debug/lockgate

.PHONY: help demo test test-compat check cluster generate audit clean

help: ## List these verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Watch the main job on a real cluster (KEEP=1 leaves the cluster running)
	@hack/say.sh "building Lockgate (the first time takes about 4 minutes on 2 cores)"
	@cargo build --workspace
	@$(CLUSTER) run --node-if-possible $(if $(KEEP),--keep) -- hack/demo/demo.sh $(abspath $(LOCKGATE))

test: check ## Run all tests: pure, API server, real node
	@hack/test.sh

test-compat: ## Run the API-server tests on the oldest supported Kubernetes (about 15 minutes; not in CI)
	@hack/test-compat.sh

check: ## Format, lints, generated files, docs, unused dependencies
	@hack/check.sh

cluster: ## Start a real cluster and leave it running; prints how to use it
	@cargo build --quiet --package lockgate-cluster
	@$(CLUSTER) up --node-if-possible

generate: ## Write the generated files (crds/, two of deploy/policies/, deploy/argocd/argocd-cm.yaml)
	@cargo build --quiet
	@$(LOCKGATE) crd > crds/pipelines.yaml
	@hack/argocd-cm.sh > deploy/argocd/argocd-cm.yaml
	@echo "wrote crds/pipelines.yaml and deploy/argocd/argocd-cm.yaml"
	@for name in $$(hack/policies.sh); do \
	  hack/policies.sh $$name > deploy/policies/$$name/policy.yaml; echo "wrote deploy/policies/$$name/policy.yaml"; done

audit: ## Licences, bans, sources and advisories (cargo deny; advisories need the network)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	@cargo deny check bans licenses sources
	@cargo deny check advisories || echo "advisories: not checked (no network?)"

clean: ## Remove what cargo built (the cache of Kubernetes binaries stays)
	@cargo clean
