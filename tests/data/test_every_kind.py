"""The generated table with every kind of field declares each kind and transform once at least."""

import polars as pl
import yaml

from autoint_jax.data.datasets import registry
from autoint_jax.data.encoding.plan import ID_TRANSFORMS, NUMERIC_TRANSFORMS
from autoint_jax.data.generated.every_kind import NAME, PART, PARTS, every_kind
from autoint_jax.schema import KINDS


def test_every_kind_and_transform_is_there(tmp_path):
    path = every_kind(tmp_path / 'raw', 500, 3)
    declared = yaml.safe_load(path.read_text())['fields']
    assert {field.get('kind', 'categorical') for field in declared} == set(KINDS)
    transforms = {field.get('transform', 'none') for field in declared}
    assert {*NUMERIC_TRANSFORMS, *ID_TRANSFORMS} <= transforms
    table = pl.read_csv(path.with_suffix('.csv'), infer_schema=False)
    assert set(table[PART]) == {value for values in PARTS.values() for value in values}
    assert table.equals(pl.read_csv(every_kind(tmp_path / 'again', 500, 3).with_suffix('.csv'), infer_schema=False))
    data = registry.prepare_own(path, None, tmp_path / 'prepared', registry.Options(0.0))
    assert data.manifest['recipe'] == NAME and len(data.split('valid')) == int((table[PART] == 'c').sum())
