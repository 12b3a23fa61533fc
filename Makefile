# SPDX-License-Identifier: Apache-2.0
# Every target makes .venv when it is missing or older than what it was made from.
# PYTHON is the interpreter that a new .venv is made with; PYTEST_ARGS go to pytest ("-n 0": in one
# process), SOAK_ARGS to the soak.

PYTHON ?= python3
PYTEST_ARGS ?=
SOAK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test soak check bench docs bugs

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: $(READY) ## run the licence audit on real data: kill it, resume it, answer its questions
	$(BIN)/python -m examples.licence_audit.demo

test: $(READY) ## run all tests
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

soak: $(READY) ## run every layer of the proof with its full figures: some twenty minutes
	$(BIN)/python -m tests.soak $(SOAK_ARGS)

check: $(READY) ## check format, lint, types, floors, sizes and generated twins
	$(BIN)/python scripts/check.py

bench: $(READY) ## measure both fronts beside the limits of the machine
	$(BIN)/python -m bench

bugs: $(READY) ## plant known bugs in copies of the tree: the tests have to catch each
	$(BIN)/python scripts/planted_bugs.py

docs: $(READY) ## check the documentation: links, and every example run
	$(BIN)/python -m pytest tests/docs $(PYTEST_ARGS)

# A folder that was moved or copied still points at the old place: the stamp names its folder.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): requirements/dev.txt pyproject.toml
	@echo "Setting up $(VENV)"
	@rm -f $@
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { rm -rf $(VENV); echo "Needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@printf '%s' '$(CURDIR)' > $@
