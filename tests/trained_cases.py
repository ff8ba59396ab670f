"""Fixtures of the tiny run of `run_cases`, trained to its end or interrupted. Test modules import them by name.

A process trains each of them once. Tests only read their folders, or copy them.
"""

import functools
import pathlib
import shutil

import pytest
from run_cases import BEST, TINY, Told, outcome

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.loop import fit


@pytest.fixture(scope='module')
def data(data_dir):
    """The rows that the tiny run is trained on."""
    return _data(data_dir)


@pytest.fixture(scope='module')
def complete(data_dir):
    """The folder of a complete run."""
    return _complete(data_dir)


@pytest.fixture(scope='module')
def whole(data, complete):
    """All of the complete run but its times, as `outcome` returns it."""
    return outcome(complete, data)


@pytest.fixture(scope='module')
def interrupted(data_dir):
    """The folder of a run that was interrupted after its sixth evaluation."""
    return _interrupted(data_dir)


@pytest.fixture
def folder(interrupted, tmp_path):
    """A copy of that folder, for tests that go on with the run."""
    return shutil.copytree(interrupted, tmp_path / 'run')


@functools.cache
def _data(data_dir):
    return open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')


@functools.cache
def _complete(data_dir) -> pathlib.Path:
    folder = data_dir.with_name('complete')
    fit(TINY, _data(data_dir), folder, Told())
    return folder


@functools.cache
def _interrupted(data_dir) -> pathlib.Path:
    folder = data_dir.with_name('interrupted')
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, _data(data_dir), folder, Told(stop_after=6))
    assert CheckpointReader(folder / 'checkpoints').steps() == [BEST, 20, 24]
    return folder
