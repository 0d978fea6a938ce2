# make demo and make test install their dependencies themselves.

# The first Python on the PATH that is new enough, or one of your choice: make test PYTHON=python3.12
PYTHON ?= $(shell for name in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; \
	done)
BIN := .venv/bin
RUN_TESTS := -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test soak bench bench-quick bench-reliability lint imports types unit docs other-pythons venv venv-demo python pins clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: venv-demo  ## Run the example service against its budgets; options: make demo ARGS="--json"
	.venv-demo/bin/perfkit demo $(ARGS)

test: lint imports types unit docs other-pythons  ## Run every check
	@echo "All checks passed."

lint: venv  ## Check format, style and prose
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python scripts/prose.py
	$(BIN)/python scripts/module_rows.py

imports: venv  ## Check the import contracts of the rooms
	$(BIN)/lint-imports --no-logo

types: venv  ## Check types, with mypy and pyright
	$(BIN)/mypy
	@if command -v node >/dev/null; then \
		echo $(BIN)/pyright && $(BIN)/pyright; \
	else \
		echo "pyright is skipped, because it needs node on the PATH"; \
	fi

unit: venv  ## Run the tests and the examples of the documentation, with coverage
	$(BIN)/python $(RUN_TESTS) --cov --cov-report= --ignore tests/soak
	$(BIN)/python -m pytest --quiet tests/soak  # without coverage, because a finalizer can deadlock on its lock
	$(BIN)/python scripts/room_coverage.py

docs: venv  ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html

other-pythons: venv  ## Run the tests on the other Pythons of this machine
	$(BIN)/python scripts/other_pythons.py $(RUN_TESTS) --quiet

soak: venv  ## Make calls of every kind concurrently for half a minute, and check for losses and leaks
	PERFKIT_SOAK_SECONDS=30 $(BIN)/python -m pytest tests/soak $(ARGS)

bench: venv  ## Compare the cost of perfkit with that of alternatives; a few minutes on an idle machine
	$(BIN)/python -m benchmarks.overhead $(ARGS)

bench-quick: venv  ## Run a short form of bench, which fails if a result is far beyond its bound
	$(BIN)/python -m benchmarks.overhead --quick

bench-reliability: venv  ## Measure sinks with every fault against the bounds of docs/reliability.md
	$(BIN)/python -m benchmarks.reliability $(ARGS)

venv: python
	@$(PYTHON) scripts/environment.py .venv all dev

venv-demo: python
	@$(PYTHON) scripts/environment.py .venv-demo cli,otlp demo

python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "perfkit needs Python 3.11 or later; set its path: make PYTHON=/path/to/python" >&2; \
		exit 1; }

pins: python  ## Update constraints.txt to the newest releases
	$(PYTHON) scripts/pins.py

clean:  ## Remove all generated files
	rm -rf .venv .venv-* .cache .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build dist docs/_build demo-output
