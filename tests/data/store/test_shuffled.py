"""Prepared data whose rows are split anew, or have another order."""

import numpy as np
import pytest

from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.opening import open_folder, open_prepared
from autoint_jax.data.store.shuffled import (
    ROWS_OF,
    SHUFFLED,
    opened_with_other_rows,
    write_other_order,
    write_other_split,
)
from autoint_jax.errors import UsageError


def rows_of(data, split):
    """Returns the rows of a split as bytes, in their order."""
    part = data.split(split)
    return [
        part.ids[row].tobytes() + part.numeric[row].tobytes() + part.labels[row].tobytes() for row in range(len(part))
    ]


def test_rows_are_split_anew_into_splits_of_the_same_sizes(data_dir, tmp_path):
    whole = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    for seed in (1, 2):
        write_other_split(whole, seed, tmp_path / 'movielens_1m' / f'split{seed}')
    one, two = (open_prepared(tmp_path, 'movielens_1m', f'split{seed}') for seed in (1, 2))
    one.check_whole(print)
    assert one.schema == whole.schema and one.manifest['recipe'] == 'split1' and one.manifest[ROWS_OF] == whole.hash
    assert one.manifest['parameters'][SHUFFLED] == {'what': 'splits', 'seed': 1}
    assert len({whole.hash, one.hash, two.hash}) == 3
    found = [{split: rows_of(data, split) for split in SPLITS} for data in (whole, one, two)]
    for other in found[1:]:
        assert sorted(sum(other.values(), [])) == sorted(sum(found[0].values(), []))
        assert [len(rows) for rows in other.values()] == [len(rows) for rows in found[0].values()]
        assert sorted(other['test']) != sorted(found[0]['test'])
    assert sorted(found[1]['test']) != sorted(found[2]['test'])


def test_only_training_rows_get_another_order(data_dir, tmp_path):
    whole = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    write_other_order(whole, 1, tmp_path / 'movielens_1m' / 'order1')
    other = open_prepared(tmp_path, 'movielens_1m', 'order1')
    other.check_whole(print)
    assert other.hash != whole.hash and other.manifest['recipe'] == 'order1'
    for split in SPLITS:
        before, after = rows_of(whole, split), rows_of(other, split)
        assert (before == after) == (split != 'train') and sorted(before) == sorted(after)
    order = np.random.default_rng(1).permutation(len(whole.split('train')))
    np.testing.assert_array_equal(other.split('train').ids, whole.split('train').ids[order])


@pytest.mark.parametrize('what, write', [('order', write_other_order), ('split', write_other_split)])
def test_other_rows_are_written_once_and_other_data_in_their_folder_is_refused(data_dir, tmp_path, what, write):
    whole = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    write(whole, 2, tmp_path / 'alone')
    first = opened_with_other_rows(whole, what, 2, tmp_path)
    assert first.folder == tmp_path / 'movielens_1m' / f'autoint_all_rows_{what}2'
    assert rows_of(first, 'train') == rows_of(open_folder(tmp_path / 'alone'), 'train')
    written = (first.folder / 'manifest.json').stat().st_mtime_ns
    assert opened_with_other_rows(whole, what, 2, tmp_path).hash == first.hash
    assert (first.folder / 'manifest.json').stat().st_mtime_ns == written
    write(first, 3, first.folder.with_name(f'autoint_all_rows_{what}3'))
    with pytest.raises(UsageError, match=f'autoint_all_rows_{what}3 has other rows than .*name another --data_dir'):
        opened_with_other_rows(whole, what, 3, tmp_path)
