"""The slices in which the compiled kernel takes a batch."""

import jax
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.state import make_setup


@pytest.mark.parametrize(
    'fields, cores, cache, expected',
    [
        (
            8,
            2,
            2 << 20,
            512,
        ),  # 26 blocks of 20 examples: 13 a core, twice; 256 rows would be 13 blocks: 7 a core, four times
        (
            8,
            1,
            2 << 20,
            80,
        ),  # 4 blocks, thirteen times, the last one beside rows of padding; 9 blocks would fit, six times
        (8, 1, 1 << 20, 40),  # 2 blocks, 26 times; 3 would fit, eighteen times
        (8, 1, 1 << 18, 20),  # one block
        (8, 16, 2 << 20, 1024),  # the batch
        (39, 2, 2 << 20, 64),  # 8 blocks of 4 examples a core; 128 rows would be 16
        (39, 1, 1 << 20, 16),
    ],
)
def test_slices_fit_the_cache_and_leave_no_core_idle(fields, cores, cache, expected, monkeypatch):
    monkeypatch.setattr(slices, 'usable_cores', lambda: cores)
    monkeypatch.setattr(slices, 'second_level_cache', lambda: cache)
    schema, _ = made_up(Shape((5,) * fields), 8, seed=0)
    config = replace(Config(), {'execution.form': 'cpu_kernel'})
    assert slices.cut(1024, make_setup(config, schema), placement.data_mesh(jax.devices()[:1])) == (
        expected,
        -(-1024 // expected) * expected,
    )
