# Every verb sets up what it needs in $(VENV) and can be run first on a fresh machine.
# PYTHON chooses the interpreter (3.11 or newer), VENV the virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Figures are drawn to files; the fits are small, one thread each is enough.
export MPLBACKEND := agg
export OMP_NUM_THREADS ?= 1

STUDIES := besiroglu2024 czech2026 li2025 porian2024
EXAMPLES := $(sort $(wildcard examples/plot_*.py))

.DEFAULT_GOAL := help
.PHONY: help demo reproduce figures sweep test docs examples lint format bench clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-base  ## Fit every method to the embedded table: table, figures, CSV
	$(BIN)/scalinglaws demo --out demo-output

# The same command resumes it. Debian 12 is where the packages of the text come from.
SWEEP ?= sweep-output
sweep: $(VENV)/.installed-training  ## Prepare the text of the shipped sweep with apt and train it again
	$(BIN)/scalinglaws train prepare english-docs --out $(SWEEP)/corpus
	$(BIN)/scalinglaws train sweep --config data/sweep_config.json --data $(SWEEP)/corpus --device cpu \
		--out $(SWEEP)/runs

# Two at a time, each in one process: most of the seconds are imports.
reproduce: $(VENV)/.installed-base  ## Run a part of every published study again and compare the numbers
	@mkdir -p reproduce-quick
	@printf '%s\n' $(STUDIES) | xargs -P 2 -I STUDY sh -c '$(BIN)/scalinglaws reproduce STUDY --quick --jobs 1 \
		--out reproduce-quick/STUDY > reproduce-quick/STUDY.txt 2>&1; code=$$?; cat reproduce-quick/STUDY.txt; exit $$code'

figures: demo  ## Renew the figures of the README from the demo
	cp demo-output/isoflop.png demo-output/allocation.png docs/_static/

# Some tests send signals to their own process: these one after another.
test: $(VENV)/.installed-test  ## Run the tests and the doctests
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not alone" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m alone tests/training $(PYTEST_ARGS)

docs: $(VENV)/.installed-docs  ## Build the documentation, warnings are errors
	$(BIN)/python -m sphinx -E -W --keep-going -b html docs docs/_build/html

examples: $(VENV)/.installed-base  ## Run the gallery scripts
	@set -e; for script in $(EXAMPLES); do \
		echo "$$script"; $(BIN)/python -W error $$script > /dev/null; done

lint: $(VENV)/.installed-dev  ## Check style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: $(VENV)/.installed-dev  ## Rewrite the files in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench  ## Print the benchmark tables (see benchmarks/README.md)
	$(BIN)/python -m benchmarks

clean:  ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist demo-output reproduce-* scalinglaws.egg-info
	rm -rf docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
	rm -rf .pytest_cache .ruff_cache .hypothesis

# One stamp per set of extras; pyproject.toml or constraints.txt being newer reinstalls.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
		sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-base: pyproject.toml constraints.txt | $(VENV)/.created
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/.created
	$(PIP_INSTALL) -e '.[$*]'
	@touch $@
