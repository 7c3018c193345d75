# Two commands do everything on a machine with Python 3.11 to 3.13 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

SECONDS ?= 60
ROUNDS ?= 300

.PHONY: demo test e2e interop bench crash tamper fuzz mutants docs lint types format lock clean

demo: $(VENV)/.product
	$(BIN)/ciconia demo

test: $(VENV)/.tests
	$(BIN)/python -m pytest -m "not peer and not slow" -n auto --dist loadfile

# Walk the pages and the documentation in Chromium. `bash .ci/peers` installs it
e2e: $(VENV)/.tests $(VENV)/.docs
	$(BIN)/python -m pytest tests/e2e -m peer -n auto --dist loadfile

# Try other products against a real broker, over real sockets. `bash .ci/peers` installs them
interop: $(VENV)/.tests
	$(BIN)/python -m tests.interop.run

# Fuzz for SECONDS. The fuzzer has wheels for Linux alone
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

# Remove each check of the verification, one at a time: the attack corpus must notice
mutants: $(VENV)/.tests
	$(BIN)/python -m tests.mutation.run

# Kill workers, sequencers and databases with -9, ROUNDS times, on SQLite and PostgreSQL: nothing acknowledged may be lost
crash: $(VENV)/.tests
	$(BIN)/python -m tests.kill.crash --rounds $(ROUNDS)

# Carry out each way in which an operator could cheat, and print who notices. Fails if docs/threats.md says it otherwise
tamper: $(VENV)/.tests
	$(BIN)/python -m tests.tamper

# Run every benchmark, one after the other: `python -m tests.benchmarks.NAME`. Fails if one misses a target
bench: $(VENV)/.tests
	missed=0; for name in signatures policy logins store tokens metadata ledger border; do $(BIN)/python -m tests.benchmarks.$$name || missed=$$?; done; exit $$missed

# Make the pages that code and tests write, then the site. A broken link or anchor fails. Open .site/index.html
docs: $(VENV)/.tests $(VENV)/.docs
	for page in reference_tables requirements_table security_testing endpoints_page; do $(BIN)/python -m tests.$$page || exit 1; done
	$(BIN)/python -m tests.catalogues --state
	$(BIN)/zensical build --strict --clean

lint: $(VENV)/.tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.tests
	$(BIN)/mypy

format: $(VENV)/.tests
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Lock versions and hashes for every supported Python. This needs uv; everything else needs pip alone.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links --extra build --extra cluster --extra desk --extra hsm --extra pki --extra postgres --extra yaml --extra test --constraint requirements.lock pyproject.toml -o tests/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links --extra build --extra cluster --extra desk --extra hsm --extra pki --extra postgres --extra yaml --constraint requirements.lock pyproject.toml -o docker/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links --extra build --extra docs --constraint requirements.lock pyproject.toml -o docs/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links --extra build --extra cluster --extra desk --extra hsm --extra pki --extra postgres --extra yaml --extra test --extra fuzz --constraint tests/requirements.lock pyproject.toml -o tests/fuzz.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --no-emit-index-url --no-emit-find-links tests/interop/peers.in -o tests/interop/peers.lock

$(VENV)/.product: requirements.lock pyproject.toml
	@echo "1 of 3: a Python environment of its own, in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "2 of 3: the packages of requirements.lock, each by its hash"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --requirement requirements.lock
	@echo "3 of 3: Ciconia itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.product tests/requirements.lock
	@echo "For the tests: the packages of tests/requirements.lock"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --requirement tests/requirements.lock
	@touch $@

$(VENV)/.fuzz: $(VENV)/.tests tests/fuzz.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/fuzz.lock
	touch $@

$(VENV)/.docs: $(VENV)/.product docs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement docs/requirements.lock
	touch $@

clean:
	rm -rf $(VENV) .site .cache .fuzz .peers .pytest_cache
