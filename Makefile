# Every target makes what it needs in .venv first: a machine needs Python 3.11 or later, a C and a C++ compiler.
# Options: PYTHON=python3.12, and ARGS="-k name" for pytest.

PYTHON ?= python3
ARGS ?=
VENV := .venv
# CMake and Ninja come from PyPI with the other tools.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
# Without isolation the build folder stays valid between runs, so that only what changed is compiled again.
INSTALL := $(PIP) install --quiet --no-build-isolation \
	--config-settings=build-dir=build/extension --config-settings=cmake.define.SAPWOOD_WERROR=ON --editable
NATIVE := pyproject.toml CMakeLists.txt $(wildcard cmake/*.cmake src/sapwood/*.cpp src/sapwood/*.h core/include/*.h \
	core/src/*.[ch] core/host/*.[ch] device/sim/*.[ch])
TYPED := $(wildcard src tests bench examples device)

.PHONY: help demo test test-all ctest bench bench-full bench-device device-size profile fuzz js js-demo lint format sdist clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/extension ## a short tour: make a patch, apply it, compare
	$(VENV)/bin/python examples/demo.py

BOARD ?= mps2-an385
.PHONY: device-demo
device-demo: $(VENV)/extension ## firmware in QEMU takes a patch by the link on its UART; BOARD=microbit and others
	$(VENV)/bin/python -m device.ports.cortex_m.demo --board $(BOARD) $(ARGS)

test: ctest $(VENV)/with-test ## C tests under sanitizers, then the quick Python tests
	$(VENV)/bin/python -m pytest -n 2 -m "not slow" $(ARGS)

test-all: ctest $(VENV)/with-test $(VENV)/with-torch $(VENV)/with-tflm $(VENV)/with-ray build/s3-servers ## everything: slow tests, torch, other processors under QEMU
	$(VENV)/bin/python -m pytest -n 2 $(ARGS)
	tests/cross/run.sh
	tests/cross/compilers.sh

ctest: $(VENV)/tools ## the C tests alone
	@mkdir -p build
	@cmake -S . -B build/ctest -G Ninja -DSAPWOOD_SANITIZE=AUTO -DSAPWOOD_BENCH=ON > build/ctest.log || { cat build/ctest.log; exit 1; }
	@cmake --build build/ctest
	@ctest --test-dir build/ctest --output-on-failure --no-tests=error

bench: $(VENV)/with-bench ## compare with the peers on small pairs
	$(VENV)/bin/python -m bench

bench-full: $(VENV)/with-bench ## compare with the peers on every pair
	$(VENV)/bin/python -m bench --full

bench-device: $(VENV)/with-bench ## compare patches for devices with the peers'
	$(VENV)/bin/python -m bench.device

device-size: $(VENV)/with-test ## code and memory of an update on Cortex-M, into docs/DEVICE_SIZE.md
	$(VENV)/bin/python -m tests.device.thumb.size --write docs/DEVICE_SIZE.md

profile: $(VENV)/with-bench ## where the time goes: cycles a weight, loop by loop
	$(VENV)/bin/python -m bench.profile

fuzz: $(VENV)/with-test ## mutants of patches, models and blocks; the property tests with many more examples
	$(VENV)/bin/python -m tests.fuzz.run --count 100000
	core/fuzz/run.sh 60 $(CURDIR)/$(VENV)/bin/python
	HYPOTHESIS_PROFILE=deep $(VENV)/bin/python -m pytest -n 2 -m hypothesis $(ARGS)

js: js/node_modules $(VENV)/with-test ## the package for browsers and Node: build and test it
	$(VENV)/bin/python -m pytest -rs tests/test_js.py $(ARGS)

js-demo: js/node_modules $(VENV)/extension ## a page that updates a model in the browser, at http://localhost:8080/
	cd js && npm run --silent build
	@mkdir -p build/js-demo
	$(VENV)/bin/sapwood diff examples/models/writer-bf16-base.safetensors examples/models/writer-bf16-tuned.safetensors \
		-o build/js-demo/update.swpatch
	node js/demo/serve.js examples/models/writer-bf16-base.safetensors build/js-demo/update.swpatch

js/node_modules: js/package-lock.json
	@scripts/check-js
	cd js && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

lint: $(VENV)/with-lint $(VENV)/with-test ## style, types and layers
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(TYPED)
	$(VENV)/bin/lint-imports --no-logo

format: $(VENV)/with-lint ## rewrite the Python sources in the common style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

sdist: $(VENV)/tools ## the source archive, in dist/
	$(PIP) install --quiet build
	$(VENV)/bin/python -m build --sdist

clean: ## remove all that make made, .venv too
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@scripts/check-machine $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/tools: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet cmake ninja $$($(VENV)/bin/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@touch $@

$(VENV)/extension: $(VENV)/tools $(NATIVE)
	$(INSTALL) .
	@touch $@

# What an extra lists, and not the extension again: a peer that comes as source needs an isolated build.
# In an environment of their own: what they need would replace what Sapwood is tested with.
build/s3-servers:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip --disable-pip-version-check install --quiet "ministack>=1.5" "moto[s3,server]>=5" || (rm -r $@; exit 1)

$(VENV)/with-%: pyproject.toml | $(VENV)/extension
	$(PIP) install --quiet $$($(VENV)/bin/python -c 'import sys, tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]])' $*)
	@touch $@
