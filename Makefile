PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: train test test-slow bench install

# The quick start: MovieLens-100k, prepared, trained, evaluated. RAW_DIR=folder uses files you already have.
train: $(INSTALLED)
	$(BIN)/python scripts/prepare_data.py --dataset=movielens_100k $(if $(RAW_DIR),--raw_dir=$(RAW_DIR))
	$(BIN)/python scripts/train.py --config=movielens_100k_autoint

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

# Every suite that a CPU can run, recorded in results/benchmarks/; about twenty minutes on an otherwise idle machine.
# PEER='COMMAND' is measured beside the step on the ml1m shape.
RECORD = --record=results/benchmarks
bench: $(INSTALLED)
	$(BIN)/python scripts/benchmark.py --suite=step --shape=ml1m $(if $(PEER),--peer='$(PEER)') $(RECORD)/step_ml1m.json
	$(BIN)/python scripts/benchmark.py --suite=step --shape=criteo $(RECORD)/step_criteo.json
	$(BIN)/python scripts/benchmark.py --suite=inference --shape=ml1m $(RECORD)/inference_ml1m.json
	$(BIN)/python scripts/benchmark.py --suite=inference --shape=criteo $(RECORD)/inference_criteo.json
	$(BIN)/python scripts/benchmark.py --suite=epoch --shape=ml1m $(RECORD)/epoch_ml1m.json
	$(BIN)/python scripts/benchmark.py --suite=epoch --shape=criteo --windows=1 $(RECORD)/epoch_criteo.json
	$(BIN)/python scripts/benchmark.py --suite=table_growth $(RECORD)/table_growth.json
	$(BIN)/python scripts/benchmark.py --suite=batch_growth $(RECORD)/batch_growth_ml1m.json
	$(BIN)/python scripts/benchmark.py --suite=replicas $(RECORD)/replicas_ml1m.json
	$(BIN)/python scripts/benchmark.py --suite=data --shape=criteo $(RECORD)/data_criteo.json

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $(INSTALLED)
