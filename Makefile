# Two commands do everything on a machine with Python >= 3.11, make and git: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test bench soak hostile clean

run: $(VENV)/.installed
	$(BIN)/ablations run supervision --scale quick

test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python tests/benchmarks/run.py --out runs/benchmarks.json $(BENCH)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/coverage.py

soak: $(VENV)/.installed-dev
	PYTHONPATH=.:tests/helpers $(BIN)/python tests/soak.py $(SOAK)

hostile: $(VENV)/.installed-dev
	cd tests && PYTHONPATH=..:.:helpers ../$(BIN)/python -m hostile $(HOSTILE)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) runs .mypy_cache .pytest_cache .ruff_cache
