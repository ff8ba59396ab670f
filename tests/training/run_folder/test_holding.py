"""The lock of a run folder: one process trains in it, also on a file system without locks."""

import errno
import fcntl

import pytest
from run_cases import TINY, Told, outcome
from trained_cases import complete, data, folder, interrupted  # noqa: F401

from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import holding
from autoint_jax.training.run_folder.records import FolderInUse, RunRecords

pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_two_processes_do_not_train_one_run(data, folder):
    held = RunRecords(folder)
    with pytest.raises(FolderInUse, match=f'another process is training in {folder} .*: wait for it'):
        fit(TINY, data, folder, Told())
    held.close()


def test_a_file_system_without_locks_is_said_and_the_run_is_trained(data, folder, complete, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', no_locks)
    told = Told()
    fit(TINY, data, folder, told)
    assert sum(one.startswith('this file system has no locks') for one in told.said) == 1
    assert outcome(folder, data) == outcome(complete, data)


def test_where_locks_are_granted_to_everybody_the_later_process_trains_and_the_earlier_stops(
    data, folder, complete, monkeypatch
):
    monkeypatch.setattr(fcntl, 'flock', lambda *_: None)

    class Joined(Told):
        def evaluated(self, evaluation, *, best, copy):
            super().evaluated(evaluation, best=best, copy=copy)
            if len(self.seen) == 1:
                second = Told()
                fit(TINY, data, folder, second)
                assert second.seen and second.said

    with pytest.raises(FolderInUse, match=r'another process \(pid \d+ on .*\) began to train in .*, so this one stops'):
        fit(TINY, data, folder, Joined())
    assert outcome(folder, data) == outcome(complete, data)


def test_a_lock_file_that_was_removed_is_made_again(data, tmp_path, complete):
    class Removing(Told):
        def evaluated(self, evaluation, *, best, copy):
            (tmp_path / 'run' / holding.LOCK).unlink(missing_ok=True)

    fit(TINY, data, tmp_path / 'run', Removing())
    assert outcome(tmp_path / 'run', data) == outcome(complete, data)
