"""Checkpoints: what is kept, what a reader leaves alone, and damage of every kind."""

import errno
import functools
import gc
import pathlib
import shutil
import types

import jax
import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.exits import reported
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.checkpoints import checkpoints as module
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader, DamagedCheckpoint
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.checkpoints.run_checkpoints import kept_steps
from autoint_jax.training.checkpoints.state_sums import state_sums
from autoint_jax.training.step.placement import data_mesh
from autoint_jax.training.step.state import initial_state, make_setup


@functools.cache
def small_state(cardinality=5):
    """A state of few arrays: a table and an output layer."""
    config = replace(Config(), {'model.num_layers': 0})
    return initial_state(make_setup(config, Schema((FieldSpec('a', CATEGORICAL, cardinality),))))


def evaluated(step, loss):
    return Evaluation(step, 1.0, 0.5, {'logloss': loss})


def save(checkpoints, losses, state=None):
    """Saves after each of some evaluations, {step: loss}, as a run does."""
    state = small_state() if state is None else state
    for last in losses:
        evaluations = [evaluated(step, loss) for step, loss in losses.items() if step <= last]
        checkpoints.save(
            state._replace(step=np.int32(last)),
            last,
            {'evaluations': [evaluation.line() for evaluation in evaluations]},
            state_sums(state._replace(step=np.int32(last))._asdict()),
            keep=kept_steps(evaluations, 'logloss', checkpoints.steps()),
        )
        checkpoints.wait()


def assert_equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_two_and_the_best_are_kept_also_by_a_later_process(tmp_path):
    first = Checkpoints(tmp_path)
    save(first, {10: 0.3, 20: 0.2})
    first.close()
    later = Checkpoints(tmp_path)
    save(later, {10: 0.3, 20: 0.2, 30: 0.5, 40: 0.4})
    later.close()
    reader = CheckpointReader(tmp_path)
    assert reader.steps() == [20, 30, 40]
    state, found = reader.restore(20, small_state(), data_mesh())
    assert found['evaluations'][-1] == evaluated(20, 0.2).line()
    assert_equal(state, small_state()._replace(step=np.int32(20)))


@pytest.mark.parametrize(
    'losses',
    [
        {1: 0.5, 2: 0.5},
        {1: 0.5, 2: 0.5, 3: 0.5},
        {1: 0.6, 2: 0.5, 3: 0.5, 4: 0.7, 5: 0.5},
        {1: float('nan'), 2: 0.5, 3: 0.5},
        {1: 0.5, 2: float('nan'), 3: 0.5},
        {1: float('inf'), 2: float('inf'), 3: float('nan')},
    ],
    ids=str,
)
@pytest.mark.parametrize('processes', [1, 2])
def test_the_checkpoint_kept_is_that_of_the_evaluation_that_the_record_calls_best(tmp_path, losses, processes):
    """Ties go to the first, also across an interruption; one rule decides for both."""
    saved = {}
    for step, loss in losses.items():
        saved[step] = loss
        if step == 1 or processes == 2:
            checkpoints = Checkpoints(tmp_path)
        save(checkpoints, saved)
        if processes == 2:
            checkpoints.close()
    evaluations = [evaluated(step, loss) for step, loss in losses.items()]
    needed = {best_evaluation(some, 'logloss').step for some in (evaluations, evaluations[:-1])}
    assert checkpoints.steps() == sorted(needed | {max(losses), max(losses) - 1})
    checkpoints.close()


def test_a_tie_is_won_by_the_first_and_nan_by_nothing():
    nan, inf = float('nan'), float('inf')
    for losses, best in (
        ((3, 2, 2), 1),
        ((2, 2), 0),
        ((nan, 2, 2), 1),
        ((2, nan, 1), 2),
        ((nan, nan), 0),
        ((inf, nan), 0),
    ):
        evaluations = [evaluated(step, loss) for step, loss in enumerate(losses)]
        assert best_evaluation(evaluations, 'logloss').step == best


def test_what_the_evaluation_before_needs_is_kept_even_if_others_were_never_saved():
    """On a full disk some evaluations have no checkpoint."""
    losses = {1: 0.5, 2: 0.4, 3: 0.3, 4: 0.6, 5: 0.2}
    evaluations = [evaluated(step, loss) for step, loss in losses.items()]
    for there, kept in (
        ([1, 2, 3, 4], {3, 4, 5}),
        ([2, 4], {2, 5}),  # at step 4 the best, 3, is lost
        ([1, 2], {2, 5}),
        ([4], {5}),
        ([], {5}),
        ([2, 7], {2, 5}),  # of another run
    ):
        assert kept_steps(evaluations, 'logloss', there) == kept


def test_a_full_disk_is_refused_before_writing_and_said_in_one_sentence(tmp_path, monkeypatch, capsys):
    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(OSError) as caught:
        save(checkpoints, {1: 0.1})
    assert caught.value.errno == errno.ENOSPC and checkpoints.steps() == []
    checkpoints.close()

    def full(argv):
        raise caught.value

    monkeypatch.setattr('os._exit', lambda status: (_ for _ in ()).throw(SystemExit(status)))
    with pytest.raises(SystemExit, match='1'):
        reported(full)(['x'])
    assert capsys.readouterr().err.startswith(f'error: the disk is full while writing {tmp_path}: free some space')


def test_a_checkpoint_of_other_shapes_is_named_and_not_taken_for_damage(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, {1: 0.1})
    with pytest.raises(
        UsageError, match=rf'{tmp_path}/1 is of another model .*\[5, 16\] there and \[7, 16\] here'
    ) as refused:
        checkpoints.restore(1, small_state(7), data_mesh())
    assert not isinstance(refused.value, DamagedCheckpoint)
    checkpoints.close()


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A folder with the checkpoints of steps 1 (the best) and 2."""
    folder = tmp_path_factory.mktemp('saved')
    checkpoints = Checkpoints(folder)
    save(checkpoints, {1: 0.1, 2: 0.2})
    checkpoints.close()
    return folder


def files(folder):
    return sorted(path for path in folder.rglob('*') if path.is_file())


def flipped(path):
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content), 7):
        content[place] ^= 0x15
    path.write_bytes(bytes(content))


DAMAGES = {
    'emptied': lambda path: path.write_bytes(b''),
    'truncated': lambda path: path.write_bytes(path.read_bytes()[:-7]),
    'removed': pathlib.Path.unlink,
    'flipped': flipped,
    'other text': lambda path: path.write_text('[]\n'),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_checkpoint_is_never_restored_as_something_else(saved, tmp_path, damage, capfd, caplog):
    """Of every file: the values are those saved, or the checkpoint is said to be damaged; nothing else is raised or
    printed.
    """
    found = set()
    for number, path in enumerate(files(saved / '2')):
        folder = tmp_path / str(number)
        shutil.copytree(saved, folder)
        DAMAGES[damage](folder / path.relative_to(saved))
        try:
            state, progress = CheckpointReader(folder).restore(2, small_state(), data_mesh())
        except DamagedCheckpoint as error:
            assert str(error).startswith(f'checkpoint {folder}/2 is ') and '\n' not in str(error)
            found.add(path.name)
        else:
            assert_equal(state, small_state()._replace(step=np.int32(2)))
            assert progress == {'evaluations': [evaluated(1, 0.1).line(), evaluated(2, 0.2).line()]}
    gc.collect()
    assert capfd.readouterr().err == '' and not [record for record in caplog.records if record.name == 'asyncio']
    assert 'metadata' in found and len(found) >= 3  # the record of progress and the values among them


HALF_DELETED = {
    'empty': lambda path: [shutil.rmtree(path), path.mkdir()],
    'no state': lambda path: shutil.rmtree(path / 'state'),
    'no progress': lambda path: shutil.rmtree(path / 'progress'),
    'no mark': lambda path: (path / 'commit_success.txt').unlink(),
    'no metadata': lambda path: (path / '_CHECKPOINT_METADATA').unlink(),
    'other metadata': lambda path: (path / '_CHECKPOINT_METADATA').write_text('['),
}


@pytest.mark.parametrize('left', HALF_DELETED)
def test_what_a_killed_deletion_left_hinders_no_saving_and_goes(saved, tmp_path, left):
    folder = tmp_path / 'checkpoints'
    shutil.copytree(saved, folder)
    shutil.copytree(folder / '2', folder / '0')
    HALF_DELETED[left](folder / '0')
    for name in ('notes', '\u0663', '7.orbax-checkpoint-tmp'):  # an Arabic three among them: no steps
        (folder / name).mkdir()
    assert CheckpointReader(folder).steps() == [0, 1, 2]
    checkpoints = Checkpoints(folder)
    save(checkpoints, {1: 0.1, 2: 0.2, 3: 0.3})
    assert checkpoints.steps() == [1, 2, 3] and (folder / 'notes').is_dir()
    checkpoints.close()


def test_a_changed_value_is_damage(tmp_path):
    """Sound files that hold other values than those saved."""
    state, checkpoints = small_state(), Checkpoints(tmp_path)
    table = np.array(state.tables['embedding'])
    table[[0, 1]] = table[[1, 0]]
    evaluations = {'evaluations': [evaluated(1, 0.1).line()]}
    checkpoints.save(state._replace(tables={'embedding': table}), 1, evaluations, state_sums(state._asdict()), keep=[])
    checkpoints.wait()
    with pytest.raises(DamagedCheckpoint, match='values of tables/embedding are not those saved'):
        checkpoints.restore(1, state, data_mesh())
    checkpoints.close()


def test_checkpoints_of_older_versions_are_read(tmp_path, saved):
    """They have no sums and no identity."""
    import orbax.checkpoint as ocp

    with ocp.CheckpointManager(tmp_path, item_names=('state', 'progress')) as manager:
        manager.save(
            3,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(small_state()._asdict()),
                progress=ocp.args.JsonSave({'evaluations': [evaluated(3, 0.1).line()], 'seconds': 1.0}),
            ),
        )
    state, progress = CheckpointReader(tmp_path).restore(3, small_state(), data_mesh())
    assert_equal(state, small_state())
    assert progress['seconds'] == 1.0
