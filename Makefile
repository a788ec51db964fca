# `make` alone lists the targets. Needs make, and Python 3.11 or newer (PYTHON=... chooses which).

PYTHON ?= python3
MINUTES ?= 5
SECONDS ?= 60
SERVICES ?= builtin
BIN := .venv/bin
STAMP := .venv/complete
UV_VERSION := 0.9.5
COMPILE := build/lock/bin/python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade

.DEFAULT_GOAL := help
.PHONY: help run core test soak fuzz lint bench format lock docs clean moved

help: ## list the targets
	@sed -n 's/^\([.a-z]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-10s %s\n' "$$name" "$$text"; done

run: $(STAMP) ## run everything on this machine: API on 8066, Airflow on 8090 (INGEST_PORT, AIRFLOW_PORT, INGEST_HOME)
	@exec $(BIN)/python -m ingest.local

core: $(STAMP) ## run the real Pacifica services on their documented ports, for `make run` to be pointed at
	@exec $(BIN)/python -m tools.pacifica_core

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder

soak: $(STAMP) ## kill at random times under load for MINUTES=n, then compare (SERVICES=core: the real services)
	@exec $(BIN)/python -m tools.soak --minutes $(MINUTES) --services $(SERVICES)

fuzz: $(STAMP) ## fuzz the tar reader and the metadata parser, beside each other, for SECONDS=n
	@exec $(BIN)/python -m tools.fuzz --seconds $(SECONDS)

lint: $(STAMP) ## check style, types and the direction of imports
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

bench: $(STAMP) ## measure side by side with the original and the machine's limits: all, or ROWS="tiny get_state"
	@exec $(BIN)/python -m bench $(ROWS)

format: $(STAMP) ## format the code
	$(BIN)/python -m ruff format .

lock: ## compile every requirements*.txt, which pin everything, from their .in files
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-facility.in -o requirements-facility.txt
	$(COMPILE) --no-emit-package psycopg2 tools/pacifica_core/requirements.in -o tools/pacifica_core/requirements.txt
	$(COMPILE) tests/wsgi_servers/requirements.in -o tests/wsgi_servers/requirements.txt
	$(COMPILE) bench/requirements.in -o bench/requirements.txt

docs: $(STAMP) ## write docs/reference/configuration.md and the settings in docker-compose.yaml
	$(BIN)/python docs/build.py

clean: ## remove the environment and what was built; the data of `make run` stays in var/
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache plugins/*.egg-info *.egg-info

.venv: $(STAMP) ## make the environment that everything runs in

# An environment knows the folder that it was made in, so one that was moved or copied is made anew.
ifneq "$(shell cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
$(STAMP): moved
endif

# The lock names every package, so pip need not, and should not, resolve anything.
$(STAMP): requirements.txt pyproject.toml
	@case "$$PWD" in *[:\$$]*) echo "make: Python's tools cannot work in a folder whose path holds ':' or '\$$': $$PWD" >&2; exit 1;; esac
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON); install Python 3.11 or newer, or set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than Python 3.11; set PYTHON to a newer one" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; install python3-venv" >&2; exit 1; }
	@mkdir -p .venv 2>/dev/null && test -w .venv || { echo "make: cannot write to $(CURDIR)/.venv; use a folder that you can write to" >&2; exit 1; }
	@echo "Making the environment in .venv (a minute or two) ..."
	@clear=; if [ -e $(STAMP) ]; then clear=--clear; fi; $(PYTHON) -m venv $$clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $(STAMP)
