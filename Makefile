# `make demo` shows it, `make test` proves it. `make` alone lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long fuzz bench bench-peers lint bless

# One cache for daily work and for .ci/run; one profile, always --release (see [profile.release]); and always
# the whole workspace, because another choice of crates has other features and compiles everything anew.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/causeway/target

# The crates without clock, disk, socket, thread or randomness; they also build for the browser.
PURE := zk-ceremony zk-policy did-registry credential ledger-chain wallet

# Fuzz targets; what each holds its decoder to is in examples/fuzz/src/lib.rs. No sanitizer: there is no unsafe code
# of ours to watch, and without one the stable compiler is enough. No cfg(fuzzing) either: what runs is what ships.
FUZZ := $(sort $(basename $(notdir $(wildcard examples/fuzz/fuzz_targets/*.rs))))
SECONDS ?= 60

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  make demo KEEP=1          leave the processes up and print their addresses"
	@echo "  make demo TRAVELLERS=100  fewer travellers each way (default 1000)"
	@echo "  make demo MODE=clear      nobody crosses in zero knowledge"
	@echo "  make fuzz TARGET=sd_jwt SECONDS=60  one of: $(FUZZ)"

setup: ## install what building, testing and linting need, if it is missing
	@.ci/setup data build lint test

demo: ## one health-code crossing between two jurisdictions, start to end
	@.ci/setup data build
	@echo "building (the first time takes 30 to 40 minutes on two cores, later ones seconds)"
	cargo build --locked --release --workspace --bins
	"$$CARGO_TARGET_DIR/release/health-code" \
		$(if $(filter-out 0,$(KEEP)),--keep) $(if $(TRAVELLERS),--travellers $(TRAVELLERS)) $(if $(MODE),--mode $(MODE))

test: ## every test, every doctest, and the pure crates for wasm32
	@.ci/setup data build test
	cargo nextest run --locked --release --workspace --no-fail-fast
	cargo test --locked --release --workspace --doc
	cargo check --locked --release --target wasm32-unknown-unknown $(PURE:%=-p %)

test-long: ## what takes minutes: every bit of what is shown flipped, a whole ceremony in processes
	@.ci/setup data build test
	LONG=1 cargo nextest run --locked --release --workspace --no-fail-fast --ignore-default-filter \
		-E 'test(flipped_bit) | test(/(^|::)long_/)'

fuzz: ## look for inputs that break a decoder's promises, for as long as you like
	@.ci/setup build
	@.ci/setup fuzz
	@[ -n "$(filter $(TARGET),$(FUZZ))" ] || { echo "fuzz: say TARGET=, one of: $(FUZZ)" >&2; exit 1; }
	CARGO_TARGET_DIR="$$CARGO_TARGET_DIR-fuzz" cargo fuzz run --fuzz-dir examples/fuzz --sanitizer none --no-cfg-fuzzing $(TARGET) -- \
		-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024

bench: ## the figures of docs/specs.md on this machine
	@.ci/setup data build
	cargo build --locked --release --workspace --bins
	"$$CARGO_TARGET_DIR/release/causeway" bench

bench-peers: ## what others' tools take for the same statement, from their published packages
	@.ci/setup peers
	@examples/peers/run.sh "$(or $(CACHE),$(dir $(CARGO_TARGET_DIR))peers)"

lint: ## format, clippy without warnings, licences and sources (if cargo-deny is there)
	@.ci/setup build lint
	cargo fmt --all --check
	cargo clippy --locked --release --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
	else echo "lint: cargo-deny is not installed, so advisories were not checked"; fi

bless: ## write the golden bytes anew: a deliberate change of what goes over the wire
	BLESS=1 cargo nextest run --locked --release $(PURE:%=-p %) -E 'test(golden)'
	git --no-pager diff --stat -- '*.hex'
