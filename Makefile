# Set up and run everything. Needs only Python 3.11+, git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REQUIREMENTS := requirements-dev.txt

.PHONY: demo test lint format bench mutants coverage requirements clean

# So that each of the many processes of the tests does not compile our modules again.
unexport PYTHONDONTWRITEBYTECODE

# Two processes a core and one more: a third of the tests' time is waiting for processes and clocks.
TESTERS := $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1) + 1)')

demo: $(VENV)/.ready
	$(BIN)/etl warm-up
	$(BIN)/etl demo

test: $(VENV)/.ready
	$(BIN)/etl warm-up
	$(BIN)/pytest -n $(TESTERS) --dist worksteal

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Which small changes of the code no test notices, by module.
mutants: $(VENV)/.ready
	$(BIN)/etl warm-up
	$(BIN)/python -m tests.robustness.mutants

# Which lines no test runs, also in processes of their own: make coverage TESTS="tests/store tests/runtime"
TESTS ?= tests
coverage: $(VENV)/.ready
	$(BIN)/etl warm-up
	$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest -n $(TESTERS) --dist worksteal $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

# Packages that commands and tests load most of; modules of the others are compiled when they are first loaded.
LARGEST := _pytest duckdb hypothesis librosa llvmlite matplotlib mir_eval music21 numba numpy pandas polars scipy

# The requirements name all that is needed. pip compiles modules on one core, and all of them.
$(VENV)/.ready: $(REQUIREMENTS) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "music-etl needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --no-compile --require-hashes --requirement $(REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -m pip check
	-cd $(VENV)/lib/python3*/site-packages && $(abspath $(BIN))/python -m compileall -qq -j 0 -x '/tests?/' $(LARGEST)
	touch $@

# Exact versions with hashes and no download addresses, for every Python and system at once; needs uv.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"
requirements:
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* build dist
