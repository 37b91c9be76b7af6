# Every target works in a fresh clone: what needs the virtualenv makes it first.
PYTHON ?= python3
PYTHONS ?= 3.11 3.12 3.13
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SOURCES = $(wildcard chalicelib infra tests *.py)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(LOCK_OPTIONS)
# Two processes: live tests wait more than they work. In the order of the tiers; who shares a server stays together.
TOGETHER = -n 2 --dist loadgroup --no-loadscope-reorder
# Lambda's Python brings these
PROVIDED := boto3 botocore jmespath python-dateutil s3transfer six urllib3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
CHECKS := check-format check-lint check-types check-rules check-dead-code
.PHONY: help setup up down demo test nightly faults bench mutants check $(CHECKS) lock test-all-pythons clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED)  ## .venv with everything, exactly as locked (PYTHON=python3.12 to choose)

$(INSTALLED): requirements-dev.txt pyproject.toml .ci/setup
	@.ci/setup $(VENV) $(PYTHON)

up: $(INSTALLED)  ## start the local stage
	@$(BIN)/snapwarden up

down: $(INSTALLED)  ## stop the local stage
	@$(BIN)/snapwarden down

demo: $(INSTALLED)  ## the whole story on the local stage
	@$(BIN)/python -m infra.local.demo

test: $(INSTALLED)  ## unit, contract, faults, app, and the core of the live cases
	$(BIN)/python -m pytest $(TOGETHER)

nightly: $(INSTALLED)  ## every test, with far more random examples
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -m "not bench" $(TOGETHER)

faults: SEED ?= $(shell $(PYTHON) -c 'import random; print(random.randrange(10**6) * 1000)')
faults: MINUTES ?= 10
faults: $(INSTALLED)  ## search for faults, from another seed each time (SEED=…, MINUTES=10)
	HYPOTHESIS_PROFILE=search SEED=$(SEED) MINUTES=$(MINUTES) $(BIN)/python -m pytest tests/faults/test_search.py

bench: $(INSTALLED)  ## measurements
	$(BIN)/python -m pytest -m bench -s

mutants: $(INSTALLED)  ## plant bugs one at a time: each must be caught by a written example
	$(BIN)/python -m tests.mutants

check: $(CHECKS)  ## format, lint, types, import directions, sizes, dead code

check-format: $(INSTALLED)
	$(BIN)/ruff format --check .

check-lint: $(INSTALLED)
	$(BIN)/ruff check .

check-types: $(INSTALLED)
	$(BIN)/mypy $(SOURCES)

check-rules: $(INSTALLED)
	$(BIN)/python -m pytest -q --durations=0 $(addprefix tests/unit/test_,layering.py sizes.py locks.py gates.py)

check-dead-code: $(INSTALLED)
	$(BIN)/python -m tests.dead_code

lock: $(INSTALLED)  ## write both lock files anew (LOCK_OPTIONS=--upgrade for newer versions)
	$(COMPILE) --group dev pyproject.toml --output-file requirements-dev.txt
	$(COMPILE) --group pyproject.toml:lambda --constraints requirements-dev.txt \
		$(addprefix --no-emit-package ,$(PROVIDED)) --output-file requirements-vendor.txt

test-all-pythons:  ## unit, contract and app tests on every supported Python
	@PYTEST_ADDOPTS="$(TOGETHER) $$PYTEST_ADDOPTS" .ci/test-all-pythons $(PYTHONS)

clean:  ## remove virtualenvs, caches and builds; the local stage's state stays
	rm -rf .venv .venv-3.* build vendor *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
