"""Rows of MovieLens as a table: the folder of raw files, and a file that joins them, encode to the prepared columns."""

import dataclasses

import numpy as np
import pytest

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.movielens import split_rows
from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.datasets.movielens_rows import joined
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.datasets.row_plan import row_plan
from autoint_jax.data.encoding.fitted import schema_of
from autoint_jax.data.store.columns import SPLITS


@pytest.mark.parametrize('recipe', ['autoint_all_rows', 'with_ids'])
def test_a_joined_table_and_the_raw_folder_encode_to_the_prepared_columns(raw_dir, tmp_path, recipe):
    data = registry.prepare('movielens_1m', recipe, raw_dir, tmp_path)
    plan = row_plan(data)
    assert schema_of(plan.table, plan.fitted) == data.schema
    rated = joined(read_1m(raw_dir))
    rated.select(sorted(rated.columns)).write_csv(tmp_path / 'rated.csv')
    rated.drop('Rating').write_parquet(tmp_path / 'new.parquet')
    kept = (rated['Rating'] != '3').to_numpy()
    found = [encode_files(data, [path]) for path in (raw_dir, tmp_path / 'rated.csv', tmp_path / 'new.parquet')]
    for encoded in found:
        assert len(encoded.columns) == 3011 and not encoded.bad
        for split, rows in split_rows(int(kept.sum())).items():
            columns = data.split(split)
            np.testing.assert_array_equal(encoded.columns.ids[kept][rows], columns.ids)
            np.testing.assert_array_equal(encoded.columns.numeric[kept][rows], columns.numeric)
            if encoded is not found[2]:
                np.testing.assert_array_equal(encoded.columns.labels[kept][rows], columns.labels)
    assert np.isnan(found[0].columns.labels[~kept]).all() and np.isnan(found[2].columns.labels).all()
    assert set(SPLITS) == set(data.manifest['splits'])
    (data.folder / 'plan.json').unlink()  # as data of earlier versions
    preparation = {**data.preparation, 'files_sha256': {}}
    older = dataclasses.replace(data, manifest={**data.manifest, 'preparation': preparation})
    assert row_plan(older) == plan
