# The commands of a clone. `make` alone lists them.
#
# Each brings its own virtual environment up to date first, from the hashed locks; nothing else is installed, but for
# Debian's package of Python's venv where that is missing. PYTHON=... chooses the interpreter, and then the environment
# is .venv-VERSION, so that several can stand side by side.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# What is compiled is kept, whatever the caller's environment says: the tests start hundreds of processes, and each would
# compile all of it anew, which takes as long again as to import it.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
ifdef PYTHON
export PYTHON
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
endif
BENCH_VENV := $(VENV)-bench
PY := $(VENV)/bin/python
# The page is built anew when one of its sources has changed, or has gone: folders are among them.
PAGE := trading/web/static/index.html
PAGE_SOURCES := $(shell find frontend -name node_modules -prune -o -name dist -prune -o -path frontend -o -print) \
	requirements-frontend.txt scripts/build-page.sh
INSTALLED_FROM := pyproject.toml requirements.txt requirements-build.txt scripts/venv.sh

# What more to tell the command, as in: make run ARGS="--help"
ARGS ?=
# make soak SEED=1 repeats a run that printed this seed.
SEED ?=

.PHONY: help run page test soak lint lint-style lint-types lint-rules lint-shell bench wheel lock clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

run: $(VENV)/.ready-run $(PAGE) ## start the bot: paper money, a made-up market, no keys
	@exec $(PY) -m trading.cli run --dashboard $(ARGS)

page: $(PAGE) ## build the dashboard's page, if its sources have changed

# Three at once on two cores: processes and containers under test spend much of their time waiting.
test: $(VENV)/.ready-dev $(PAGE) ## run the tests (within 12 minutes on two cores)
	$(PY) -m pytest -n 3 --dist worksteal -m "not soak and not long" $(ARGS)

soak: $(VENV)/.ready-dev $(PAGE) ## run the tests' long counts, with new random cases each time
	$(PY) -m pytest -n 2 --dist worksteal --hypothesis-profile soak $(if $(SEED),--hypothesis-seed $(SEED)) $(ARGS)

lint: lint-style lint-types lint-rules lint-shell ## check style, types, imports, purity, locks, texts and scripts

lint-style: $(VENV)/.ready-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

lint-types: $(VENV)/.ready-dev
	$(PY) -m mypy

lint-rules: $(VENV)/.ready-dev
	$(PY) scripts/check_architecture.py
	$(PY) scripts/check_locks.py
	$(PY) scripts/check_texts.py

lint-shell: $(VENV)/.ready-dev
	$(VENV)/bin/shellcheck .ci/run scripts/*.sh deploy/*/*.sh

bench: $(BENCH_VENV)/.ready-bench $(PAGE) ## measure, beside backtesting.py and vectorbt
	$(BENCH_VENV)/bin/python -m benchmarks $(ARGS)

wheel: $(PAGE) ## build the package and try it in an environment of its own
	scripts/check-wheel.sh

lock: ## write the hashed locks anew from pyproject.toml (UPGRADE=1: with the newest versions)
	scripts/lock.sh

clean: ## remove the environments, caches and builds (never ./data)
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf trading/web/static frontend/node_modules frontend/dist frontend/src/api/schema.d.ts
	find trading tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The environment comes first only because it brings Debian's package of venv where that is missing.
$(PAGE): $(PAGE_SOURCES) | $(VENV)/.ready-run
	@scripts/build-page.sh

$(VENV)/.ready-run: $(INSTALLED_FROM)
	@scripts/venv.sh $(VENV) requirements.txt
	@touch $@

$(VENV)/.ready-dev: $(INSTALLED_FROM) requirements-dev.txt
	@scripts/venv.sh $(VENV) requirements.txt requirements-dev.txt
	@touch $(VENV)/.ready-run $@

$(BENCH_VENV)/.ready-bench: $(INSTALLED_FROM) requirements-bench.txt
	@scripts/venv.sh $(BENCH_VENV) requirements.txt requirements-bench.txt
	@touch $@
