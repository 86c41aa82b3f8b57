# The developer's one-word commands; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READERS := tests/grader/sandbox/test_wire.py tests/grader/archives tests/grader/test_intake.py \
	tests/grader/test_submission.py tests/fuzz
PORT ?= 8000
MINUTES ?= 10
FRAMES ?= 10000000

.PHONY: help setup demo demo-check test coverage fuzz lint format docs hostile bench pins clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

setup: $(VENV)/ready ## Make .venv with everything that grading and developing need

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { test "$$(id -u)" = 0 \
		&& apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); } \
		|| { echo "python3-venv is needed: sudo apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/oracles: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable '.[dev,oracles,fuzz]'
	@if [ "$$(uname -sm)" = 'Linux x86_64' ]; then \
		$(BIN)/python -m pip install --quiet --require-hashes --requirement tests/compose/requirements.txt; fi
	@touch $@

demo: setup ## Open a course with graded submissions at http://127.0.0.1:8000/ (PORT=8000)
	$(BIN)/grader demo --port $(PORT)

demo-check: setup ## The same without serving: grade all, and compare with what is known
	rm -rf .demo-check
	$(BIN)/grader demo --data .demo-check --check

test: $(VENV)/oracles ## Run all tests
	$(BIN)/python -m pytest

coverage: $(VENV)/oracles ## Require that tests reach every branch of the readers of hostile bytes
	$(BIN)/python -m coverage run -m pytest --quiet -m 'not fuzz' $(READERS)
	$(BIN)/python -m coverage report

fuzz: $(VENV)/oracles ## Fuzz those readers: FRAMES=10000000, then MINUTES=10 each by coverage
	$(BIN)/python -m tests.fuzz.run --target frames --frames $(FRAMES)
	$(BIN)/python -m tests.fuzz.run --target frames --minutes $(MINUTES)
	$(BIN)/python -m tests.fuzz.run --target archives --minutes $(MINUTES)

lint: setup ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/oracles ## Write the pages that are made from the code
	$(BIN)/python docs/misconceptions.py
	$(BIN)/python docs/verified.py

hostile: setup ## Run every attack of tests/hostile three times, and write docs/hostile.md
	$(BIN)/python -m tests.hostile.run --times 3 --document

bench: setup ## Measure what the sandbox costs, side by side with a plain run
	$(BIN)/python benchmarks/grading.py

pins: setup ## Pin anew, with hashes, what the images of service and runner install
	$(BIN)/python -m pip install --quiet uv
	PATH="$(abspath $(BIN)):$$PATH" images/pin

clean: ## Remove what setup made, and the sandbox images
	rm -rf $(VENV) .demo .demo-check .coverage .fuzz .mypy_cache .ruff_cache .pytest_cache
	-docker image ls --quiet 'onebyone-sandbox-*' 2>/dev/null | sort -u | xargs -r docker image rm --force
