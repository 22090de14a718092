# The site on one machine: `make run` serves it, `make test` proves it. Both bring their own PostgreSQL and Valkey.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

# Named on the command line or in the environment; budgetsite/local reads them and knows the defaults.
export PORT DATA_DIR DEMO

# Many processes are started in a run: each would compile the whole site again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test coverage bench picture lint format install clean

help:
	@echo "make run      serve the site at http://127.0.0.1:8000/   (PORT=8123 DATA_DIR=/some/folder DEMO=0)"
	@echo "make test     run all tests                              (PYTEST_ARGS='budgets -k ledger -n 0')"
	@echo "make coverage run all tests and say which lines none of them reached; takes half as long again"
	@echo "make bench    measure the hot paths against plain SQL    (BENCH_ARGS=...)"
	@echo "make picture  take the README's picture from the demo"
	@echo "make lint     check style, types, imports and templates"
	@echo "make format   put source and templates into shape"
	@echo "make clean    remove what tools made; your data in .local stays"

# `exec` hands Ctrl-C and SIGTERM straight to the program, which stops everything that it started.
run: $(INSTALLED)
	@exec $(PYTHON) -m budgetsite.local run

# Without Chromium the other tests are still worth running; the script has said what is missing.
test: $(INSTALLED)
	@budgetsite/testing/install_chromium.sh || echo "The tests in the browser will fail without it." >&2
	@exec $(PYTHON) -m budgetsite.local test -- -n 2 --dist loadscope --no-loadscope-reorder $(COVERAGE) $(PYTEST_ARGS)

coverage:
	@$(MAKE) --no-print-directory test COVERAGE='--cov --cov-report=term:skip-covered'

bench: $(INSTALLED)
	@exec $(PYTHON) -m budgetsite.local bench -- $(BENCH_ARGS)

picture: $(INSTALLED)
	@budgetsite/testing/install_chromium.sh
	@exec $(PYTHON) -m budgetsite.local picture

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint --check --lint templates

# djLint ends with 1 when it changed a file, which is what it was asked to do.
format: $(INSTALLED)
	$(VENV)/bin/ruff check --fix-only --quiet .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/djlint --quiet --reformat templates || [ $$? -eq 1 ]

install: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt | $(PYTHON)
	@echo "Installing the requirements …"
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip >/dev/null
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(PYTHON):
	@for candidate in python3.11 python3; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Making $(VENV) with $$candidate …"; \
			$$candidate -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); \
			echo "$$candidate cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
			exit 1; \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed, as python3.11 or python3." >&2; exit 1

clean:
	rm -rf $(VENV) .coverage .coverage.* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.local/*' -prune -exec rm -rf {} +
