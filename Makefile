PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: train test test-slow install

# The quick start: MovieLens-100k, prepared, trained, evaluated. RAW_DIR=folder uses files you already have.
train: $(INSTALLED)
	$(BIN)/python scripts/prepare_data.py --dataset=movielens_100k $(if $(RAW_DIR),--raw_dir=$(RAW_DIR))
	$(BIN)/python scripts/train.py --config=movielens_100k_autoint

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $(INSTALLED)
