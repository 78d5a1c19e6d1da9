# The commands of everyday work. `make` alone lists them.
PY := .venv/bin/python
.DEFAULT_GOAL := help

.PHONY: help
help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.venv/ready: requirements/setup.txt requirements/dev.txt requirements/edge.txt
	test -x $(PY) || python3 -m venv .venv
	script/lib/install-locked $(PY) requirements/dev.txt requirements/edge.txt
	touch $@

# The names of commands and engine drivers are read from what is installed.
.venv/installed: pyproject.toml | .venv/ready
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

.PHONY: setup
setup: .venv/installed ## Create .venv with everything that is locked

.PHONY: static
static: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m tools.budgets
	$(PY) -m tools.rules
	$(PY) -m tools.reference --check
	$(PY) -m tools.messages --check
	$(PY) -m tools.vendor --check
	.venv/bin/codespell -q 3 src tests docs tools script README.md

.PHONY: check
check: static ## Static checks, unit and architecture tests
	.venv/bin/pytest -q tests/unit tests/architecture

.PHONY: fix
fix: .venv/ready ## Format and apply safe fixes
	.venv/bin/ruff check --fix --exit-zero --quiet .
	.venv/bin/ruff format .
	.venv/bin/ruff check .

.PHONY: reference
reference: .venv/installed ## Write the reference pages that follow from the code
	$(PY) -m tools.reference

.PHONY: messages
messages: .venv/installed ## Collect the texts of the console, and compile translations of them
	$(PY) -m tools.messages
	$(PY) -m tools.translations

.PHONY: vendor
vendor: .venv/installed ## Copy what we take from npm into the tree, from web/package-lock.json
	$(PY) -m tools.vendor

.PHONY: test
test: .venv/installed ## Run some tests: make test T=tests/unit
	.venv/bin/pytest $(T)

.PHONY: migration
migration: .venv/installed ## Draft the next migration: make migration NAME=domain_what
	$(PY) -m tools.migration $(NAME)

.PHONY: driver
driver: .venv/installed ## Begin a driver for another engine: make driver NAME=word
	$(PY) -m tools.driver $(NAME)

.PHONY: lock
lock: ## Resolve requirements/*.in again into hashed files
	for group in setup runtime edge build telemetry dev audit; do \
	  uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 \
	    --exclude-newer 7d --no-emit-find-links --no-emit-index-url \
	    requirements/$$group.in -o requirements/$$group.txt; done

# The auditor brings many packages of its own, so it lives apart.
.venv/audit/ready: requirements/audit.txt | .venv/ready
	python3 -m venv .venv/audit
	.venv/audit/bin/pip install -q --require-hashes -r requirements/audit.txt
	touch $@

.PHONY: audit
audit: .venv/installed .venv/audit/ready ## Known vulnerabilities of what is locked (error 1: found, 3: not asked); OSV=URL asks a service of your own
	$(PY) -m tools.audit $(if $(OSV),--osv $(OSV))
