PYTHON ?= python3
# Another build of torch, for example TORCH="torch==2.13.0 --index-url URL".
TORCH ?= torch==2.13.0
BIN = .venv/bin

.PHONY: setup demo test docs browser postgres lint types bench-ablation bench-adaptation bench-demo bench-evaluate bench-import bench-language bench-models bench-modalities bench-peers bench-page bench-prompts bench-serve

setup: .venv/.ready  ## make .venv and install promptrec into it

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[dev,content,language,postgres]'
	touch $@

demo: setup  ## fetch MovieLens-100K, train, tune, evaluate and serve
	$(BIN)/promptrec demo

test: setup browser postgres  ## set up and run all tests
	$(BIN)/python -m pytest

browser:  # the browser tests need Debian's chromium; CI installs it, elsewhere they skip when it is missing
	@if [ -n "$$CI" ] && [ ! -x /usr/bin/chromium ]; then apt-get update -qq && apt-get install -qq -y chromium; fi

postgres:  # the event store's tests start a PostgreSQL server of their own; CI installs it, elsewhere they skip without it
	@if [ -n "$$CI" ] && [ ! -d /usr/lib/postgresql ]; then apt-get update -qq && apt-get install -qq -y postgresql; fi

docs: setup  ## every verb and option has its page, links lead somewhere
	$(BIN)/python -m pytest tests/test_pages_of_verbs.py

lint: setup  ## style and the direction of imports
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: setup  ## mypy, strict
	$(BIN)/mypy

CELLS ?=
bench-adaptation: setup  ## prompts against what could replace them, cell by cell (CELLS=--short), into bench/results/adaptation.json
	$(BIN)/python bench/adaptation.py $(CELLS)

SEEDS ?= 0 1 2 3 4
bench-demo: setup  ## the demo over five seeds, into bench/results/demo.json
	$(BIN)/python bench/demo.py $(SEEDS)

EVALUATE ?= beauty million
bench-evaluate: setup  ## time and memory of evaluation, into bench/results/evaluate.json
	$(BIN)/python bench/evaluate.py $(EVALUATE)

bench-import: setup  ## imports of 1, 3 and 10 million events, into bench/results/import.json
	$(BIN)/python bench/import.py

bench-models: setup bench-peers  ## the general model beside its peers, part by part (PART=...), into bench/results/models.json
	$(BIN)/python bench/models.py $(PART)

bench-ablation: setup  ## what each choice of the sequence backbone is worth, into bench/results/ablation.json
	$(BIN)/python bench/ablation.py

bench-modalities: setup  ## titles, overviews and posters, alone and together, part by part (PART=...), into bench/results/modalities.json
	$(BIN)/python bench/modalities.py $(PART)

PEERS = bench/.venvs
# RecBole pins a Ray that is gone; its own requirements without it.
RECBOLE = 'pandas<3' scipy tqdm colorlog==4.7.2 colorama scikit-learn pyyaml tensorboard thop tabulate plotly texttable psutil setuptools
bench-peers: $(PEERS)/.ready  ## RecTools and RecBole, each in an environment of its own

$(PEERS)/.ready:
	$(PYTHON) -m venv $(PEERS)/rectools
	$(PEERS)/rectools/bin/python -m pip install --quiet $(TORCH)
	$(PEERS)/rectools/bin/python -m pip install --quiet 'rectools[torch]==0.19.0' 'numpy<2'
	$(PYTHON) -m venv $(PEERS)/recbole
	$(PEERS)/recbole/bin/python -m pip install --quiet $(TORCH)
	$(PEERS)/recbole/bin/python -m pip install --quiet 'numpy<2' $(RECBOLE)
	$(PEERS)/recbole/bin/python -m pip install --quiet --no-deps recbole==1.2.1
	touch $@

bench-language: setup  ## prompts inside language models, part by part (LANGUAGE=...), into bench/results/language.json
	$(BIN)/python bench/language.py $(LANGUAGE)

bench-page: setup  ## how fast, heavy and accessible the page is, into bench/results/page.json
	$(BIN)/python bench/page.py

bench-prompts: setup  ## what prompts cost and reach on MovieLens-1M, into bench/results/prompts.json
	$(BIN)/python bench/prompts.py

bench-serve: setup  ## the service's goals, part by part, into bench/results/serve.json
	$(BIN)/python bench/serve.py
