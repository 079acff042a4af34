# Every chore of this project, one word each. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help venv demo up down status unit coverage test mutants fuzz soak check format hashes docs pages site image image-test real release bench bench-full clean
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin

# What `make up` can be asked for: make up NODES=5 REPLICAS=2
NODES ?= 3
NODE_MEMORY ?= 8Gi
NODE_CPU ?= 4
REPLICAS ?= 1
CONTROLLERS ?= 1
# The version of Kubernetes that a control plane of ours is of: 1.37 or 1.36, KUBERNETES=1.36 make test
KUBERNETES ?= 1.37
export NODES NODE_MEMORY NODE_CPU REPLICAS CONTROLLERS KUBERNETES

# What `make mutants` can be asked for: make mutants MUTANTS=320 MINUTES=60
MUTANTS ?= 60
SEED ?= 1
MINUTES ?= 10

# What `make fuzz` can be asked for: make fuzz TARGET=http_request SECONDS=3000 SEED=2
TARGET ?= all
SECONDS ?= 60

# How long `make soak` goes on, with which seed, and where its logs stay: make soak SOAK=2h SOAK_SEED=7
SOAK ?= 10m
SOAK_SEED ?= 1

help: ## List what there is
	@echo "Headroom. make WORD, with WORD one of:"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.venv/.made: requirements.txt requirements-tools.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Headroom needs Python 3.11 or later: name one with make PYTHON=python3.12" >&2; exit 1; }
	@echo "making the environment in .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

venv: .venv/.made ## The environment of everything here, in .venv; then `headroom` is .venv/bin/headroom

demo: .venv/.made ## From nothing to a refusal, on simulated nodes; as it ships with REAL=1 (a real node, root) or KIND=1 (Docker)
	@$(BIN)/python -m $(if $(filter 1,$(REAL)),demo.real,$(if $(filter 1,$(KIND)),demo.on_kind,demo.story))

up: .venv/.made ## A cluster with Headroom in the background (NODES NODE_MEMORY NODE_CPU REPLICAS CONTROLLERS KUBERNETES)
	@$(BIN)/python -m devcluster up

down: .venv/.made ## End what `make up` started
	@$(BIN)/python -m devcluster down

status: .venv/.made ## Say what of it runs
	@$(BIN)/python -m devcluster status

unit: .venv/.made ## The quick tests of each module, without a control plane: about two minutes
	@$(BIN)/pytest tests/unit tests/certs -m "not long" --hypothesis-profile=unit

coverage: .venv/.made ## What of the webhook the quick tests run, by branch; fails below the floor in pyproject.toml
	@$(BIN)/pytest tests/unit tests/certs -m "not long" --hypothesis-profile=unit --cov --cov-report=term

# The end-to-end tests of what differs between versions of Kubernetes, which also run on the older one.
OLDER := describe resize footprints early_answers overlays

test: .venv/.made ## The whole test suite, on a real API server; then some of it on the older version of Kubernetes
	@$(BIN)/python -m devcluster build
	@$(BIN)/pytest
	@KUBERNETES=1.36 $(BIN)/pytest -q $(OLDER:%=tests/e2e/test_%.py)

mutants: .venv/.made ## How many small faults the tests notice, room by room (MUTANTS SEED MINUTES): a few minutes
	@$(BIN)/python -m tests.mutation --count $(MUTANTS) --seed $(SEED) --minutes $(MINUTES)

fuzz: .venv/.made ## Fuzz whatever reads bytes from outside (TARGET SECONDS SEED): a minute for each of seven targets
	@$(BIN)/python -m tests.fuzz --target $(TARGET) --seconds $(SECONDS) --seed $(SEED)

soak: .venv/.made ## Two replicas under load while faults come and go (SOAK SOAK_SEED): ten minutes; docs/reliability.md
	@$(BIN)/python -m tests.stress.soak --length $(SOAK) --seed $(SOAK_SEED)

check: .venv/.made ## Format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet . && echo "format: fine"
	@$(BIN)/ruff check --quiet . && echo "lint: fine"
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/.made ## Put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

hashes: .venv/.made ## Write the digests of what the image and its build install, as the registry has them (after a change of a pin)
	@for pair in requirements.txt=image/hashes.txt image/building.in=image/building.txt; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-deps --generate-hashes --no-header \
	        --no-annotate --output-file "$${pair#*=}" "$${pair%=*}"; done

docs: .venv/.made ## Write again what is made from the code: reference pages, schema, pictures, the domain, alerts, dashboard, chart
	@$(BIN)/python -m tests.packaging.domain
	@$(BIN)/python -m tests.unit.core.config.test_schema_docs
	@$(BIN)/python -m tests.unit.observability.test_metrics_docs
	@$(BIN)/python -m tests.unit.web.test_reporting_routes_docs
	@$(BIN)/python -m tests.packaging.architecture
	@$(BIN)/python -m tests.packaging.runbooks
	@$(BIN)/python -m tests.packaging.dashboard
	@$(BIN)/python -m tests.packaging.install_file
	@$(BIN)/python -m tests.packaging.chart

pages: .venv/.made ## Have README and docs/ show what their commands print now, and what the page looks like
	@$(BIN)/python -m tests.docs --write
	@$(BIN)/python -m tests.browser.pictures

site: .venv/.made ## The documentation as a site, in dist/site: every page and link is checked, links elsewhere are listed
	@$(BIN)/python -m tests.docs.site

image: .venv/.made ## The container image without Docker, with its SBOM and provenance, in .local/image (root, buildah)
	@$(BIN)/python -m devcluster.image

image-test: .venv/.made ## Build the image and test it: its layers, what is in it, and that its own command judges pods
	@$(BIN)/pytest tests/image --image

real: .venv/.made ## Install the image and the manifests on two real nodes, and let replicas and nodes fail (root): 15 minutes
	@$(BIN)/pytest tests/realnode --real --timeout 900

release: .venv/.made ## All files of a release of what is committed, in dist/: package, kubectl plugin, chart, install.yaml, checksums
	@$(BIN)/python -m release

bench: .venv/.made ## Side by side with webhooks that do nothing, in at most 15 minutes
	@$(BIN)/python -m benchmarks quick

bench-full: .venv/.made ## The same with 64 clients and 150,000 pods
	@$(BIN)/python -m benchmarks full

clean: ## Remove what was made in this checkout (the control plane stays in the user's cache)
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache *.egg-info
