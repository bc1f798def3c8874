# Needs any Python from 3.9 on and make; everything else is installed here, locked, the first time it is needed. uv takes
# a Python 3.11, 3.12 or 3.13 that it finds, and fetches one where there is none.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
DAYS ?= 90
STATE ?=
PORT_BASE ?=

# uv from the PATH, or one of our own in .tools.
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := $(UV) run --frozen --all-extras
CESTA := $(RUN) cesta
# Tests of one instance stay on one worker, the longest first; most of them wait, so there are more workers than cores.
WORKERS ?= 5
# The files of the tests that run by themselves: to look through all others would take longer than they do.
ALONE := $$(grep -lr --include='test_*.py' 'mark\.alone' tests)
BESIDE := $(RUN) pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
INSTANCE := $(if $(STATE),--state $(STATE)) $(if $(PORT_BASE),--port-base $(PORT_BASE))
SYNCED := .venv/synced
# Where this is set, as containers do to stay small, every process would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: bootstrap
bootstrap: $(SYNCED) ## Install uv (into .tools) when absent, and the locked environment

.tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' \
	  || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): name a Python from 3.9 on, as in 'make demo PYTHON=python3.12'."; exit 1; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(SYNCED): pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	$(UV) sync --frozen --all-extras
	@touch $@

.PHONY: demo
demo: $(SYNCED) ## Start everything, load real purchases (DAYS=90) and show what came of them; Ctrl-C ends it
	@$(CESTA) demo --days $(DAYS) $(INSTANCE)

.PHONY: up
up: $(SYNCED) ## Start the local cloud, the graph and Dagster in the background (STATE=, PORT_BASE=)
	@$(CESTA) up --detach $(INSTANCE)

.PHONY: down
down: $(SYNCED) ## Stop what `make up` started; the next one goes on where it was
	@$(CESTA) down $(INSTANCE)

.PHONY: test
test: $(SYNCED) ## Run the tests, in WORKERS processes side by side; then, with nothing beside them, those that measure time
	$(BESIDE) -m "not alone"
	$(RUN) pytest -m alone $(ALONE)

.PHONY: test-slow
test-slow: $(SYNCED) ## Run the tests with those that wait as long as production does, and on all examples of costly properties
	$(BESIDE) --slow -m "not alone"
	$(RUN) pytest --slow -m alone $(ALONE)

.PHONY: engines
engines: $(SYNCED) ## Fetch what the tests start: the local engines, Neo4j (152 MB), MariaDB (149 MB), Elasticsearch (132 MB), the packages
	$(RUN) python -m tests.engines

.PHONY: spark
spark: $(SYNCED) ## Add Spark (490 MB) for the tests that run the rules on it; it needs a Java from 17 on
	$(UV) sync --frozen --all-extras --inexact --group spark

.PHONY: trino
trino: ## Fetch Trino (150 MB) for the test that runs the SQL on it; it needs Maven, and a Java from 24 on in TRINO_JAVA_HOME
	mvn --quiet --batch-mode --file tests/engines/trino/pom.xml dependency:copy-dependencies -DoutputDirectory=jars

.PHONY: check
check: $(SYNCED) ## Everything else a machine can judge: style, types, doors, template, spelling, SQL, definitions, locks
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) cfn-lint
	$(RUN) codespell
	$(RUN) python -m pipeline_assets.queries.portable
	$(RUN) dg check defs
	$(UV) lock --check
	$(UV) lock --check --project deploy/local/engines

.PHONY: bench
bench: $(SYNCED) ## Measure ours against the alternative and write docs/benchmarks.md (about twenty minutes)
	$(RUN) python -m benchmarks tickets --write
	$(RUN) python -m benchmarks latency --write
	$(RUN) python -m benchmarks stocks --write
	$(RUN) python -m benchmarks export --write
	$(RUN) python -m benchmarks curation --write
	$(RUN) python -m benchmarks compaction --write
	$(RUN) python -m benchmarks stream --write
	$(RUN) python -m benchmarks prod --write
	$(RUN) python -m benchmarks cdc --write
	$(RUN) python -m benchmarks search --write
	$(RUN) python -m benchmarks rebuild --write

.PHONY: package
package: $(SYNCED) ## Build the functions' packages into dist
	$(RUN) python -m deploy.packaging

.PHONY: package-spark
package-spark: $(SYNCED) ## Build what Spark jobs run in the cloud, a Python environment and a script, into dist
	$(RUN) python -m deploy.spark_package

.PHONY: template
template: $(SYNCED) ## Write what the cloud template has for every flow and table, from the registry and the specs
	$(RUN) python -m deploy.template_blocks

.PHONY: pictures
pictures: $(SYNCED) ## Draw the pictures of README and guides, from an instance of the demo that is started for them
	$(RUN) python -m docs.pictures $(if $(PORT_BASE),--port-base $(PORT_BASE))

.PHONY: clean
clean: ## Remove what was built or cached; instances and environments stay
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -path ./.tools -prune -o -name __pycache__ -type d -exec rm -rf {} +
