# A PYTHONDONTWRITEBYTECODE of the shell would make every import three to six times slower.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help env run stop test browser test-all kill-matrix fault-matrix feed-matrix dirty-data lint format bench peers audit coverage reference lock

help: ## show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

env: ## make .venv from the pinned requirements (PYTHON=/path/to/python3.12 to choose one)
	@PYTHON="$(PYTHON)" sh tools/env.sh

run: env ## start PostgreSQL and Airflow, decide the newest sessions, say where to look
	@$(PY) -m nightdesk up

stop: ## stop what `make run` started, and nothing else
	@if [ -x $(PY) ]; then $(PY) -m nightdesk down; else echo "nothing to stop: there is no .venv here"; fi

test: env ## run the tests (about forty minutes on 2 cores)
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow and not browser" --junitxml build/tests.xml

browser: env ## look at the cockpit in a real browser, behind Airflow's own login
	@$(PY) -m pytest -m "browser and not slow"

test-all: env ## run the long tests too
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --junitxml build/tests.xml

kill-matrix: env ## kill the process that sends orders between any two statements; fails when an order is lost or double
	@$(PY) -m tests.matrices.kill
	@$(PY) -m tests.matrices.kill --broker ibkr

fault-matrix: env ## let the broker answer badly in every way to every call; fails when something is wrong and unseen
	@$(PY) -m tests.matrices.fault
	@$(PY) -m tests.matrices.fault --broker ibkr

feed-matrix: env ## let every vendor of data answer badly in every way; fails when something is invented or missed unseen
	@$(PY) -m tests.matrices.feeds

dirty-data: env ## plant every defect of market data at every vendor; fails when one is not caught as promised
	@$(PY) -m tests.matrices.dirty_data

lint: env ## ruff, mypy and the import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: env ## let ruff rewrite what it can
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: env ## measure, print a table and write benchmarks/latest.json
	@$(PY) -m benchmarks

peers: env ## measure other backtest engines beside the desk's walk, each in an environment of its own
	@$(PY) -m benchmarks.peers

audit: env ## known faults of the packages, risky lines of our own, licences
	@$(PY) tools/audit.py

coverage: env ## run the tests and report the share of branches that each room's tests take
	@$(PY) tools/room_coverage.py

reference: env ## write docs/reference/ from the code
	@$(PY) tools/reference.py

lock: env ## compile requirements.in and requirements-dev.in into the pinned .txt of the same names
	@for name in requirements requirements-dev; do \
		.venv/bin/uv pip compile --quiet --universal --python-version 3.12 --no-header \
			$$name.in --output-file $$name.txt || exit; \
	done
