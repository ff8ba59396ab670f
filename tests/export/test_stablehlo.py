"""StableHLO of every model: in a process without the code of models its logits are those of the model."""

import dataclasses

import model_cases as cases
import numpy as np
import pytest
from export_cases import differences
from model_cases import SCHEMA, SMALL

from autoint_jax.models import registry
from autoint_jax.schema import CATEGORICAL, NUMERIC, Batch, FieldSpec, Schema

ROWS = cases.batch(1000)
QUICK = ('lr', 'autoint', 'deepfm')
WIDE = Schema(
    (
        *(dataclasses.replace(field, embedding_dim=2 if field.name in 'ab' else None) for field in SCHEMA.fields),
        FieldSpec('c', CATEGORICAL, 13, embedding_dim=1),
    )
)
BINNED = Schema(
    tuple(
        dataclasses.replace(field, boundaries=(-2.0, -0.5, -0.5, 0.5, 2.0)) if field.kind == NUMERIC else field
        for field in SCHEMA.fields
    )
)


def wide_rows():
    return ROWS._replace(ids=np.column_stack([ROWS.ids, np.arange(1000) % 13]).astype(np.int32))


def others():
    """{name: a model with an option of its own kind, its schema, rows}."""
    options, numbers = cases.options, Schema(SCHEMA.fields[1:2])
    return {
        'widths': (SMALL['autoint'], WIDE, wide_rows()),
        'rule of widths': (options('deepfm', width_scale=0.7), SCHEMA, ROWS),
        'batch norm': (options('deepfm', deep_batch_norm=True), SCHEMA, ROWS),
        'authors': (options('autoint', variant='authors', deep_hidden=(7, 5)), SCHEMA, ROWS),
        'sum': (options('autoint', combiner='sum'), SCHEMA, ROWS),
        'numbers alone': (SMALL['fm'], numbers, Batch(ROWS.ids[:, :0], ROWS.numeric[:, :1], *ROWS[2:])),
        'ids alone': (SMALL['fm'], Schema(SCHEMA.fields[::4]), Batch(ROWS.ids[:, ::4], ROWS.numeric[:, :0], *ROWS[2:])),
        **{
            encoding: (options('autoint', numeric_encoding=encoding, numeric_bins=4), BINNED, ROWS)
            for encoding in ('buckets', 'piecewise_linear')
        },
        'periodic': (options('autoint', numeric_encoding='periodic'), SCHEMA, ROWS),
    }


def test_three_models_score_without_their_code(tmp_path):
    found = differences(tmp_path, {name: (SMALL[name], SCHEMA, ROWS) for name in QUICK})
    assert max(found.values()) <= 1e-6, found


@pytest.mark.slow
def test_every_model_scores_without_its_code(tmp_path):
    assert set(SMALL) == set(registry.MODELS)
    rows = cases.batch(100_000)
    found = differences(tmp_path, {name: (config, SCHEMA, rows) for name, config in SMALL.items()})
    assert {name: one for name, one in found.items() if one > 1e-5} == {}


@pytest.mark.slow
def test_options_of_models_score_without_their_code(tmp_path):
    found = differences(tmp_path, others())
    assert {name: one for name, one in found.items() if one > 1e-6} == {}


@pytest.mark.slow
def test_half_precision_agrees_as_far_as_it_rounds(tmp_path):
    found = differences(tmp_path, {'half': (cases.options('autoint', compute_dtype='bfloat16'), SCHEMA, ROWS)})
    assert found['half'] < 0.02
