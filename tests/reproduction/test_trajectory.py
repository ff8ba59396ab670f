"""States after a number of steps, and their distances."""

import jax
import numpy as np
import pytest
from test_training import OPTIONS, losses_of

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.reproduction import trajectory

pytestmark = pytest.mark.usefixtures('quick_compilation')

CONFIG = replace(Config(), {**OPTIONS, 'model.num_layers': 1})


def test_states_are_those_of_training_and_distances_count_every_value(data_dir):
    data = open_prepared(data_dir, CONFIG.data.dataset, CONFIG.data.recipe)
    _, trained = losses_of(data_dir, [45], model__num_layers=1)
    start, after = (trajectory.after_steps(CONFIG, data, count) for count in (0, 45))
    assert int(start.step) == 0 and int(after.step) == 45
    for one, other in zip(jax.tree.leaves(after), jax.tree.leaves(trained), strict=True):
        np.testing.assert_array_equal(one, other)
    moved = trajectory.distances(start, start, after)
    table = np.abs(np.asarray(after.tables['embedding']) - np.asarray(start.tables['embedding']))
    assert moved['tables_difference'] == pytest.approx(table.mean(), rel=1e-6)
    assert moved['tables_movement'] == moved['params_movement'] == 0


def test_deferred_adam_stays_near_adam(data_dir):
    data = open_prepared(data_dir, CONFIG.data.dataset, CONFIG.data.recipe)
    start, dense = (trajectory.after_steps(CONFIG, data, count) for count in (0, 45))
    deferred = trajectory.after_steps(replace(CONFIG, {'optimizer.tables': 'deferred_adam'}), data, 45)
    apart = trajectory.distances(start, dense, deferred)
    assert apart['tables_difference'] < 1e-3 * apart['tables_movement']
    assert apart['params_difference'] < 1e-2 * apart['params_movement']
