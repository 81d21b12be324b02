# Everything that is run from a checkout. It needs make and Python >= 3.11 with its venv module; the rest goes into .venv,
# in the versions and with the hashes of the two locks. `make PYTHON=python3.12 ...` chooses the interpreter for .venv.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check # errors only

# A stamp is as new as the last complete set-up. The set-up for development contains the one for running, so it writes both.
RUN_READY := $(VENV)/.ready-to-run
DEV_READY := $(VENV)/.ready-to-develop
# Other people's clients pin other versions than we do, so they have an environment of their own.
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready
# The engine of `make fuzz` has wheels for some machines only, so it is no part of .venv.
FUZZ := .fuzz
FUZZ_READY := $(FUZZ)/lib/.ready

# A PYTHON that was given is taken at its word; else python3, or the first newer one if that is too old.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11)

UV = $(shell command -v uv || echo $(BIN)/uv)
LOCK_GROUP = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock'
LOCK = $(LOCK_GROUP) --group build pyproject.toml

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench soak fuzz simulate canaries peers install install-dev lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_READY) ## cancel orders at a simulated venue; ARGS="--orders 500 --faults" for more
	@$(BIN)/canceld demo $(ARGS)

# Several processes, each module's tests in one of them. ARGS="-n0 ..." runs them in this one: for a debugger.
test: $(DEV_READY) ## run the tests; ARGS goes to pytest
	@$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

check: $(DEV_READY) ## lint, formatting, types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

bench: $(DEV_READY) $(PEERS_READY) ## measure, beside other people's clients; ARGS goes to the benchmark
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(DEV_READY) ## the long runs over many seeds, without a time limit
	@$(BIN)/python -m pytest -m soak --hypothesis-profile=soak --timeout=0 $(ARGS)

simulate: $(DEV_READY) ## the simulation on fixed and fresh seeds; ARGS="--fresh 5000 --seconds 1200" for more
	@$(BIN)/python -m tests.simulate.fresh $(ARGS)

canaries: $(DEV_READY) ## let wrong daemons live through the simulation, and say which seed finds each out
	@$(BIN)/python -m tests.simulate.hunt $(ARGS)

fuzz: $(DEV_READY) $(FUZZ_READY) ## give each decoder strange bytes for a time; ARGS="--seconds 30 TARGET"
	@PYTHONPATH=$(FUZZ)/lib $(BIN)/python -m tests.fuzz.engine $(ARGS)

peers: $(PEERS_READY) ## set up other people's clients, which tests drive the simulated venues with

# It has an environment of its own, made with the system's Python; nothing of .venv goes to a host.
install: ## install on this host, as root; DESTDIR= and PREFIX=/opt/canceld say where
	@systemd/install.sh

install-dev: $(DEV_READY) ## set up .venv for development

lock: ## resolve the locks again, keeping what still fits; UPGRADE=--upgrade takes the newest
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: run 'make install-dev', which puts it into $(VENV)." >&2; exit 1; }
	$(LOCK) $(UPGRADE) --output-file requirements.lock
	$(LOCK) $(UPGRADE) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK_GROUP) $(UPGRADE) --group fuzz --output-file requirements-fuzz.lock

clean: ## remove the environments and every cache
	rm -rf $(VENV) $(PEERS) $(FUZZ) .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find daemon protocols tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(PEERS_READY): requirements-peers.lock | $(BIN)/pip
	@echo "Installing other people's clients into $(PEERS) (once, and when they change) ..."
	@$(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock
	@touch $@

$(FUZZ_READY): requirements-fuzz.lock | $(BIN)/pip
	@echo "Installing the engine for fuzzing into $(FUZZ)/lib (once, and when it changes) ..."
	@rm -rf $(FUZZ)/lib
	@$(PIP) --require-hashes --only-binary :all: --target $(FUZZ)/lib --requirement requirements-fuzz.lock
	@touch $@

$(RUN_READY): requirements.lock pyproject.toml | $(BIN)/pip
	@echo "Installing the pinned packages into $(VENV) (once, and when they change) ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_READY): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/pip
	@echo "Installing the pinned packages and tools into $(VENV) (once, and when they change) ..."
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(RUN_READY) $@

# pip comes last into a new environment, so its presence says that the environment is whole.
$(BIN)/pip:
	@found=; for python in $(PYTHONS); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "canceld needs Python 3.11 or newer; looked for: $(PYTHONS)." >&2; \
	    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3)," >&2; \
	    echo "or name one that you have: make PYTHON=/path/to/python3.12 ..." >&2; \
	    exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make a virtual environment: its venv module is not complete." >&2; \
	    echo "Debian, Ubuntu: apt install $$(basename "$$found")-venv" >&2; \
	    exit 1; \
	fi; \
	"$$found" -m venv $(VENV)
