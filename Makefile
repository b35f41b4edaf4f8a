# The whole set-up on a fresh machine with Python 3.11 or later, pip and make: `make demo`, `make test`.
# Everything is installed into .venv from requirements/*.txt, where every file is pinned by its hash.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV ?= uv
LOCKED := --require-hashes --only-binary :all: --disable-pip-version-check --quiet
PEERS := tests/integration/peers/node

.PHONY: help setup demo test lint types unit soak bench docs gen lock lock-check peers clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/dev.stamp ## Build .venv with everything that development needs

# $(1) = stamp, $(2) = requirement files. A changed lock means a new environment, so that nothing stays behind.
define build_venv
	@python=$$(tools/find_python) || exit 1; \
	echo "==> $(VENV) with $$("$$python" --version) from $(2)"; \
	"$$python" -m venv --clear $(VENV) || { echo "venv is missing (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install $(LOCKED) $(foreach file,$(2),-r $(file))
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-index --no-deps --no-build-isolation -e .
	@touch $(1)
endef

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml
	$(call build_venv,$@ $(VENV)/run.stamp,requirements/dev.txt)

# `make demo` needs far less than `make test`; either environment will do.
$(VENV)/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml
	$(call build_venv,$@,requirements/run.txt requirements/build.txt)

demo: $(VENV)/run.stamp ## Run the main job on a simulated plant: capture, then query (under 60 s)
	$(BIN)/iiotctl demo $(DEMO)

test: lint peers ## Lint, type-check and run every test (under 10 minutes on 2 cores)
	$(BIN)/pytest -n auto --dist worksteal $(PYTEST)

lint: $(VENV)/dev.stamp ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(VENV)/dev.stamp ## The quick tests alone: no servers, no crashes, no wheel
	$(BIN)/pytest -n auto -m "not integration and not crash and not package" $(PYTEST)

peers: ## Servers of other codebases that the tests talk to (needs npm; skipped where it is missing)
	@if [ -f $(PEERS)/package.json ]; then \
	  if ! command -v npm >/dev/null; then echo "==> npm is missing: tests against node-opcua will be skipped"; \
	  elif [ ! -e $(PEERS)/node_modules/.stamp ] || [ $(PEERS)/package-lock.json -nt $(PEERS)/node_modules/.stamp ]; then \
	    echo "==> npm ci in $(PEERS)"; { npm ci --prefix $(PEERS) --no-audit --no-fund --ignore-scripts && touch $(PEERS)/node_modules/.stamp; } \
	      || { [ -z "$$CI" ] && rm -rf $(PEERS)/node_modules && echo "==> npm ci failed: tests against node-opcua will be skipped"; }; \
	  fi; \
	fi

soak: $(VENV)/dev.stamp peers ## The long runs: half an hour of random faults, then 1,000 kills and an hour of memory
	$(BIN)/python -m tests.faults.soak $(SOAK)
	IIOTCTL_SOAK=1 $(BIN)/pytest -n 2 -m "crash or integration" --timeout 7200 $(PYTEST)

bench: $(VENV)/dev.stamp ## Ratios against a yardstick of the same run; passes and fails nothing
	$(BIN)/python -m bench $(BENCH)

gen: $(VENV)/dev.stamp ## Write everything that is generated: completions, man page, reference pages
	@for tool in tools/gen_*.py; do $(BIN)/python -m tools.$$(basename $$tool .py) || exit 1; done

docs: gen ## Build the documentation into site/, strict about links
	$(BIN)/zensical build --strict

lock: ## Lock again (needs uv); then run `make lock-check`
	@command -v $(UV) >/dev/null || { echo "uv is missing: pip install uv, or make UV=/path/to/uv lock" >&2; exit 1; }
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/constraints.txt --extra excel -o requirements/run.txt pyproject.toml
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/constraints.txt --extra excel --group dev -o requirements/dev.txt pyproject.toml
	printf 'hatchling>=1.27\neditables>=0.5\n' | $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/dev.txt -o requirements/build.txt -

lock-check: ## Prove the lock: wheels only, on every Python present, and for Windows x64
	@python=$$(tools/find_python) && "$$python" tools/lock_check.py

clean: ## Remove what was built; keeps captured data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist site
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
