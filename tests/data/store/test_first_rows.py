"""Prepared data of the first rows of other prepared data."""

import numpy as np
import pytest

from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.first_rows import ROWS_OF, write_first_rows
from autoint_jax.data.store.opening import open_prepared


@pytest.mark.parametrize('rows', [100, 10**6])
def test_first_rows_are_prepared_data_of_their_own(data_dir, tmp_path, rows):
    whole = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    write_first_rows(whole, rows, tmp_path / 'movielens_1m' / 'autoint_all_rows')
    short = open_prepared(tmp_path, 'movielens_1m', 'autoint_all_rows')
    short.check_whole(print)
    assert short.schema == whole.schema and short.hash != whole.hash and short.manifest[ROWS_OF] == whole.hash
    for split in SPLITS:
        found, expected = short.split(split), whole.split(split)
        record = short.manifest['splits'][split]
        assert record['rows'] == len(found) == min(rows, len(expected))
        assert record['positives'] == int(np.sum(expected.labels[:rows]))
        np.testing.assert_array_equal(found.ids, expected.ids[:rows])
        np.testing.assert_array_equal(found.numeric, expected.numeric[:rows])
        np.testing.assert_array_equal(found.labels, expected.labels[:rows])
    assert [path.name for path in (tmp_path / 'movielens_1m').iterdir()] == ['autoint_all_rows']
