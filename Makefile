# Every way to build, run and test Scope. `make` alone prints this list.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Passed to the server (make run, make dev) or to the benchmark.
ARGS ?=
export CARGO_TARGET_DIR ?= target

DENY_VERSION := 0.20.2
CYCLONEDX_VERSION := 0.5.9
RUFF := .venv/bin/ruff
# Run in frontend/; --no: a missing package is an error, not a download.
NPX := npx --no --

UI_SOURCES := $(shell find frontend -name node_modules -prune -o -name dist -prune -o -type f -print 2>/dev/null | sed 's/ /\\ /g')

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: deps deps-run deps-test deps-bench deps-deny deps-sbom
deps: deps-test ## install what building, running and testing need (Debian 12 and 13)

deps-run:
	@.tools/deps run

deps-test:
	@.tools/deps run test

deps-bench: ## install what `make bench` compares with
	@.tools/deps run bench

deps-deny: ## install cargo-deny for `make check` (compiles for minutes)
	cargo install --locked cargo-deny@$(DENY_VERSION)

deps-sbom: ## install cargo-cyclonedx for `make sbom` (compiles for minutes)
	cargo install --locked cargo-cyclonedx@$(CYCLONEDX_VERSION)

# npm writes node_modules/.package-lock.json last, vite dist/index.html: both mark a finished step.
%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $* && npm ci
	@touch $@

frontend/dist/index.html: frontend/node_modules/.package-lock.json $(UI_SOURCES)
	cd frontend && npm run build
	@touch $@

.PHONY: ui
ui: frontend/dist/index.html ## build the page, if its sources changed

.PHONY: run
run: ## serve the built page on port 8000 (ARGS="--tls self-signed")
	@.tools/run $(ARGS)

.PHONY: dev
dev: deps-run frontend/node_modules/.package-lock.json ## server and Vite together, until Ctrl-C
	@.tools/dev $(ARGS)

.PHONY: types
types: frontend/node_modules/.package-lock.json ## write the page's types from the server's OpenAPI document
	cargo run --quiet --locked -- openapi | node frontend/scripts/types.js

.PHONY: check
check: deps-test frontend/node_modules/.package-lock.json ## formats, lints, types, licences
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cd frontend && $(NPX) eslint .
	cd frontend && $(NPX) prettier --check .
	cargo run --quiet --locked -- openapi | node frontend/scripts/types.js --check
	cd frontend && $(NPX) tsc --build --noEmit
	$(RUFF) format --check tests tests/bench/run tests/bench/builds tests/bench/onnx pipelines
	$(RUFF) check tests tests/bench/run tests/bench/builds tests/bench/onnx pipelines
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny --config .deny.toml check --hide-inclusion-graph bans licenses sources; \
	else \
		echo 'skip: cargo-deny not installed (make deps-deny)'; \
	fi

.PHONY: audit
audit: ## check the dependencies for known vulnerabilities (asks GitHub and npm's registry)
	cargo deny --config .deny.toml check advisories
	cargo deny --manifest-path fuzz/Cargo.toml --config .deny.toml check advisories
	cd frontend && npm audit --package-lock-only --audit-level=moderate
	cd tests/browser && npm audit --package-lock-only --audit-level=moderate

.PHONY: sbom
sbom: ## write what the server and the page are made of to target/sbom (CycloneDX)
	@.tools/sbom

.PHONY: requirements
requirements: ## write requirements.txt with hashes from each requirements.in (UPGRADE=--upgrade for new versions)
	@.tools/requirements $(UPGRADE)

.PHONY: test
test: ## everything: page, server, foreign clients, browsers; timed
	@.tools/test

.PHONY: floods
floods: deps-test ## measure a good session beside the floods of one peer, six minutes (ARGS="AV1 viewers")
	@cargo test --locked --test floods -- $(ARGS)

.PHONY: bench
bench: deps-run ## measure this server and its peers, three quarters of an hour (ARGS="--quick", ARGS=--help)
	@exec tests/bench/run $(ARGS)

.PHONY: fuzz
fuzz: deps-test ## fuzz the parsers of what peers send (FUZZ_SECONDS=60 each)
	@.tools/fuzz

.PHONY: soak
soak: deps-test ## many sessions for a long time, to find leaks; ten minutes of each fuzz target
	LEAK_SESSIONS=2000 LEAK_AT_ONCE=50 cargo test --locked --test suite -- --nocapture --test-threads=1 leaks::
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} .tools/fuzz

.PHONY: clean
clean: ## remove what was built or installed into this folder
	cargo clean
	rm -rf frontend/dist frontend/node_modules tests/browser/node_modules .venv
