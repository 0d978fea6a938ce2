# make demo and make test set themselves up; nothing has to be installed by hand.

# The first Python on the PATH that is new enough, unless one is given: make test PYTHON=python3.12
PYTHON ?= $(shell for name in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; \
	done)
BIN := .venv/bin
RUN_TESTS := -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test soak bench bench-quick bench-reliability lint imports types unit docs other-pythons venv venv-demo python pins clean

help:  ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: venv-demo  ## Run the example service and hold it to its budgets; options: make demo ARGS="--json"
	.venv-demo/bin/perfkit demo $(ARGS)

test: lint imports types unit docs other-pythons  ## Run every check
	@echo "All checks passed."

lint: venv  ## Check format, style and prose
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python scripts/prose.py
	$(BIN)/python scripts/module_rows.py

imports: venv  ## Check that the rooms keep to their floors
	$(BIN)/lint-imports --no-logo

types: venv  ## Check types, with mypy and pyright
	$(BIN)/mypy
	@if command -v node >/dev/null; then \
		echo $(BIN)/pyright && $(BIN)/pyright; \
	else \
		echo "pyright: skipped, it needs node on the PATH"; \
	fi

unit: venv  ## Run the tests and the examples of the documentation, with coverage
	$(BIN)/python $(RUN_TESTS) --cov --cov-report= --ignore tests/soak
	$(BIN)/python -m pytest --quiet tests/soak  # without coverage, whose lock no finalizer may meet
	$(BIN)/python scripts/room_coverage.py

docs: venv  ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html

other-pythons: venv  ## Run the tests on the other Pythons of this machine
	$(BIN)/python scripts/other_pythons.py $(RUN_TESTS) --quiet

soak: venv  ## Run everything at once for half a minute: nothing may be lost or left behind
	PERFKIT_SOAK_SECONDS=30 $(BIN)/python -m pytest tests/soak $(ARGS)

bench: venv  ## Measure what perfkit costs beside its peers, in full; a few minutes on a quiet machine
	$(BIN)/python -m benchmarks.overhead $(ARGS)

bench-quick: venv  ## The same in short: fails where a figure is far beyond its bound
	$(BIN)/python -m benchmarks.overhead --quick

bench-reliability: venv  ## Hold sinks with every fault to the bars of docs/reliability.md
	$(BIN)/python -m benchmarks.reliability $(ARGS)

venv: python
	@$(PYTHON) scripts/environment.py .venv all dev

venv-demo: python
	@$(PYTHON) scripts/environment.py .venv-demo cli,otlp demo

python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "perfkit needs Python 3.11 or later; say where it is: make PYTHON=/path/to/python" >&2; \
		exit 1; }

pins: python  ## Write constraints.txt anew from what is newest now
	$(PYTHON) scripts/pins.py

clean:  ## Remove everything that was made
	rm -rf .venv .venv-* .cache .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache build dist docs/_build demo-output
