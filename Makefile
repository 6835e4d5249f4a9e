# Two commands: `make demo` shows what this is, `make test` shows that it holds. Each makes its own environment.
# `make demo HEADLESS=DIR` writes pictures to DIR and installs a tenth of what the work bench needs.
PYTHON ?= python3.11
VENV ?= .venv
TORCH ?= torch==2.13.0
HEADLESS ?=
PY := $(VENV)/bin/python
# Two processes on two cores: one thread each. A file is one process's; tests/conftest.py orders them.
XDIST := -n 2 --dist loadfile --no-loadscope-reorder
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest $(XDIST)
# Twice quiet: errors only.
QUIET := -qq --disable-pip-version-check
PIP := $(PY) -m pip install $(QUIET) -c constraints.txt

# Tests start hundreds of processes: each would compile anew all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test quick check bench slicer-zip test-full test-numpy2 clean

demo: $(VENV)/$(if $(HEADLESS),.run,.bench)
	$(VENV)/bin/asap demo $(if $(HEADLESS),--headless "$(HEADLESS)")

serve: $(VENV)/.server
	$(VENV)/bin/asap serve

# Installs and checks are one process each: two at a time, and the smaller environment's tests do not wait for the larger one.
test:
	$(MAKE) -j2 --output-sync=target check test-numpy2
	$(PYTEST) -m "not long"

quick: $(VENV)/.dev
	$(PYTEST) -m "not slow and not long"

test-full: $(VENV)/.dev check
	$(PYTEST)

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pip install -qq --dry-run --disable-pip-version-check -c constraints.txt "$(TORCH)" -e ".[dev]"
	$(PY) -m pip check

# The Slicer module as a folder to add in Slicer's settings, with the client beside it.
slicer-zip: $(VENV)/.dev
	$(PY) AsapSlicerModule/make_zip.py

bench: $(VENV)/.dev
	$(PY) -m tests.benchmarks

# The package without the server must also pass with numpy 2 and pydicom 3.
test-numpy2: .venv-numpy2/.ready
	OMP_NUM_THREADS=1 .venv-numpy2/bin/python -m pytest $(XDIST) -m "not slow and not long" tests/io tests/text tests/inference

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) "$(TORCH)" -e ".[dicom]"
	touch $@

$(VENV)/.server: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) "$(TORCH)" -e ".[server]"
	touch $@ $(VENV)/.run

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) "$(TORCH)" -e ".[server,viewer]"
	touch $@ $(VENV)/.run $(VENV)/.server

# Server and viewer included: MONAI Label alone brings 150 packages.
$(VENV)/.dev: pyproject.toml training/pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) "$(TORCH)" -e ".[dev]" -e ./training
	touch $@ $(VENV)/.run $(VENV)/.server $(VENV)/.bench

.venv-numpy2/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-numpy2
	grep -v -E '^(numpy|pydicom|pylibjpeg-openjpeg|highdicom)==' constraints.txt > .venv-numpy2/constraints.txt
	.venv-numpy2/bin/python -m pip install $(QUIET) -c .venv-numpy2/constraints.txt \
		"$(TORCH)" numpy==2.4.6 pydicom==3.0.2 pylibjpeg-openjpeg==2.6.0 highdicom==0.28.2 monai -e ".[dev-core]" -e ./training
	touch $@

clean:
	rm -rf $(VENV) .venv-numpy2 asap-demo
