# Everything runs in .venv. What a goal lacks is said before anything else: tools/needs.py.

PYTHON ?= python3
BIN := .venv/bin
# uv does not read the configuration of pip.
INDEX := $(or $(PIP_INDEX_URL),$(shell $(or $(wildcard $(BIN)/python),$(PYTHON)) -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX ?= $(INDEX)
endif

.PHONY: demo stack collector debian check test test-all fresh lint docs changelog bench soak instructions build clean needs packages

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

# Prometheus, installed or unpacked. Without it its tests are skipped, but not in CI.
debian: .venv/ready
	@$(BIN)/python -m tools.debian > /dev/null || [ -z "$$CI" ]

# Three doors: CONTRIBUTING.md says which suite stands behind which.
check: .venv/ready
	$(BIN)/python -m tools.suites $@

test test-all: .venv/ready debian
	$(BIN)/python -m tools.suites $@

# The README's commands on a Debian that has nothing else.
fresh: .venv/ready
	$(BIN)/python -m tools.fresh

lint: .venv/ready
	$(BIN)/nox --session lint

# What changelog.d/ would add to the changelog.
changelog: .venv/ready
	$(BIN)/towncrier build --draft

# The site of docs/ in build/docs. A broken link, or a page that mkdocs.yml does not name, is an error.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/ready
	$(BIN)/python -m benchmarks

# 200,000 calls to a server on loopback, some ten minutes; writes benchmarks/SOAK.md.
soak: .venv/ready
	$(BIN)/python -m benchmarks.soak --record

# Needs valgrind.
instructions: .venv/ready
	$(BIN)/python -m benchmarks.instructions

build: .venv/ready
	$(BIN)/uv build --wheel --out-dir dist

needs:
	@command -v $(PYTHON) > /dev/null || { echo "Python 3.11 or newer is needed, and there is no $(PYTHON)." >&2; exit 1; }
	@$(PYTHON) tools/needs.py $(MAKECMDGOALS)

.venv/ready: pyproject.toml constraints/dev.txt constraints/openai.txt | needs
	$(PYTHON) -m venv .venv
	@$(MAKE) --no-print-directory packages # which reads the configuration of the new pip
	touch $@

packages:
	@$(BIN)/python -m pip install --quiet --constraint constraints/dev.txt uv || \
		{ echo "No package index can be reached; \`pip config list\` shows which one is set." >&2; exit 1; }
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[httpx]' --group dev \
		--constraint constraints/dev.txt --constraint constraints/openai.txt

clean:
	rm -rf .venv .nox .cache build dist
