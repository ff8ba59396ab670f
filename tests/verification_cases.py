"""What tests of damaged data share: prepared data, and how it is opened."""

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (
        FieldSpec('city', CATEGORICAL, 7),
        FieldSpec('age', NUMERIC),
        FieldSpec('tags', MULTIVALUED, 5, max_values=2),
        FieldSpec('hours', NUMERIC),
    )
)
ROWS = {'train': 101, 'valid': 13, 'test': 13}


def columns_of(rows, seed):
    """Returns random rows of SCHEMA; a number of the first row is missing."""
    rng = np.random.default_rng(seed)
    numeric = rng.random((rows, 2)).astype(np.float32)
    numeric[0, 1] = np.nan
    ids = np.concatenate([rng.integers(0, 7, (rows, 1)), rng.integers(0, 5, (rows, 2))], 1)
    return Columns(ids.astype(np.int32), numeric, rng.integers(0, 2, rows).astype(np.float32))


def written(tmp_path):
    """Returns prepared data of SCHEMA."""
    return write_prepared(
        tmp_path / 'csv' / 'mine',
        schema=SCHEMA,
        vocabularies={'city': Vocabulary(tuple('abcdef'))},
        splits={name: columns_of(rows, seed) for seed, (name, rows) in enumerate(ROWS.items())},
        description={'dataset': 'csv', 'recipe': 'mine'},
    )


def reopened(data):
    """Opens prepared data again, as a command does."""
    return open_prepared(data.folder.parents[1], 'csv', 'mine')
