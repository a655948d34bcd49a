# make report [WEIGHTS=imagenet|DIR]   the whole paper on the embedded synthetic cohort, as a book
# make test                            the tests, and the notebooks against their published outputs
# make lint | format | notebooks | chromium | long | coverage | jax | links | soak | audit | review | setup | clean
#
# Each target sets itself up in .venv; a machine needs Python 3.11 to 3.13, make and git. PYTHON names
# the one that .venv is made of.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.done

# Quiet and repeatable, as a run sets it for its notebooks.
export TF_CPP_MIN_LOG_LEVEL := 3
export TF_ENABLE_ONEDNN_OPTS := 1
export TF_FORCE_GPU_ALLOW_GROWTH := true
export PYTHONHASHSEED := 0
# Where this is set, every process would compile again all that it imports, for many seconds.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup report test chromium lint format notebooks long coverage jax links soak audit review clean

help:
	@sed -n '1,3s/^# //p' Makefile

setup: $(STAMP)

# The lock holds the processor's TensorFlow; with an NVIDIA driver, CUDA's takes its place, at the
# same version and beside the same pins.
# Python compiles what is imported when it first is; pip would compile everything.
$(STAMP): requirements.lock pyproject.toml
	@python=; for candidate in $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python); do \
	    if "$$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	    then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Found no Python 3.11, 3.12 or 3.13 with venv on PATH; install one (on Debian: python3.11 and python3.11-venv)." >&2; \
	    exit 2; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version); the first time takes some minutes."; \
	if ! $(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    "$$python" -m venv --clear $(VENV); \
	fi
	@# The lock is complete, and pip uses one core: half of the packages each for two of them.
	@awk -v into=$(VENV) '/^[a-z]/ {odd = !odd} {print > (into "/" (odd ? "odd" : "even") ".lock")}' requirements.lock
	@install() { $(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes -r "$(VENV)/$$1.lock"; }; \
	install odd & failed=0; install even || failed=$$?; wait $$! && exit $$failed
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@if nvidia-smi >/dev/null 2>&1; then \
	    version=$$(sed -n 's/^tensorflow-cpu==\([^ ]*\).*/\1/p' requirements.lock); \
	    echo "Found an NVIDIA driver: adding CUDA for TensorFlow $$version."; \
	    sed -n '/^tensorflow/d; s/^\([A-Za-z0-9][^ ]*==[^\\]*\).*/\1/p' requirements.lock > $(VENV)/pins.txt; \
	    $(BIN)/python -m pip uninstall --quiet --yes tensorflow-cpu; \
	    $(BIN)/python -m pip install --quiet -c $(VENV)/pins.txt "tensorflow[and-cuda]==$$version"; \
	fi
	@touch $@

report: $(STAMP)
	$(BIN)/boneage run demo $(if $(WEIGHTS),--weights "$(WEIGHTS)")

# The notebooks read what the run has just made, and write the same again, so two go side by side.
# By their number of tests, files of few and long ones would come last, and one core would wait.
test: $(STAMP)
	$(MAKE) --no-print-directory -j 2 lint chromium
	$(BIN)/pytest -rs -m "not long" -n 2 --dist loadfile --no-loadscope-reorder tests --ignore tests/run
	$(BIN)/boneage run demo
	$(BIN)/pytest -rs -n 2 --dist loadfile --no-loadscope-reorder -W default --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks
	$(BIN)/pytest -rs -m "not long" -n 2 --dist loadfile --no-loadscope-reorder tests/run

chromium:
	tests/run/install_chromium.sh

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy boneage_lib
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

# Run the demo and keep its executed notebooks in the checkout.
notebooks: $(STAMP)
	$(BIN)/boneage run demo
	$(BIN)/boneage publish

# The tests that make test leaves out.
long: $(STAMP) chromium
	$(BIN)/pytest -rs -m long tests --ignore tests/run
	$(BIN)/boneage run demo
	$(BIN)/pytest -rs -m long tests/run

# Which lines and branches of the library no test runs; fails below 95 % of lines, 90 of branches.
coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -rs -n 2 --dist loadfile --no-loadscope-reorder tests --ignore tests/run
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/python tools/check_coverage.py

# The tests that depend on no backend, with Keras on JAX; tests/backend_bound.txt names the others.
jax: $(STAMP)
	KERAS_BACKEND=jax JAX_PLATFORMS=cpu $(BIN)/pytest -rs -n 2 --dist loadfile --no-loadscope-reorder $$(sed '/^#/d; s/^/--deselect /' tests/backend_bound.txt) tests --ignore tests/run

# Whether addresses outside the book still answer; needs the run's book and a network.
links: $(STAMP)
	$(BIN)/jupyter-book build runs/demo/book --builder linkcheck --path-output runs/demo/links

# With them faults planted in the code, files made to mislead, and whole runs disturbed at every
# stage: two hours; by the superuser, who may mount a small disk.
soak: long
	$(BIN)/python tests/soak/plant_faults.py --out results/soak/planted.csv
	$(BIN)/python tests/soak/fuzz_prepare.py --out results/soak/fuzz.csv 2> /dev/null
	$(BIN)/python tests/soak/survive_faults.py --out runs/soak

# Whether a pin that this Python would install has a known weakness; needs a network. The judge lives
# apart, so that it changes nothing in what it judges.
audit: $(STAMP)
	$(BIN)/python -m venv --clear build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	build/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

# Ask the registry again for what book/dependencies.csv says of each direct dependency.
review: $(STAMP)
	$(BIN)/python -m venv --clear build/review
	build/review/bin/python -m pip install --quiet uv
	$(BIN)/python tools/review_dependencies.py build/review/bin/uv

# Caches and build folders only. runs/ holds results that took long and is never touched.
clean:
	rm -rf _build build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find boneage_lib tests notebooks benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@echo "Kept runs/ and $(VENV)/; delete them by hand to start from nothing."
