# `make` alone prints what there is. Everything runs in .venv, which is made on first use.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Another interpreter: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another size or number of runs: make bench ROWS=3000000 REPEAT=1
ROWS ?= 10000000
REPEAT ?= 3
# Another time for the guided part of fuzzing: make fuzz MINUTES=5
MINUTES ?= 30
# More for pytest: make quick ARGS="-k lin_mod -x"
ARGS ?=

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.for-users ## run the main job on 336,776 flights; its files go to demo-output
	$(BIN)/rx demo --folder demo-output

.PHONY: test
test: lint types layers ## everything .ci/run checks: lint, types, layers, and all tests
	$(BIN)/python -m pytest $(ARGS)

.PHONY: quick
quick: $(VENV)/.for-developers ## the tests that take no longer than a minute together
	$(BIN)/python -m pytest -m "not slow and not memory and not spark" $(ARGS)

.PHONY: parity
parity: $(VENV)/.for-developers ## only the comparisons with R, statsmodels and published numbers
	$(BIN)/python -m pytest tests/parity $(ARGS)

.PHONY: parity-table
parity-table: $(VENV)/.for-developers ## run the published examples and write docs/parity-published.md from them
	$(BIN)/python tests/parity/make_table.py

.PHONY: lint
lint: $(VENV)/.for-developers ## style and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: $(VENV)/.for-developers ## repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.for-developers ## strict type check of xdf and rxcore (mypy)
	$(BIN)/mypy

.PHONY: layers
layers: $(VENV)/.for-developers ## which module may import which (import-linter)
	$(BIN)/lint-imports --config setup.cfg --no-logo

.PHONY: bench
bench: $(VENV)/.for-benchmarks ## ours beside the peers on ROWS rows, REPEAT times; report in bench/results
	$(BIN)/python -m bench.macro --rows $(ROWS) --repeat $(REPEAT)

.PHONY: bench-container
bench-container: $(VENV)/.for-benchmarks ## the .xdf container beside Parquet and Feather: size, scans, writing; ROWS, REPEAT as above
	$(BIN)/python -m bench.container --rows $(ROWS) --repeat $(REPEAT)

.PHONY: bench-legacy
bench-legacy: $(VENV)/.for-benchmarks ## files of RevoScaleR beside text, and converting them; REPEAT as above
	$(BIN)/python -m bench.legacy --repeat $(REPEAT)

.PHONY: memory
memory: $(VENV)/.for-benchmarks ## peak memory of each step at 3 and 30 million rows: flat, or it fails
	$(BIN)/python -m bench.memory

.PHONY: cold
cold: $(VENV)/.for-benchmarks ## seconds to import, and to the first small model with and without compiled kernels
	$(BIN)/python -m bench.cold

.PHONY: soak
soak: $(VENV)/.for-developers ## .xdf under kill -9, power cuts and readers beside a writer, at full size; minutes
	$(BIN)/python -W ignore tests/soak all

.PHONY: fuzz
fuzz: $(VENV)/.for-fuzzers ## hostile bytes for the .xdf reader, the last MINUTES guided by coverage; failures in build/fuzz
	$(BIN)/python -W ignore tests/fuzz all --minutes $(MINUTES)

.PHONY: docs
docs: $(VENV)/.for-writers ## the documentation as HTML, in build/docs
	$(BIN)/python -m sphinx -W -q -C -b html -D project=rxcore -D extensions=myst_parser -D html_theme=alabaster docs build/docs

.PHONY: lowest
lowest: ## the tests against the lowest versions that pyproject.toml admits, in build/lowest
	$(PYTHON) -m venv --clear build/lowest
	$(PYTHON) -c 'import tomllib; print(*(line.replace(">=", "==") for line in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]), sep="\n")' > build/lowest/constraints.txt
	build/lowest/bin/python -m pip install -qq --constraint build/lowest/constraints.txt --editable '.[dev,samples]'
	build/lowest/bin/python -m pytest $(ARGS)

.PHONY: clean
clean: ## remove the environment, caches and everything that was built
	rm -rf $(VENV) build dist demo-output bench/work *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What each kind of user needs. The empty files say that it is installed; a change of pyproject.toml asks again.
$(VENV)/.for-users: EXTRAS := samples
$(VENV)/.for-developers: EXTRAS := dev,samples
$(VENV)/.for-fuzzers: EXTRAS := dev,samples,fuzz
$(VENV)/.for-benchmarks: EXTRAS := bench,samples
$(VENV)/.for-writers: EXTRAS := docs
$(VENV)/.for-%: pyproject.toml | $(BIN)/python
	@echo "installing rxcore[$(EXTRAS)] into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "rxcore needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Do this: make PYTHON=python3.13 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) system-venv
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Debian and Ubuntu split `venv` off Python into a package of its own.
.PHONY: system-venv
system-venv:
	@package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	if ! command -v apt-get >/dev/null; then as=none; \
	elif [ "$$(id -u)" = 0 ]; then as=; \
	elif sudo -n true 2>/dev/null; then as="sudo -n"; \
	else as=none; fi; \
	if [ "$$as" = none ]; then \
		echo "$(PYTHON) cannot make virtual environments. Do this as administrator: apt-get install $$package"; exit 1; fi; \
	echo "installing $$package"; \
	$$as apt-get update -qq; \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package >/dev/null
