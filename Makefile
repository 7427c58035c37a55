# Targets for people and for the continuous integration. `make` alone prints them.
PYTHON ?= python3
BIN := .venv/bin
PAGES := README.md mappings/README.md etl/README.md tests/benchmarks/README.md
.DEFAULT_GOAL := help
.PHONY: help install dev demo test check lint types layers docs picture format lock golden bench bench-growth bench-peers mutants simulation kills clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed ## make .venv with the package in it

dev: .venv/.dev ## the same, with everything that the tests need

demo: .venv/.installed ## a web shop's database, the sandbox, and two runs: everything at work
	@$(BIN)/python -m etl.sandbox.demo

test: .venv/.dev ## set up everything and run the whole suite
	$(BIN)/python -m pytest -n 3 --dist worksteal --durations=25

check: lint types layers docs test ## what the continuous integration runs

lint: .venv/.dev ## style and likely mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev ## static types
	$(BIN)/mypy

layers: .venv/.dev ## which package may import which
	$(BIN)/lint-imports

docs: .venv/.dev ## the generated blocks of the pages are current
	$(BIN)/cog --check $(PAGES)

golden: .venv/.dev ## write the golden files of the shipped mappings and of the screens anew
	REWRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/golden tests/cli

picture: .venv/.dev ## draw the picture of the README anew
	$(BIN)/python -m tests.docs.picture

format: .venv/.dev ## mend style, and write the generated blocks anew
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	$(BIN)/cog -r $(PAGES)
	$(BIN)/python -m tests.docs.failures
	$(BIN)/squeezely-etl schema > mappings/mapping.schema.json
	@$(BIN)/ruff check -q .

lock: .venv/.dev ## write the lock files anew
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --no-strip-extras --all-extras --group build --upgrade -q -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --no-strip-extras --all-extras --group dev --upgrade -q -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --group drivers --upgrade -q -c requirements-dev.lock -o requirements-drivers.lock

bench: .venv/.dev ## measure against the floor and a naive script, and growth; writes tests/benchmarks/results*.md
	$(BIN)/python -m tests.benchmarks.bench --sections speed,stages,throttle --into tests/benchmarks/results.md
	$(BIN)/python -m tests.benchmarks.bench --sections latency --into tests/benchmarks/results-latency.md
	$(BIN)/python -m tests.benchmarks.bench --sections workers
	$(BIN)/python -m tests.benchmarks.bench --sections start --into tests/benchmarks/results-start.md
	$(MAKE) bench-growth

bench-growth: .venv/.dev ## only growth: 5 million rows of each database, 10 million keys in the ledger
	$(BIN)/python -m tests.benchmarks.bench --sections growth,ledger --into tests/benchmarks/results-growth.md

bench-peers: .venv/.dev .venv-peers/.installed ## measure against drt-core and dlt
	$(BIN)/python -m tests.benchmarks.bench --peers --sections speed --into tests/benchmarks/results-peers.md

simulation: .venv/.dev ## new lives of the sending code, with 200,000 faults and kills; takes some minutes
	nice -n 19 $(BIN)/python -m tests.simulation --faults 200000

kills: .venv/.dev ## kill real processes some 740 times, at other moments each time; takes some minutes
	KILL_SWEEP_PARTS=6 $(BIN)/python -m pytest -q tests/e2e/test_kill_sweep.py tests/e2e/test_returning_contents.py

mutants: .venv/.dev ## change the core at 400 places, and print what no test notices; takes an hour, goes on where it stopped
	nice -n 19 $(BIN)/python -m tests.mutants --gather
	nice -n 19 $(BIN)/python -m tests.mutants --count 400

clean: ## remove what make made
	rm -rf .venv .venv-peers .demo .mutants .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.installed requirements-dev.lock requirements-drivers.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-drivers.lock || \
	  echo "*** mysqlclient and MariaDB's connector cannot be built here (apt-get install libmariadb-dev gcc pkg-config): their tests are skipped, and fail in CI ***"
	@touch $@

.venv-peers/.installed: tests/benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q --disable-pip-version-check -r tests/benchmarks/peers.txt
	@touch $@
