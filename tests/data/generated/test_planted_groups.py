"""Rows with planted groups: the logit is what the groups and the fields add, and the rows can be prepared."""

import itertools

import numpy as np

from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import planted


def test_planted_groups_are_what_interacts():
    found = planted.planted(6, 4, 4000, pairs=2, triples=1, strength=0.7, single=0.3, seed=5)
    (triple, *pairs), count = found.groups, len(found.values)
    assert len(triple) == 3 and [len(pair) for pair in pairs] == [2, 2] and len({*found.groups}) == 3
    assert not any({*pair} <= {*triple} for pair in pairs)
    assert found.interacting(3) == {triple}
    assert found.interacting(2) == {*pairs, *itertools.combinations(triple, 2)}
    # Its values are fitted by tables of single fields and of the groups that interact.
    design = [np.ones((count, 1))]
    for size in (1, 2, 3):
        for group in itertools.combinations(range(6), size):
            if size == 1 or group in found.interacting(size):
                codes = np.ravel_multi_index(tuple(found.values[:, field] for field in group), (4,) * size)
                design.append(np.eye(4**size)[codes])
    fitted = np.concatenate(design, 1)
    rest = found.logit - fitted @ np.linalg.lstsq(fitted, found.logit, rcond=None)[0]
    assert np.abs(rest).max() < 1e-9  # no other group takes part
    for group in found.groups:
        assert 0.5 < share(found, group) < 1.5  # of strength^2, by the draw of the values


def share(found, group):
    """The variance of what a group adds alone, in units of the square of its strength."""
    sizes = (4,) * len(group)
    codes = np.ravel_multi_index(tuple(found.values[:, field] for field in group), sizes)
    means = np.bincount(codes, found.logit) / np.bincount(codes)
    means = means.reshape(sizes)
    for axis in range(len(group)):
        means = means - means.mean(axis, keepdims=True)
    return np.square(means).mean() / 0.7**2


def test_all_seeds_have_splits_of_one_size(tmp_path):
    sizes = set()
    for seed in range(2):
        found = planted.planted(4, 3, 200, pairs=1, triples=0, strength=1.0, single=0.0, seed=seed)
        data = registry.prepare_own(
            planted.write(found, tmp_path, f'seed{seed}'), None, tmp_path / 'data', registry.Options(0.0)
        )
        test = data.split('test')
        np.testing.assert_array_equal(test.labels, found.label[found.part == planted.TEST])
        sizes.add((len(data.split('train')), len(data.split('valid')), len(test), *data.schema.names))
    assert sizes == {(160, 20, 20, 'field0', 'field1', 'field2', 'field3')}
