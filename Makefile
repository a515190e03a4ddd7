# Everything runs in a virtual environment of its own, so a machine needs Python (3.11 or later) and make.
# Each extra of pyproject.toml that a target needs is installed once, and again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-array-api test-quick lint format bench docs clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

demo: $(VENV)/.installed  ## install mixad, run the quickstart, then fit a classifier
	$(BIN)/python examples/quickstart.py
	$(BIN)/python examples/classifier.py

test: lint  ## static checks and every test
	$(BIN)/pytest -n $(JOBS)

test-array-api: $(VENV)/.installed-array-api  ## the suite of the array API standard, from the checkout ARRAY_API_TESTS
	@test -d "$(ARRAY_API_TESTS)" || { echo "make test-array-api ARRAY_API_TESTS=path: a checkout of" \
	    "https://github.com/data-apis/array-api-tests with its submodule"; exit 2; }
	$(BIN)/python tests/array_api/run.py "$(ARRAY_API_TESTS)" -n $(JOBS)

test-quick: $(VENV)/.installed-test  ## the tests that take milliseconds
	$(BIN)/pytest -m "not slow"

lint: $(VENV)/.installed-test build/typed/mixad  ## ruff, mypy and import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test  ## let ruff rewrite the sources
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.installed-bench  ## measure, beside HIPS autograd and JAX, and write docs/performance.md's tables
	@mkdir -p build
	$(BIN)/pytest benchmarks --benchmark-enable --benchmark-only --benchmark-columns=min,median,rounds \
	    --benchmark-json=build/benchmarks.json
	$(BIN)/python benchmarks/report.py build/benchmarks.json docs/performance.md

docs: $(VENV)/.installed-docs  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

clean:  ## remove the environment and everything that was generated
	rm -rf $(VENV) build dist site mixad.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	    .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing mixad into $(VENV)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "installing mixad[$*] into $(VENV)"
	@$(PIP) install --editable '.[$*]'
	@touch $@

# mypy cannot follow an editable install whose package is the checkout itself; a link it can.
build/typed/mixad:
	@mkdir -p $(@D)
	@ln -sfn ../.. $@
