# Callus: `make run` starts everything, `make test` tests everything; both from nothing.

PYTHON ?= python3
PORT ?= 8000
DEMO ?= 1
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run test drill bench pictures lint format

run: .venv/installed
	@PORT=$(PORT) DEMO=$(DEMO) exec $(BIN)/python manage.py run

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

drill: .venv/installed-dev
	$(BIN)/python -m drills

bench: .venv/installed-dev
	$(BIN)/python -m bench

pictures: .venv/installed-dev
	$(BIN)/python -m tests.pictures

lint: .venv/installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py translations --check
	@# As a deployment would be set up; the servers named here are not asked.
	DATABASE_URL=postgresql://callus@database.example/callus REDIS_URL=rediss://queue.example/0 \
	EMAIL_URL=smtp+tls://callus@mail.example:587 ALLOWED_HOSTS=desk.example \
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	$(BIN)/python manage.py check --deploy --fail-level WARNING

format: .venv/installed-dev
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# Each stamp is made last, so that an interrupted installation is simply repeated.
.venv/made:
	@$(PYTHON) config/embedded/support.py
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/installed: requirements.txt | .venv/made
	$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt | .venv/made
	$(PIP) -r requirements-dev.txt
	@touch .venv/installed $@
