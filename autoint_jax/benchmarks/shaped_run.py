"""A whole run of AutoInt on made-up data that has the shape of MovieLens-1M, and whose best possible AUC is known."""

import pathlib
import tempfile

import numpy as np

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.epoch import Clock, prepared
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.shapes import SHAPES, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.ranking import auc
from autoint_jax.schema import Schema
from autoint_jax.training.loop import fit

ROWS = 739_012  # of MovieLens-1M, as the paper prepares it; eight in ten are for training
QUICK_ROWS = 2_000
PAIRED = 2  # the values of an id that interact with those of other fields


def learnable(schema: Schema, columns: Columns, seed: int) -> tuple[Columns, np.ndarray]:
    """Returns rows with labels that follow their ids, and the logit from which each label was drawn.

    A logit is a sum over fields of an effect of the id, and over pairs of fields of a product of values of both ids, so
    that a model of interactions is needed.

    Args:
      schema: categorical fields.
      columns: the rows.
      seed: of effects and labels.
    """
    rng, fields = np.random.default_rng(seed), len(schema.fields)
    effects, pairs = np.zeros(len(columns)), np.zeros((len(columns), PAIRED))
    squares = np.zeros(len(columns))
    for field, spec in enumerate(schema.fields):
        ids = columns.ids[:, field]
        effects += rng.normal(0, 0.5, spec.cardinality)[ids]
        values = rng.normal(0, 0.5, (spec.cardinality, PAIRED))[ids]
        pairs, squares = pairs + values, squares + (values**2).sum(1)
    logits = effects / fields**0.5 + ((pairs**2).sum(1) - squares) / 2 - 1
    labels = rng.random(len(columns)) < 1 / (1 + np.exp(-logits))
    return Columns(columns.ids, columns.numeric, labels.astype(np.float32)), logits


def shaped_run(config: Config, *, epochs: int, quick: bool) -> Outcome:
    """Trains and tests a run, with evaluations and checkpoints, as scripts/train.py does.

    Args:
      config: its configuration; the sums of a GPU are in one order, as they are by default.
      epochs: the epochs of the run.
      quick: whether it has few rows.
    """
    rows = QUICK_ROWS if quick else ROWS
    schema, columns = made_up(SHAPES['ml1m'], rows, seed=3)
    columns, logits = learnable(schema, columns, seed=4)
    train_rows = rows * 8 // 10
    tested = slice((train_rows + rows) // 2, rows)
    best = auc(logits[tested].astype(np.float32), columns.labels[tested])
    config = replace(config, {'training.epochs': epochs, 'execution.deterministic': True})
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(pathlib.Path(folder) / 'data', schema, columns, train_rows)
        result = fit(config, data, pathlib.Path(folder) / 'run', clock)
    epoch_steps = result.steps // epochs
    ended = dict(clock.ended)
    seconds = (ended[result.steps] - ended[epoch_steps]) / (epochs - 1)  # the first epoch compiles
    figures = {
        'rows': rows,
        'train_rows': train_rows,
        'epochs': epochs,
        'batch': config.training.batch_size,
        'tables': config.optimizer.tables,
        'dtype': config.model.compute_dtype,
        'first_step_seconds': result.first_step_seconds,
        'train_seconds': result.train_seconds,
        'epoch_seconds': seconds,
        'rows_per_second': train_rows / seconds,
        'test_auc': result.test['auc'],
        'test_logloss': result.test['logloss'],
        'best_possible_auc': best,
    }
    lines = report.table(
        ['', 'of'],
        [
            (f'{figures["first_step_seconds"]:.1f} s', 'start-up and compilation, to the first step'),
            (f'{seconds:.2f} s', f'an epoch of {train_rows:,} rows with evaluation and checkpoint'),
            (f'{figures["rows_per_second"]:,.0f}', 'rows/s over these epochs'),
            (f'{figures["test_auc"]:.4f}', f'test AUC; the true logits have {best:.4f}'),
        ],
    )
    return Outcome(lines, figures)
