# The tasks of this project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test lint pages format bench lock clean

JOBS ?= 2

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 22

setup: ## install what is missing, build the viewer, compile kernels
	@docker/setup.sh run

setup-test:
	@docker/setup.sh test

demo: setup ## a city from nothing: CITY=rotterdam for the real sewers, ARGS=--check to end after checking
	@exec .venv/bin/twin demo $(if $(CITY),--city $(CITY)) $(ARGS)

test: setup-test lint ## lint, types, import contracts, then every test but the slow sets: SLOW=all, or SLOW=2/7 for a part of them
	@.venv/bin/python -m pytest -n $(JOBS) $(if $(SLOW),--slow $(SLOW)) $(ARGS)

lint: setup-test ## style, types, import contracts, viewer
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@docker/setup/npm.sh --prefix twin/viewer --silent run lint
	@docker/setup/npm.sh --prefix twin/viewer --silent test

pages: setup ## write docs/data and docs/rules.md anew from the FeatureTypes, the rules and the demo cities
	@.venv/bin/twin types --pages docs/data --data-dir build/no-types
	@.venv/bin/twin rules --page docs/rules.md --data-dir build/no-types

format: setup-test ## put the code into its form
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

bench: setup ## ours, peers and bounds, interleaved: ONLY=load|serve|tiles; writes docs/performance.md
	@docker/setup/bench_environment.sh
	@exec .venv/bin/python -m bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

lock: setup ## bring requirements/*.lock in line with pyproject.toml; UPGRADE=1 takes the newest of everything
	@docker/lock.sh

clean: ## remove what was built and installed; data folders stay
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info \
	  twin/viewer/dist twin/viewer/node_modules tests/node/node_modules tests/node/tools/node_modules
