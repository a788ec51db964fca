# `make` alone lists the targets. Needs make and Python 3.11 or newer (PYTHON=python3.12 chooses another one).

PYTHON ?= python3
MINUTES ?= 5
SECONDS ?= 60
SERVICES ?= builtin
COVERAGE ?= yes
LONG ?= yes
KILLED ?= stages_killed processes api_server_unavailable
# Everything runs in .venv. If PYTHON names another version than that of .venv, it gets an environment of its own in build/,
# so that the tests can run on several versions.
VENV := .venv
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
ifneq "$(origin PYTHON)" "file"
OTHER := $(filter-out $(shell .venv/bin/python -c '$(VERSION)' 2>/dev/null),$(shell $(PYTHON) -c '$(VERSION)' 2>/dev/null))
ifneq "$(and $(wildcard .venv/complete),$(OTHER))" ""
VENV := build/venv-$(OTHER)
endif
endif
BIN := $(VENV)/bin
STAMP := $(VENV)/complete
# pytest rewrites every test module; keeping the result halves the time that the next run takes to collect the tests.
CACHING := env -u PYTHONDONTWRITEBYTECODE
# Tests without the whole stack, the real Pacifica services and long runs; and one bundle through the whole stack.
FAST := smoke or not (stack or core or slow)
UV_VERSION := 0.9.5
COMPILE := build/lock/bin/python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade

.DEFAULT_GOAL := help
.PHONY: help run core test test-all test-celery compose-test count-tests soak fuzz lint lint-style lint-types lint-client lint-imports bench bench-memory format lock docs screenshots clean moved

help: ## list the targets
	@sed -n 's/^\([.a-z-]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

run: $(STAMP) ## run everything on this machine: API on 8066, Airflow on 8090 (INGEST_PORT, AIRFLOW_PORT, INGEST_HOME)
	@exec $(BIN)/python -m ingest.local

core: $(STAMP) ## run the real Pacifica services on their documented ports, as services for `make run`
	@exec $(BIN)/python -m tools.pacifica_core

test: $(STAMP) ## run the fast tests, at most 3 minutes on 2 cores
	$(CACHING) $(BIN)/python -m pytest -n 3 --no-loadscope-reorder -m "$(FAST)"

test-all: $(STAMP) ## run all tests, what failed once more, and print the coverage (COVERAGE=no LONG=no: faster)
	@exec $(CACHING) $(BIN)/python -m tools.test_all $(if $(filter-out no,$(COVERAGE)),--coverage) $(if $(filter no,$(LONG)),-m "not long")

test-celery: $(STAMP) ## kill workers, processes and stages of a stack with CeleryExecutor, Redis and two workers (KILLED=processes: only these)
	@exec $(CACHING) INGEST_EXECUTOR=CeleryExecutor $(BIN)/python -m pytest -q tests/own_stacks/test_celery_workers.py $(KILLED:%=tests/faults/test_%.py)

compose-test: $(STAMP) ## run the facility's containers, kill and upgrade them (root, Debian bookworm; SCENARIOS="start roles end": some)
	@exec $(BIN)/python -m tools.compose_test $(SCENARIOS)

count-tests: $(STAMP) ## count the test functions, each without its parameters
	@$(BIN)/python -m pytest --collect-only -q | sed -n 's/^\(tests[^[]*::[^[]*\).*/\1/p' | sort -u | wc -l

soak: $(STAMP) ## kill processes at random under load for MINUTES=n, then verify (SERVICES=core: the real services)
	@exec $(BIN)/python -m tools.soak --minutes $(MINUTES) --services $(SERVICES)

fuzz: $(STAMP) ## fuzz the tar reader, the metadata parser, headers of uploads and preflight, for SECONDS=n
	@exec $(BIN)/python -m tools.fuzz --seconds $(SECONDS)

lint: lint-style lint-types lint-client lint-imports ## check style, types and the direction of imports (make -j 2 lint: faster)

lint-style: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

lint-types: $(STAMP)
	$(BIN)/python -m mypy

# The client also runs on Windows and on Python 3.10. Its own cache, because both runs of mypy may be simultaneous.
lint-client: $(STAMP)
	$(BIN)/python -m mypy --platform win32 --python-version 3.10 --cache-dir .mypy_cache/win32 client/pacifica_ingest_client

lint-imports: $(STAMP)
	$(BIN)/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	cd client && "$(CURDIR)/$(BIN)/python" -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

bench: $(STAMP) ## measure beside the original service and the machine's limits: all, or ROWS="tiny get_state"
	@exec $(BIN)/python -m bench $(ROWS)

bench-memory: $(STAMP) ## plot the memory of every process under load for MINUTES=n
	@exec $(BIN)/python -m bench.memory_over_time $(MINUTES)

format: $(STAMP) ## format the code
	$(BIN)/python -m ruff format .

lock: ## compile every requirements*.txt and package-lock.json, which pin all packages (needs npm)
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-facility.in -o requirements-facility.txt
	$(COMPILE) facility/ldap/requirements.in -o facility/ldap/requirements.txt
	$(COMPILE) --no-emit-package psycopg2 tools/pacifica_core/requirements.in -o tools/pacifica_core/requirements.txt
	$(COMPILE) tests/kubernetes/requirements.in -o tests/kubernetes/requirements.txt
	$(COMPILE) tests/wsgi_servers/requirements.in -o tests/wsgi_servers/requirements.txt
	$(COMPILE) tests/tus_clients/requirements.in -o tests/tus_clients/requirements.txt
	for folder in tests/tus_clients tests/accounts/openid; do ( cd $$folder && npm update --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund ) || exit; done
	$(COMPILE) bench/requirements.in -o bench/requirements.txt

docs: $(STAMP) ## write docs/reference/configuration.md and the settings in docker-compose.yaml
	$(BIN)/python docs/build.py

screenshots: $(STAMP) ## make the images of the pages in docs/images/ (needs chromium)
	$(BIN)/python -m tools.screenshots

clean: ## remove the environments and everything built; the data of `make run` stays in var/
	rm -rf .venv build .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache plugins/*.egg-info *.egg-info client/build client/*.egg-info client/.import_linter_cache client/.ruff_cache

.venv: $(STAMP) ## make the environment that everything runs in

# An environment contains the path of its folder, so one that was moved or copied is made again.
ifneq "$(shell cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
$(STAMP): moved
endif

# requirements.txt pins every package, so pip must not resolve anything.
$(STAMP): requirements.txt pyproject.toml
	@case "$$PWD" in *[:\$$]*) echo "make: Python's tools cannot work in a folder whose path holds ':' or '\$$': $$PWD" >&2; exit 1;; esac
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON); install Python 3.11 or newer, or set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than Python 3.11; set PYTHON to a newer one" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; install python3-venv" >&2; exit 1; }
	@mkdir -p $(VENV) 2>/dev/null && test -w $(VENV) || { echo "make: cannot write to $(CURDIR)/$(VENV); use a folder that you can write to" >&2; exit 1; }
	@echo "Making the environment in $(VENV) (a minute or two) ..."
	@clear=; if [ -e $(STAMP) ]; then clear=--clear; fi; $(PYTHON) -m venv $$clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $(STAMP)
