# `make help` lists the targets; every one that needs the environment makes it first.
.PHONY: all setup n8n demo test test-fast lint types format lock audit build bench instructions faults mutants pictures n8n-pictures compatibility docs prove system-deps clean help

PACKAGES := $(wildcard resayil langchain_resayil litellm_provider resayil_n8n)
BIN := .venv/bin
NODE_TESTS := tests/javascript
UV_VERSION := 0.13.8
PIP_AUDIT_VERSION := 2.10.1
MUTMUT_VERSION := 3.8.1

# A test never meets a real key or another service's address, whatever the shell exports.
SECRETS := LLM_RESAYIL_API_KEY RESAYIL_API_KEY RESAYIL_BASE_URL OPENAI_API_KEY OPENAI_BASE_URL \
	ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL LANGSMITH_API_KEY LANGSMITH_TRACING \
	LANGCHAIN_API_KEY LANGCHAIN_TRACING_V2 HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy
WITHOUT_KEYS := env $(addprefix -u ,$(SECRETS))

# LiteLLM otherwise asks the network for its price list when it is imported.
export LITELLM_LOCAL_MODEL_COST_MAP := True
export PIP_DISABLE_PIP_VERSION_CHECK := 1

all: lint types test-fast ## Lint, check types and run the fast tests (the default)

setup: .venv/installed.stamp $(NODE_TESTS)/node_modules/installed.stamp ## Make the environment: once, then a no-op

.venv/locked.stamp: requirements.lock
	@python=$$(sh scripts/find_python.sh) || exit 1; \
	echo "setup: $$($$python --version) makes .venv; about 300 MB are downloaded once, which takes a minute or two"; \
	$$python -m venv .venv
	@$(BIN)/pip install --quiet --no-deps --no-compile --require-hashes -r requirements.lock
	@$(BIN)/pip check
	@touch $@

.venv/installed.stamp: pyproject.toml .venv/locked.stamp
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(NODE_TESTS)/node_modules/installed.stamp: $(NODE_TESTS)/package-lock.json | .venv/locked.stamp
	@echo "setup: npm installs the official JavaScript SDKs (about 5 MB)"
	@cd $(NODE_TESTS) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
		&& touch node_modules/installed.stamp \
		|| echo "setup: npm could not install them; the tests in $(NODE_TESTS) are not run"

n8n: .venv/installed.stamp ## Install the real n8n for its tests, once, outside the tree; N8N=0 leaves it out
	@$(BIN)/python -m tests.n8n.install || true

demo: .venv/installed.stamp ## Show the pack at work, without a key; LIVE=1 uses the service and your key
	@test -f examples/demo.py || { echo "demo: examples/demo.py is missing"; exit 1; }
	@LIVE="$(LIVE)" $(BIN)/python examples/demo.py

test: setup n8n lint types ## Everything a change must pass, with branch coverage
	@$(BIN)/coverage erase
	$(WITHOUT_KEYS) $(BIN)/coverage run -m pytest -m "not prove"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-fast: setup ## The tests that take seconds
	$(WITHOUT_KEYS) $(BIN)/python -m pytest -m "not slow and not prove"

lint: .venv/installed.stamp ## ruff, rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed.stamp ## mypy strict on the packages, basedpyright strict on the core
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/basedpyright

format: .venv/installed.stamp ## Rewrite the files as ruff wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Resolve requirements.lock anew where pyproject.toml asks for it; UPGRADE=1 takes the newest of everything
	@python=$$(sh scripts/find_python.sh) && $$python -m venv build/lock
	@build/lock/bin/pip install --quiet uv==$(UV_VERSION)
	build/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --all-extras --group dev \
		$(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock

audit: ## Ask the public database for weaknesses of what is locked; needs a network
	@python=$$(sh scripts/find_python.sh) && $$python -m venv build/audit
	@build/audit/bin/pip install --quiet pip-audit==$(PIP_AUDIT_VERSION) \
		&& weak=$$(build/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
			--requirement requirements.lock) \
		|| { echo "$${weak:-audit: nothing was judged; run make audit where https://pypi.org answers}" >&2; exit 1; }

build: .venv/installed.stamp ## Check what a wheel holds, then write the distribution to dist/
	$(BIN)/python -m pytest tests/repository/test_wheel.py
	$(BIN)/python -m build --no-isolation --outdir dist

bench: .venv/installed.stamp ## Measure the pack beside its peers and write docs/benchmarks.md; six minutes
	$(WITHOUT_KEYS) $(BIN)/python -m benchmarks

instructions: .venv/installed.stamp ## Count the instructions of a streamed chunk and a call with valgrind; three minutes
	$(WITHOUT_KEYS) $(BIN)/python -m benchmarks.instructions

faults: setup ## Play the fault contract and write docs/fault-results.md; PEERS=1: other clients; FULL=1: all sizes
	$(WITHOUT_KEYS) $(BIN)/python -m tests.faults $(if $(PEERS),--peers) $(if $(FULL),--full)

compatibility: setup n8n ## Try every host and client, and write docs/compatibility.md; a few minutes
	$(WITHOUT_KEYS) $(BIN)/python -m tests.compatibility

mutants: setup ## Change the core's decisions one by one, and list the changes that no test notices; an hour or more
	@$(BIN)/pip install --quiet --upgrade --target build/mutmut mutmut==$(MUTMUT_VERSION)
	@rm -rf mutants
	$(WITHOUT_KEYS) PYTHONPATH=$(CURDIR)/build/mutmut $(BIN)/python -m mutmut run
	@PYTHONPATH=$(CURDIR)/build/mutmut $(BIN)/python -m mutmut results

docs: .venv/installed.stamp ## Build the documentation as a site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pictures: setup ## Take the pictures of the command in docs/images anew, on the emulator
	$(WITHOUT_KEYS) PYTHONPATH=tests $(BIN)/python -m cli.pictures

n8n-pictures: setup n8n ## Take the pictures of the n8n templates in n8n/images anew, in the real editor
	$(WITHOUT_KEYS) $(BIN)/python -m tests.n8n.pictures

prove: setup n8n ## Full matrices, soak and fuzzing: the tests that `make test` leaves out
	$(WITHOUT_KEYS) $(BIN)/python -m pytest -m prove

system-deps: ## Install the system programs that the tests start, where this user may
	@sh scripts/system_deps.sh

clean: ## Remove the environment and everything generated
	rm -rf .venv build dist mutants .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis $(NODE_TESTS)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' Makefile
