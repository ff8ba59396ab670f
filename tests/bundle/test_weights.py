"""Weights of bundles: places, alignment, types, and what is refused."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from autoint_jax.bundle.weights import ALIGNMENT, read_weights, write_weights
from autoint_jax.errors import UsageError


def arrays():
    rng = np.random.default_rng(3)
    return {
        'params/kernel': rng.normal(size=(7, 5, 3)).astype(np.float32),
        'tables/a': rng.normal(size=(1031, 3)).astype(ml_dtypes.bfloat16),
        'tables/b': rng.integers(-127, 128, (11, 5)).astype(np.int8),
        'number': np.float32(2.5),
        'none': np.zeros((0, 3), np.float32),
    }


def test_tensors_come_back_from_aligned_places(tmp_path):
    written = arrays()
    tensors = write_weights(tmp_path / 'weights.bin', written)
    found = read_weights(tmp_path / 'weights.bin', tensors)
    assert list(found) == list(written)
    for name, array in written.items():
        assert tensors[name].offset % ALIGNMENT == 0
        assert found[name].tobytes() == np.asarray(array).tobytes() and found[name].shape == np.shape(array)
    assert found['tables/a'].dtype == np.uint16
    assert found['tables/a'].view(ml_dtypes.bfloat16).dtype == written['tables/a'].dtype
    whole = (tmp_path / 'weights.bin').read_bytes()
    place = tensors['params/kernel']
    np.testing.assert_array_equal(
        np.frombuffer(whole, '<f4', 105, place.offset).reshape(7, 5, 3), written['params/kernel']
    )
    with pytest.raises(ValueError, match='read-only'):
        found['params/kernel'][0] = 1


def test_a_table_that_is_not_contiguous_is_written_in_c_order(tmp_path):
    table = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    tensors = write_weights(tmp_path / 'weights.bin', {'t': table})
    np.testing.assert_array_equal(read_weights(tmp_path / 'weights.bin', tensors)['t'], table)


def test_other_types_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'t' has type float64"):
        write_weights(tmp_path / 'weights.bin', {'t': np.zeros(3)})


@pytest.mark.parametrize(
    'changed', [{'offset': 8192}, {'offset': -4096}, {'offset': 1}, {'dtype': 'float64'}, {'shape': (7, 5, 4)}]
)
def test_places_out_of_the_file_are_refused(tmp_path, changed):
    tensors = write_weights(tmp_path / 'weights.bin', {'kernel': arrays()['params/kernel']})
    tensors['kernel'] = dataclasses.replace(tensors['kernel'], **changed)
    with pytest.raises(UsageError, match="does not hold the tensor 'kernel'"):
        read_weights(tmp_path / 'weights.bin', tensors)
