# Thin: every target calls scripts/deps.sh where it needs packages, then the CMake presets.
.DEFAULT_GOAL := help
.PHONY: build demo test test-long bench fuzz check install clean help deps deps-test

DEMO   ?= demo
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)

deps:
	@scripts/deps.sh build

deps-test:
	@scripts/deps.sh test

build: deps
	@cmake --preset release >build.log 2>&1 || { tail -20 build.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) >>build.log 2>&1 || { grep -E -A5 'error|warning' build.log | tail -40; exit 1; }
	@rm -f build.log

demo: build ## install what is missing, build, make a first data set with a contact sheet
	@build/release/bin/imloom synth -n 2000 -o $(DEMO)/set --preview $(DEMO)/contact.png --log-dir $(DEMO)/logs
	@echo "look at $(DEMO)/contact.png; the data set is $(DEMO)/set"

test: deps-test ## everything that a change must pass, under 15 minutes on 2 cores
	@cmake --preset dev >build.log 2>&1 || { tail -20 build.log; exit 1; }
	@cmake --build --preset dev -j $(JOBS) >>build.log 2>&1 || { grep -E -A5 'error|warning' build.log | tail -40; exit 1; }
	@rm -f build.log
	@ctest --test-dir build/dev -LE long -j $(JOBS) --output-on-failure --no-tests=error

test-long: deps-test ## the slow ones: 10^6 schedules, 1,000 kills, 10^7 arguments
	@cmake --preset dev >/dev/null && cmake --build --preset dev -j $(JOBS) >/dev/null
	@ctest --test-dir build/dev -L long -j $(JOBS) --output-on-failure --no-tests=error

bench: build ## the figures of the README, one JSON line each
	@bench/run.sh build/release

fuzz: ## libFuzzer on every parser, FUZZ_SECONDS (60) each; needs clang
	@fuzz/run.sh $(FUZZ_SECONDS)

check: ## style, layers, symbols, headers, banned calls, clang-tidy on what changed
	@ci/check.sh

install: build ## PREFIX=/usr/local; DESTDIR is honoured
	@cmake --install build/release --prefix $(PREFIX)

clean:
	@rm -rf build $(DEMO)

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'
