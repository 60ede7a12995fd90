# Everything runs in .venv. Each target creates it, and installs again when pyproject.toml has changed.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

# Idle OpenMP threads sleep. By default they spin, and where another program wants a core, a training step then takes
# many times as long.
export OMP_WAIT_POLICY ?= PASSIVE

# How many processes share tests and notebooks, with one thread each: at most as many as there are cores, as three take a
# sixth longer on two. 0 is none besides pytest itself, with all threads.
WORKERS ?= 2
PYTEST := $(if $(filter-out 0,$(WORKERS)),OMP_NUM_THREADS=1) $(BIN)/python -m pytest
PARALLEL := -n $(WORKERS) --no-loadscope-reorder  # tests/conftest.py says which tests stay together

.DEFAULT_GOAL := help
.PHONY: help lab test lint docs faults bench study notebooks clean

help: ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv || \
	    { $(PYTHON) -m venv --clear --without-pip .venv && $(BIN)/python .ci/get_pip.py; } || \
	    { echo "Python's venv module is incomplete. On Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --upgrade pip
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e ".[all,dev]"
	touch $@

lab: $(INSTALLED) ## open the quickstart in JupyterLab
	$(BIN)/jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb $(LAB_FLAGS)

test: lint ## lint, tests, doctests, notebooks
	$(PYTEST) $(PARALLEL) -m "not slow" --durations=25 --doctest-modules --nbval-lax --nbval-current-env \
	    --nbval-cell-timeout=300 --nbval-sanitize-with tests/nbval_sanitize.cfg -p no:cacheprovider tests toolkit notebooks

lint: $(INSTALLED) ## check style, imports between the rooms, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	if test -x $(BIN)/biome; then $(BIN)/biome ci; else echo "no biome for this machine: JavaScript is not checked"; fi
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/ty check

docs: $(INSTALLED) ## build the documentation as static pages: build/docs/index.html
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/docs

faults: $(INSTALLED) ## try to break everything (takes long), and refresh docs/reliability.md
	$(PYTEST) $(PARALLEL) -o junit_family=xunit1 --junitxml=build/faults.xml tests/faults
	$(BIN)/python -m docs.reliability build/faults.xml

bench: $(INSTALLED) ## run the benchmarks and refresh benchmarks/README.md
	$(BIN)/python -m benchmarks.engine

study: $(INSTALLED) ## continue the study of dose and response (about ten hours), and refresh its tables and pictures
	$(BIN)/python -m benchmarks.study
	$(BIN)/python -m benchmarks.forecast
	$(BIN)/python -m benchmarks.study_tables

notebooks: $(INSTALLED) ## run all notebooks and store their outputs
	$(BIN)/python notebooks/execute.py
	$(BIN)/python -m docs.figures

clean: ## remove .venv and everything built
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
