# Two commands do everything on a machine with Python >= 3.11, make and git: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
# One more than there are cores: tests wait for processes that they start.
PROCESSES := $(shell $(PYTHON) -c "import os; print(min(4, (os.cpu_count() or 1) + 1))")
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
# On all cores, while pip compiles on one; without what is hardly ever imported, a third of it all. Some packages hold
# files that are not Python 3, which do not matter.
RARE := /tests?/|/transformers/models/|/ray/(data|llm|rllib|serve|train|tune)/
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '$(RARE)' $(VENV)/lib || true
# torch comes first, for its CPU build is found by its version alone, and is compiled while the rest is installed.
define install
	$(INSTALL) torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	($(COMPILE)) & $(INSTALL) --editable '$(1)'; status=$$?; wait; exit $$status
	$(COMPILE)
endef

.PHONY: run test check unit bench soak hostile site clean

run: $(VENV)/.installed
	$(BIN)/ablations run supervision --scale quick

test: $(VENV)/.installed-dev
	$(MAKE) --no-print-directory --jobs 2 check unit

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python tests/benchmarks/run.py --out runs/benchmarks.json $(BENCH)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/coverage.py

soak: $(VENV)/.installed-dev
	PYTHONPATH=.:tests/helpers $(BIN)/python tests/soak.py $(SOAK)

hostile: $(VENV)/.installed-dev
	cd tests && PYTHONPATH=..:.:helpers ../$(BIN)/python -m hostile $(HOSTILE)

site: $(VENV)/.installed-docs
	$(BIN)/zensical build --clean --strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(call install,.)
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(call install,.[dev])
	touch $(VENV)/.installed $@

$(VENV)/.installed-docs: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet 'zensical>=0.0.73'
	touch $@

clean:
	rm -rf $(VENV) runs site .mypy_cache .pytest_cache .ruff_cache
