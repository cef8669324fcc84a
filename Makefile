# What a developer types. Everything runs from a fresh Debian 12 with a Swift 6.3 toolchain.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

SWIFT ?= swift
# Compiler jobs at a time; the default is one per core.
JOBS ?= $(shell nproc)
BUILD := $(SWIFT) build -j $(JOBS)
RELEASE := .build/release/thalweg
DEBUG := .build/debug/thalweg
SWIFT_FILES := Package.swift Sources Console Tests Fuzz Programs/Package.swift \
	$(addprefix Programs/,Sources Plugins Examples Tests)

# SwiftPM keeps what the manifest said while its text and the environment are the same: this tells it
# that the library for clusters has come.
export THALWEG_RAFT_IS_THERE = $(shell test -e /usr/include/raft.h && echo yes)

# A file that each Debian package is recognised by.
APT_git := /usr/bin/git
APT_libc6-dev := /usr/include/stdio.h
APT_libstdc++-12-dev := /usr/include/c++/12/vector
APT_zlib1g-dev := /usr/include/zlib.h
APT_binutils := /usr/bin/ld
PACKAGES := git binutils libc6-dev libstdc++-12-dev zlib1g-dev

.PHONY: help packages build release demo demo-cluster test unit crash soak stall fuzz macros readme smoke bench lint format \
	errors kit programs modules wasmtime raft sim clean

help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

packages: ## Installs what the build needs from Debian, if it is missing.
	@missing=""; $(foreach package,$(PACKAGES), \
		[ -e "$(APT_$(package))" ] || missing="$$missing $(package)";) \
	if [ -n "$$missing" ]; then \
		echo "installing$$missing"; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	fi
	@command -v $(SWIFT) >/dev/null || { echo "install Swift 6.3: https://swift.org/install" >&2; exit 1; }

build: packages ## Builds everything for debugging, the tests too.
	$(BUILD) --build-tests

# One file that runs where there is no Swift. Exclusive access is checked by every build for
# debugging, so by all tests; see docs/adr/0017.
RELEASE_FLAGS := -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib

release: packages ## Builds the command with optimisation.
	$(BUILD) -c release --product thalweg $(RELEASE_FLAGS)

demo: release modules ## Runs a server, loads it for some seconds and shows what came out.
	THALWEG=$(RELEASE) scripts/demo.sh

demo-cluster: raft release ## Makes three nodes a cluster and kills the one that leads, under a load too.
	THALWEG=$(RELEASE) scripts/demo-cluster.sh

test: packages ## Runs everything that CI runs: about twenty-five minutes on two cores.
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/test.sh

unit: packages modules ## Runs the tests without the crash rounds.
	$(SWIFT) test -j $(JOBS) --disable-xctest --skip CrashTests

crash: build modules ## Kills servers under load: 200 rounds for each kind of crash, or ROUNDS.
	THALWEG_CRASH_ROUNDS=$${ROUNDS:-200} $(SWIFT) test --skip-build --disable-xctest --filter CrashTests

soak: release ## Loads one server for SECONDS (600), then checks its data directory.
	THALWEG=$(RELEASE) scripts/soak.sh $${SECONDS_TO_RUN:-600}

stall: build ## Readers stand still for SECONDS_TO_RUN (180) while writers send as fast as the server takes it.
	THALWEG_STALL_SECONDS=$${SECONDS_TO_RUN:-180} $(SWIFT) test --skip-build --disable-xctest --filter StalledReaderTests

fuzz: packages ## Fuzzes each decoder for SECONDS_EACH (60).
	scripts/fuzz.sh $${SECONDS_EACH:-60}

macros: packages ## Tests what @Record expands to, and its diagnostics; a build of its own.
	THALWEG_MACRO_TESTS=1 $(SWIFT) test -j $(JOBS) --scratch-path .build-macros --disable-xctest \
		--filter ThalwegMacroExpansionTests

readme: build modules ## Runs the console blocks of README.md and compares what they print.
	THALWEG=$(DEBUG) scripts/readme.sh

smoke: build modules ## The demo at a small size.
	THALWEG=$(DEBUG) scripts/demo.sh --smoke

bench: release ## Measures writes beside a sink and Redis; JSON goes to docs/results.
	@command -v redis-server >/dev/null || { apt-get update -qq; apt-get install -y -qq redis-server; }
	mkdir -p docs/results
	$(RELEASE) bench write --duration 10s --sink --redis spawn --json docs/results/write.json

lint: ## Checks the format of every Swift file.
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)

format: ## Formats every Swift file.
	$(SWIFT) format --in-place --parallel --recursive $(SWIFT_FILES)

errors: build ## Writes docs/errors.md from the error codes, and the list in docs/metrics.md.
	THALWEG_WRITE_DOCUMENTS=1 $(SWIFT) test --skip-build --disable-xctest \
		--filter 'ThalwegTidyTests|theListInTheDocumentIsCurrent'

kit: errors ## Writes the copy of the authoring kit that the command carries.

programs: packages ## Tests the kit and the example programs, and builds their modules.
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/programs.sh

modules: packages wasmtime ## Builds the modules of the example programs, if they are out of date.
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/programs.sh --modules-only

raft: ## Installs the library that clusters need, as a static archive.
	scripts/get-raft.sh

sim: release ## Simulates clusters with seeds from SEED (0) on, COUNT (2000) of them.
	$(RELEASE) sim --seed $${SEED:-0} --count $${COUNT:-2000}

wasmtime: ## Fetches the library that runs programs into .wasmtime.
	sh scripts/get-wasmtime.sh

clean: ## Removes what was built.
	rm -rf .build Programs/.build
