# Everything runs in .venv; a fresh machine needs Python 3.11 or newer, make and a package index.

PYTHON ?= python3
BIN := .venv/bin
INDEX := $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX ?= $(INDEX)
endif

.PHONY: demo stack collector debian test test-main test-matrix test-apart test-backends lint docs bench instructions build clean

demo: .venv/ready
	$(BIN)/python -m examples.demo

# The demo's traffic in real back ends, which Go builds; until Ctrl-C.
stack: .venv/ready
	$(BIN)/python -m tools.backends > /dev/null
	$(BIN)/python -m tools.debian > /dev/null
	$(BIN)/python -m examples.stack

# The path of the Collector of the examples, built if need be.
collector: .venv/ready
	@$(BIN)/python -m tools.backends collector

# Prometheus and Alertmanager, installed or unpacked. Without them their tests are skipped, but not in CI.
debian: .venv/ready
	@$(BIN)/python -m tools.debian > /dev/null || [ -z "$$CI" ]

# The suite in .venv, and the suites in environments of their own, two at a time.
test: .venv/ready debian
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-main test-matrix test-apart test-backends

test-main: lint debian
	$(BIN)/pytest --cov --cov-report=term
	$(BIN)/coverage report --include='*/otel_residency/core/*' --fail-under=100

test-matrix: .venv/ready
	$(BIN)/nox --session matrix

test-apart: .venv/ready
	$(BIN)/nox --session wheel oldest neighbours packages beside servers clients conformance

test-backends: .venv/ready debian
	$(BIN)/nox --session backends

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site of docs/ in build/docs. A broken link, or a page that mkdocs.yml does not name, is an error.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/ready
	$(BIN)/python -m benchmarks

# Needs valgrind.
instructions: .venv/ready
	$(BIN)/python -m benchmarks.instructions

build: .venv/ready
	$(BIN)/uv build --wheel --out-dir dist

.venv/ready: pyproject.toml constraints/dev.txt constraints/openai.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints/dev.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[httpx]' --group dev \
		--constraint constraints/dev.txt --constraint constraints/openai.txt
	touch $@

clean:
	rm -rf .venv .nox .cache build dist
