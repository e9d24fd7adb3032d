# make studio              set up and open the studio in the browser
# make avatar TEXT="..."   set up and draw        make test       set up and run the tests
# make docs                the documentation site, into build/docs
# make test-all            the tests that need Debian packages     make check      lint and types
# make lorelei             the model lorelei from nothing: data, judge, training, export, obedience (days on a laptop)
PYTHON ?= python3
COUNT ?= 6
SEED ?= 0
OUT ?= avatars
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export TEXT

.PHONY: studio avatar test test-all check docs lorelei wheel clean

avatar: .venv/draw.done
	@if [ -z "$$TEXT" ]; then echo 'say what to draw: make avatar TEXT="long silver hair, red eyes"' >&2; exit 2; fi
	@$(BIN)/konomi draw --count $(COUNT) --seed $(SEED) --out "$(OUT)" -- "$$TEXT"

studio: .venv/studio.done
	@$(BIN)/konomi studio

test: .venv/test.done
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-all: .venv/test.done
	@sh scripts/debian.sh
	$(BIN)/python -m pytest -q -m slow

check: .venv/test.done
	$(BIN)/ruff check src tests benchmarks docs examples
	$(BIN)/ruff format --check src tests benchmarks docs examples
	$(BIN)/mypy

docs: .venv/docs.done
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo build/docs/index.html

# every step goes on where it was stopped
lorelei: .venv/test.done
	@test -f runs/data/lorelei/stage.json || $(BIN)/konomi dataset synthetic runs/data/lorelei --style lorelei --count 20000
	@test -f runs/lorelei-tagger/tagger.onnx || $(BIN)/konomi train recipes/lorelei-tagger.toml
	@$(BIN)/python benchmarks/lorelei.py tagger runs/data/lorelei runs/lorelei-tagger/tagger.onnx
	@$(BIN)/konomi train recipes/lorelei.toml
	@$(BIN)/konomi export runs/lorelei runs/lorelei.onnx --average 5 --licence "CC0 1.0"
	@$(BIN)/python benchmarks/lorelei.py model runs/lorelei.onnx runs/lorelei-tagger/tagger.onnx

wheel: .venv/test.done
	$(BIN)/python -m build --wheel

clean:
	rm -rf .venv dist build src/*.egg-info

.venv/made.done:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Konomi needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 ...")'
	@echo "setting up .venv (once; a minute or so, some 350 MB)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/draw.done: .venv/made.done pyproject.toml
	@$(PIP) --editable .
	@touch $@

.venv/studio.done: .venv/made.done pyproject.toml
	@$(PIP) --editable '.[web]'
	@touch $@ .venv/draw.done

# the pages are made from the commands, and from the functions of taste
.venv/docs.done: .venv/made.done pyproject.toml
	@$(PIP) --editable '.[docs]'
	@touch $@ .venv/draw.done

.venv/test.done: .venv/made.done pyproject.toml
	@echo "installing what the tests, the training and the data tools need (PyTorch is large)"
	@$(PIP) torch==2.13.0
	@$(PIP) --editable '.[train,data,web,survey,docs,dev]'
	@touch $@ .venv/draw.done .venv/docs.done
