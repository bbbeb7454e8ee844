# Everything runs in .venv. It is made on first use, installed into again when setup.cfg or
# pyproject.toml change, and made anew when it does not run (any more), when the checkout
# has moved, or when another PYTHON is asked for.
#
#   make demo PYTHON=python3.12       the Python that .venv is made with
#   make demo DEMO='--units 64'       other options for the demo's training

PYTHON ?=
DEMO = --units 128

CHARGEN = .venv/bin/chargen
# editable_mode=compat: with the other one, `import chargen` from the folder that holds a
# clone called chargen would find the clone and not the package.
INSTALL = .venv/bin/python -m pip install -q --disable-pip-version-check --no-compile \
  --config-settings editable_mode=compat -e
# On all cores, which pip does not do. Some packages hold files that no Python 3 compiles.
COMPILE = .venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
# Prints the version of a Python that TensorFlow supports and that can make .venv. Each
# candidate is run, not just looked up: a pyenv shim may be on the PATH and lead nowhere.
SUITABLE = import ensurepip, platform, sys, venv; \
  ok = (3, 11) <= sys.version_info < (3, 14) and sys.implementation.name == "cpython"; \
  print(platform.python_version()) if ok else sys.exit(1)

.PHONY: help demo test test-slow test-all lint bundled canary FORCE
.NOTPARALLEL:

help:
	@echo 'make demo      train on a bundled play for a minute, and write in its style'
	@echo 'make test      run the fast tests'
	@echo 'make test-slow run the tests that take long, and nothing else'
	@echo 'make test-all  run all tests, and measure what they cover'
	@echo 'make lint      run ruff and mypy'
	@echo 'make bundled   train anew what ships in checkpoints/bundled'
	@echo 'make canary    run the fast tests on the newest TensorFlow, Keras and NumPy'

# The generated text goes to stdout, all else to stderr: make demo > play.txt
demo: .venv/demo
	@$(CHARGEN) train harbour-plays --for 1m --out checkpoints/demo --overwrite $(DEMO) >&2
	@echo >&2
	@$(CHARGEN) sample checkpoints/demo --length 1500 --seed 1 --temperature 0.7
	@{ echo; echo 'To go on:'; \
	echo '  $(CHARGEN) sample checkpoints/demo --seed-text "PELL:"'; \
	echo '  $(CHARGEN) train harbour-plays --out checkpoints/demo --resume --for 5m'; \
	echo '  $(CHARGEN) train YOUR-FILE.txt'; } >&2

test: .venv/test
	@.venv/bin/python -m pytest -n auto --dist loadgroup -m 'not slow'

test-slow: .venv/test
	@.venv/bin/python -m pytest -n auto --dist loadgroup -m slow

# The floor of the coverage stands in setup.cfg.
test-all: .venv/dev
	@.venv/bin/python -m pytest -n auto --dist loadgroup --cov --cov-report=term:skip-covered

lint: .venv/dev
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python -m mypy

canary: .venv/test
	@.venv/bin/python .ci/canary.py

bundled: .venv/demo
	@.venv/bin/python checkpoints/bundle.py

.venv/demo: .venv/made setup.cfg pyproject.toml
	@echo 'installing chargen and TensorFlow into .venv: this takes a minute or two' >&2
	@$(INSTALL) . >&2
	@$(COMPILE)
	@touch $@

.venv/test: .venv/made setup.cfg pyproject.toml
	@echo 'installing chargen, TensorFlow and what the tests need into .venv' >&2
	@$(INSTALL) '.[test]' >&2
	@$(COMPILE)
	@touch .venv/demo $@

.venv/dev: .venv/made setup.cfg pyproject.toml
	@echo 'installing chargen, TensorFlow and the development tools into .venv' >&2
	@$(INSTALL) '.[dev]' >&2
	@$(COMPILE)
	@touch .venv/demo .venv/test $@

# Holds the folder that .venv was made in: an environment that was copied along with a
# checkout would run the code of the old one. Touched only when .venv is new.
.venv/made: FORCE
	@here=$$(pwd -P); made=$$(cat $@ 2>/dev/null || echo "$$here"); \
	have=$$(.venv/bin/python -c 'import pip; $(SUITABLE)' 2>/dev/null); \
	if [ "$$have" ] && [ "$$made" = "$$here" ] && [ -z '$(PYTHON)' ]; then \
	  test -f $@ || echo "$$here" > $@; exit; \
	fi; \
	set -- '$(PYTHON)'; test "$$1" || set -- python3.13 python3.12 python3.11 python3; \
	for python do \
	  found=$$("$$python" -c '$(SUITABLE)' 2>/dev/null) && break; \
	done; \
	if [ -z "$$found" ]; then \
	  { echo "no suitable Python found (tried: $$*). chargen needs CPython 3.11, 3.12 or"; \
	    echo "3.13 with venv and ensurepip (on Debian and Ubuntu: python3-venv). Say"; \
	    echo "which one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; } >&2; exit 1; \
	fi; \
	if [ "$$have" = "$$found" ] && [ "$$made" = "$$here" ]; then \
	  test -f $@ || echo "$$here" > $@; exit; \
	fi; \
	echo "making .venv with $$python ($$found)" >&2; \
	"$$python" -m venv --clear .venv >&2 && echo "$$here" > $@
