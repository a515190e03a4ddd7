# Everything runs in a virtual environment of its own, so a machine needs Python (3.11 or later) and make.
# Each extra of pyproject.toml that a target needs is installed once, and again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# An environment that has mixad and the peers may be named instead: BENCH_PYTHON=/path/to/python make bench
ifdef BENCH_PYTHON
BENCH_READY :=
else
BENCH_PYTHON := $(BIN)/python
BENCH_READY := $(VENV)/.installed-bench
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-array-api test-gpu test-quick lint format bench bench-gpu bench-quick coverage docs clean

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

test-gpu: $(VENV)/.installed-test $(VENV)/.installed-gpu  ## the tests of the GPU backend, on the GPU
	$(BIN)/pytest --gpu tests/proof/test_triton.py tests/proof/test_triton_compositions.py tests/runtime/triton \
	    tests/runtime/test_array_libraries.py

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

bench: $(BENCH_READY)  ## measure, beside the peers, and write docs/performance.md's tables and plots (15 to 25 minutes)
	@mkdir -p build
	$(BENCH_PYTHON) -m pytest tests/proof/test_random_programs_in_jax.py
	@status=0; \
	$(BENCH_PYTHON) -m pytest benchmarks --benchmark-enable --benchmark-only --benchmark-columns=min \
	    --benchmark-json=build/benchmarks.json || status=$$?; \
	$(BENCH_PYTHON) -m benchmarks.report build/benchmarks.json docs/performance.md docs/images && exit $$status

bench-quick: $(BENCH_READY)  ## print the main rows of the benchmarks (3 minutes)
	$(BENCH_PYTHON) -m benchmarks.quick

bench-gpu: $(BENCH_READY) $(VENV)/.installed-gpu  ## measure on the GPU, beside the peers that find it
	$(BENCH_PYTHON) -m benchmarks.gpu

coverage: $(VENV)/.installed-bench  ## try NumPy's functions in mixad, HIPS autograd and JAX, and write docs/coverage.md's tables
	JAX_PLATFORMS=cpu $(BIN)/python benchmarks/coverage.py docs/coverage.md

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
