PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help train lint test test-slow bench gpu install

help:
	@echo 'make train      environment, MovieLens-100k, training, test AUC and logloss; RAW_DIR=FOLDER uses files that you have'
	@echo 'make lint       environment, ruff, formatting and types'
	@echo 'make test       environment, fast tests'
	@echo 'make test-slow  the tests that take minutes each'
	@echo 'make bench      every benchmark that a CPU can run, about forty minutes; PEER="COMMAND" is measured beside it'
	@echo 'make gpu        checks and measures a GPU in less than eight minutes; PYTHON=python3 names one that has JAX for CUDA'
	@echo 'make install    environment only, in .venv'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python of the environment: 3.11, 3.12 or 3.13.'
	@echo 'Begin with "make train". README.md then shows six tasks, from the tables of the paper to a table of your own.'

# The quick start: MovieLens-100k, prepared, trained, evaluated. RAW_DIR=folder uses files you already have.
train: $(INSTALLED)
	$(BIN)/python scripts/prepare_data.py --dataset=movielens_100k $(if $(RAW_DIR),--raw_dir=$(RAW_DIR))
	$(BIN)/python scripts/train.py --config=movielens_100k_autoint

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

# Every suite that a CPU can run, recorded in results/benchmarks/; about forty minutes on an otherwise idle machine.
# PEER='COMMAND' is measured beside steps and scoring; it gets --shape, --batch, --mode and --windows.
BENCHMARK = $(BIN)/python scripts/benchmark.py --record=results/benchmarks
beside = $(if $(PEER),--peer='$(PEER) --shape $(1) --batch $(2) --mode $(3) --windows 1')
bench: $(INSTALLED)
	$(BENCHMARK)/step_ml1m_1024.json --suite=step --shape=ml1m $(call beside,ml1m,1024,step)
	$(BENCHMARK)/step_criteo_1024.json --suite=step --shape=criteo $(call beside,criteo,1024,step)
	$(BENCHMARK)/step_ml1m_8192.json --suite=step --shape=ml1m --batch=8192 $(call beside,ml1m,8192,step)
	$(BENCHMARK)/step_criteo_8192.json --suite=step --shape=criteo --batch=8192 $(call beside,criteo,8192,step)
	$(BENCHMARK)/shapes.json --suite=shapes --windows=3
	$(BENCHMARK)/models_ml1m.json --suite=models --shape=ml1m --windows=3
	$(BENCHMARK)/models_criteo.json --suite=models --shape=criteo --windows=3
	$(BENCHMARK)/inference_ml1m_8192.json --suite=inference --shape=ml1m $(call beside,ml1m,8192,infer)
	$(BENCHMARK)/inference_criteo_8192.json --suite=inference --shape=criteo $(call beside,criteo,8192,infer)
	$(BENCHMARK)/epoch_ml1m.json --suite=epoch --shape=ml1m
	$(BENCHMARK)/epoch_criteo.json --suite=epoch --shape=criteo --windows=1
	$(BENCHMARK)/table_growth.json --suite=table_growth
	$(BENCHMARK)/batch_growth_ml1m.json --suite=batch_growth --shape=ml1m
	$(BENCHMARK)/batch_growth_criteo.json --suite=batch_growth --shape=criteo --batches=256,1024,4096
	$(BENCHMARK)/replicas_ml1m.json --suite=replicas
	$(BENCHMARK)/data_criteo.json --suite=data --shape=criteo

# Checks and measures the GPU of this machine, in less than eight minutes. It needs no network and installs nothing: it
# takes $(PYTHON) if that has JAX, Flax, Optax, Orbax and absl, else the environment. Each part is recorded when it is
# done. QUICK=1 is small, and runs on a CPU too.
GPU_RECORD ?= $(if $(QUICK),runs/gpu_quick.json,results/benchmarks/gpu.json)
gpu:
	@for chosen in $(PYTHON) $(BIN)/python ''; do \
	  "$$chosen" -c 'import absl, flax, jax, optax, orbax.checkpoint' 2>/dev/null && break; done; \
	if [ -z "$$chosen" ]; then \
	  echo 'error: $(PYTHON) has no JAX, Flax, Optax, Orbax and absl: name another by PYTHON=, or give "make install"' >&2; \
	  exit 2; fi; \
	PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}" "$$chosen" scripts/benchmark.py --suite=gpu \
	  --record=$(GPU_RECORD) $(if $(QUICK),--quick --windows=1 --seconds=0.01)

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $(INSTALLED)
