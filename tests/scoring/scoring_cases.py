"""A tiny run on a table with every kind of field and transform, and its scores of files."""

import pathlib
from typing import NamedTuple

import polars as pl

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.datasets import registry
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.scoring.inputs import input_files
from autoint_jax.scoring.output import scores_file
from autoint_jax.scoring.predictor import Predictor
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Silent
from autoint_jax.training.trained import TrainedRun, open_scorer

TINY = {
    'model.name': 'fm',
    'model.embedding_dim': 5,
    'training.batch_size': 97,
    'training.epochs': 1,
    'optimizer.learning_rate': 0.1,
}


class Said(SilentPreparation):
    """A listener that keeps the sentences."""

    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)


class Scored(NamedTuple):
    """The scores of an input, what was said about it, and what scored it."""

    table: pl.DataFrame
    said: list[str]
    predictor: Predictor


def prepared_own(folder: pathlib.Path, declaration: pathlib.Path) -> PreparedData:
    """Prepares a table in FOLDER/prepared."""
    return registry.prepare_own(declaration, None, folder / 'prepared', registry.Options(0.01))


def trained(folder: pathlib.Path, data: PreparedData, **options) -> TrainedRun:
    """Trains a tiny run on data, and opens it without the data."""
    wanted = {'data.dataset': data.manifest['dataset'], 'data.recipe': data.manifest['recipe'], **TINY, **options}
    fit(replace(Config(), wanted), data, folder / 'run', Silent())
    return open_scorer(folder / 'run', 'gone', None)


def scored(run: TrainedRun, path, keep=(), max_bad_share=0.001, output='scores.parquet') -> Scored:
    """Scores an input, by way of a file of scores."""
    predictor, said = Predictor(run, keep, max_bad_share), Said()
    path = pathlib.Path(path)
    target = (path if path.is_dir() else path.parent).parent / output
    with input_files(str(path), predictor.encoder.plan) as rows:
        with scores_file(str(target), predictor.empty()) as write:
            for scores in predictor.scores(rows.paths, said):
                write(scores)
    types = {'logit': pl.Float32, 'probability': pl.Float32}
    table = pl.read_csv(target, schema_overrides=types) if target.suffix == '.csv' else pl.read_parquet(target)
    return Scored(table, said.sentences, predictor)
