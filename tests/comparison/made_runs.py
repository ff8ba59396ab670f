"""Run folders with made-up figures, written as training writes them."""

import json
import pathlib

import numpy as np

from autoint_jax import stored, stored_records
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint, identity_tree
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.run_folder.description import Description
from autoint_jax.training.run_folder.encoding import keep
from autoint_jax.training.run_folder.result import Result

HASH = 'ab' * 32
MODELS = ('lr', 'fm', 'autoint', 'dnn')
EPOCHS = 4


def figures(model: str, seed: int) -> dict[str, float]:
    """Returns figures of a model that depend on its name and the seed; later models are better."""
    place, rng = MODELS.index(model), np.random.default_rng((seed, 5))
    noise = rng.normal(0, 0.001) + np.random.default_rng((seed, place)).normal(0, 0.0005)
    return {'auc': 0.77 + 0.01 * place + noise, 'logloss': 0.45 - 0.01 * place - noise}


def write_run(
    folder: pathlib.Path,
    options: dict,
    seed: int,
    test: dict[str, float],
    *,
    data: PreparedData | None = None,
    data_hash: str = HASH,
    complete: bool = True,
    evaluated: bool = True,
) -> pathlib.Path:
    """Writes FOLDER with run.json, metrics.jsonl and result.json, and what it keeps of the data if this is given."""
    data_hash = data_hash if data is None else data.hash
    config = replace(Config(), {'data.dataset': 'csv', 'data.recipe': 'log', **options, 'seed': seed})
    folder.mkdir(parents=True)
    described = Description(
        fingerprint=fingerprint(config), config=identity_tree(config), data_hash=data_hash, starts=(), seed=seed
    )
    stored.write_json(folder / 'run.json', stored_records.to_json(described))
    valid = {name: value - 0.002 for name, value in test.items()}
    if evaluated:
        lines = [
            {'step': 10 * epoch, 'epoch': float(epoch), 'train_logloss': 0.5}
            | {f'valid_{name}': value * (1 - 0.01 * (EPOCHS - epoch)) for name, value in valid.items()}
            for epoch in range(1, EPOCHS + 1)
        ]
        (folder / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    if data is not None:
        keep(folder, data)
    if complete:
        result = Result(
            fingerprint=fingerprint(config),
            data_hash=data_hash,
            seed=seed,
            test=test,
            valid=valid,
            best_step=30,
            best_epoch=3.0,
            steps=40,
            epochs=4.0,
            parameters=7,
            embedding_parameters=70,
            first_step_seconds=1.0,
            train_seconds=30.0,
            train_rows_per_second=1000.0,
        )
        stored.write_json(folder / 'result.json', stored_records.to_json(result))
    return folder


def write_data(folder: pathlib.Path, ids: int, positive: int = 2) -> PreparedData:
    """Writes prepared data of five rows a split: with so many ids, and so many positive rows."""
    rows = np.arange(5)
    columns = Columns(
        (rows % ids).astype(np.int32)[:, None], np.zeros((5, 0), np.float32), (rows < positive).astype(np.float32)
    )
    schema = Schema((FieldSpec('a', CATEGORICAL, ids),))
    description = {'dataset': 'csv', 'recipe': folder.name}
    return write_prepared(
        folder, schema=schema, vocabularies={}, splits=dict.fromkeys(SPLITS, columns), description=description
    )


def models_and_seeds(folder: pathlib.Path, seeds: int = 6) -> list[pathlib.Path]:
    """Writes a run of each model with each seed."""
    return [
        write_run(folder / f'{model}_{seed}', {'model.name': model}, seed, figures(model, seed))
        for model in MODELS
        for seed in range(seeds)
    ]
