"""A full disk while a checkpoint is saved: earlier checkpoints stay, and the run stops or goes on as configured."""

import types

import pytest
from run_cases import BEST, TINY, Told, outcome
from trained_cases import complete, data, whole  # noqa: F401

from autoint_jax.config.configuration import replace
from autoint_jax.errors import UsageError
from autoint_jax.training.checkpoints import checkpoints as module
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.loop import fit

pytestmark = pytest.mark.usefixtures('quick_compilation')
GO_ON = replace(TINY, {'execution.full_disk': 'go_on'})


class Filling(Told):
    """A reporter that fills and empties the disk when evaluations of some steps are reported."""

    def __init__(self, monkeypatch, full_after, free_after):
        super().__init__()
        self._free, self._full_after, self._free_after = 10**12, full_after, free_after
        monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=self._free))

    def evaluated(self, evaluation, *, best, copy):
        super().evaluated(evaluation, best=best, copy=copy)
        if evaluation.step in (self._full_after, self._free_after):
            self._free = 10**12 * (evaluation.step == self._free_after)


def test_a_run_goes_on_says_so_each_time_and_ends_as_on_an_empty_disk(data, whole, tmp_path, monkeypatch):
    told = Filling(monkeypatch, 16, 24)
    fit(GO_ON, data, tmp_path, told)
    said = [sentence for sentence in told.said if 'the disk is full' in sentence]
    assert said == [
        f'the disk is full, so no checkpoint is saved in {tmp_path}/checkpoints (what was written earlier is kept): '
        'training goes on'
    ] * len(said)
    assert len(said) == 2 and outcome(tmp_path, data) == whole  # the evaluation of step 24 is reported after its save


def test_a_run_whose_best_state_was_never_saved_repeats_it(data, whole, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=f'checkpoints/{BEST} is missing: run the same command again'):
        fit(GO_ON, data, tmp_path, Filling(monkeypatch, 8, 20))
    assert CheckpointReader(tmp_path / 'checkpoints').steps() == [8, 32]
    told = Told()
    fit(TINY, data, tmp_path, told)
    assert 'going on from step 8' in told.said and outcome(tmp_path, data) == whole


def test_a_run_stops_by_default_and_goes_on_from_what_is_kept(data, whole, tmp_path, monkeypatch):
    with pytest.raises(OSError, match='no space left'):
        fit(TINY, data, tmp_path, Filling(monkeypatch, 16, None))
    told = Filling(monkeypatch, None, None)
    fit(TINY, data, tmp_path, told)
    assert 'going on from step 16' in told.said and outcome(tmp_path, data) == whole


@pytest.mark.parametrize('error', [ValueError('RESOURCE_EXHAUSTED: no space'), OSError(28, 'no space')])
def test_a_disk_that_fills_while_a_checkpoint_is_written(data, whole, tmp_path, monkeypatch, error):
    wait, times = Checkpoints.wait, [0]

    class Failing:
        def wait_until_finished(self):
            raise error

        def close(self):
            raise error

    def failing(checkpoints):
        if checkpoints._manager is not None:
            times[0] += 1
            if times[0] == 3:  # after the third evaluation
                checkpoints._manager.close()
                newest = checkpoints.folder / str(checkpoints.steps()[-1])
                newest.rename(newest.with_name(newest.name + module.UNFINISHED))  # as if it had never been finished
                checkpoints._manager = Failing()
        wait(checkpoints)

    monkeypatch.setattr(Checkpoints, 'wait', failing)
    told = Told()
    fit(GO_ON, data, tmp_path, told)
    assert len([sentence for sentence in told.said if 'the disk is full' in sentence]) == 1
    assert not list((tmp_path / 'checkpoints').glob(f'*{module.UNFINISHED}'))
    assert outcome(tmp_path, data) == whole
