# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types long server-hapi bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

demo: $(VENV)/.installed  ## the main job on the embedded server
	$(BIN)/fhir-remission demo

test: $(VENV)/.installed  ## the fast tests: no Java, no network
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff format --check fhir_remission tests
	$(BIN)/ruff check fhir_remission tests

types: $(VENV)/.installed
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
