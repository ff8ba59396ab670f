"""Batch normalisation: statistics of a whole batch, over devices and without padded rows; running statistics at
evaluation.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_training import losses_of

from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.batch_norm import EPSILON, MOMENTUM, STATISTICS, BatchNorm
from autoint_jax.models.layers.dropout import Training

pytestmark = pytest.mark.usefixtures('quick_compilation')

X = np.random.default_rng(0).normal(3, 2, (7, 5)).astype(np.float32)
WEIGHTS = np.array([1, 1, 0, 1, 1, 1, 0], np.float32)
OPTIONS = {'model__deep_hidden': (7,), 'model__deep_batch_norm': True, 'model__num_layers': 0}


def test_training_takes_the_batchs_statistics_and_evaluation_the_running_ones():
    model = BatchNorm()
    variables = model.init(jax.random.key(0), X, training=None)
    training = Training(jax.random.split(jax.random.key(0), 7), jnp.asarray(WEIGHTS), None)
    present = np.float64(X)[WEIGHTS > 0]
    mean, variance = present.mean(0), present.var(0)
    for _ in range(2):
        out, updated = model.apply(variables, X, training=training, mutable=[STATISTICS])
        np.testing.assert_allclose(out, (X - mean) / np.sqrt(variance + EPSILON), rtol=1e-4, atol=1e-5)
        variables = variables | updated
    running_mean = (1 - MOMENTUM**2) * mean
    running_variance = MOMENTUM**2 + (1 - MOMENTUM**2) * variance
    np.testing.assert_allclose(variables[STATISTICS]['mean'], running_mean, rtol=1e-5)
    np.testing.assert_allclose(variables[STATISTICS]['variance'], running_variance, rtol=1e-5)
    np.testing.assert_allclose(
        model.apply(variables, X, training=None),
        (X - running_mean) / np.sqrt(running_variance + EPSILON),
        rtol=1e-4,
        atol=1e-5,
    )


def test_devices_share_statistics(data_dir, on_host_devices):
    """30 steps on 4 devices, batches that leave padded rows on the last one, equal those on one device."""
    values = on_host_devices(4, 'test_batch_norm', f't.losses_and_statistics(pathlib.Path({str(data_dir)!r}))')
    np.testing.assert_allclose(values, losses_and_statistics(data_dir), rtol=1e-4, atol=1e-5)


def losses_and_statistics(data_dir: pathlib.Path) -> list[float]:
    losses, state = losses_of(data_dir, [30], **OPTIONS)
    return [*losses.tolist(), *np.concatenate(jax.tree.leaves(state.statistics)).tolist()]


def test_slices_are_refused_with_statistics_of_a_whole_batch():
    with pytest.raises(UsageError, match="'execution.slice_rows' is 8, but must be 0 with model.deep_batch_norm"):
        replace(Config(), {'model.deep_hidden': (7,), 'model.deep_batch_norm': True, 'execution.slice_rows': 8})
