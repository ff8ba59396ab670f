import errno
import types

import numpy as np
import pytest

from autoint_jax.config import Config
from autoint_jax.errors import UsageError, reported
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training import checkpoints as module
from autoint_jax.training.checkpoints import Checkpoints
from autoint_jax.training.devices import data_mesh
from autoint_jax.training.state import initial_state, setup

STATE = initial_state(setup(Config(), Schema((FieldSpec('a', CATEGORICAL, 5),))))


def progress(loss):
    return {'evaluations': [{'valid_logloss': loss}]}


def test_latest_and_best_are_kept_also_by_a_later_process(tmp_path):
    for losses in ({10: 0.3, 20: 0.2}, {30: 0.5, 40: 0.4}):
        checkpoints = Checkpoints(tmp_path)
        for step, loss in losses.items():
            checkpoints.save(STATE, step, progress(loss))
        checkpoints.wait()
        checkpoints.close()
    reopened = Checkpoints(tmp_path)
    assert reopened.steps() == [20, 40] and reopened.latest() == 40
    state, found = reopened.restore(20, STATE, data_mesh())
    assert found == progress(0.2)
    np.testing.assert_array_equal(state.tables['embedding'], STATE.tables['embedding'])
    reopened.close()


def test_a_full_disk_is_refused_before_writing_and_said_in_one_sentence(tmp_path, monkeypatch, capsys):
    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(OSError) as caught:
        checkpoints.save(STATE, 1, progress(0.1))
    assert caught.value.errno == errno.ENOSPC and checkpoints.steps() == []
    checkpoints.close()

    def full(argv):
        raise caught.value

    monkeypatch.setattr('os._exit', lambda status: (_ for _ in ()).throw(SystemExit(status)))
    with pytest.raises(SystemExit, match='1'):
        reported(full)(['x'])
    assert capsys.readouterr().err.startswith(f'error: the disk is full while writing {tmp_path}: free some space')


def test_a_checkpoint_of_other_shapes_is_named(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(STATE, 1, progress(0.1))
    checkpoints.wait()
    other = initial_state(setup(Config(), Schema((FieldSpec('a', CATEGORICAL, 7),))))
    with pytest.raises(UsageError, match=f'checkpoint {tmp_path}/1 cannot be read'):
        checkpoints.restore(1, other, data_mesh())
    checkpoints.close()
