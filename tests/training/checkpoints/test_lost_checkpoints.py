"""Lost and tied checkpoints: a run finds out when it starts, goes back as far as it must, and ends as if nothing had
been.
"""

import shutil

import jax
import pytest
from run_cases import BEST, STEPS, TINY, Told, outcome
from test_checkpoints import DAMAGES, files
from trained_cases import complete, data, interrupted, whole  # noqa: F401

from autoint_jax.config.configuration import replace
from autoint_jax.errors import UsageError
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')


def alone(data, folder):
    told = Told()
    fit(TINY, data, folder, told)
    return told


def with_another_copy(data, folder):
    told, own = Told(), [Told(), Told()]
    fit_copies([TINY, replace(TINY, {'seed': 5})], data, [folder, folder.with_name('copy')], told, own)
    return own[0]


def all_values(path):
    """Damages every file of values."""
    for file in files(path):
        if '/d/' in str(file):
            DAMAGES['flipped'](file)


LOSSES = {
    'folder': shutil.rmtree,
    'all files': lambda path: [file.unlink() for file in files(path)],
    'values': all_values,
    'progress': lambda path: (path / 'progress' / 'metadata').write_text('{"evaluations": []}'),
}


WAYS = [*((lose, alone) for lose in LOSSES), ('values', with_another_copy)]
# Each way to find a loss out once.
QUICK = (BEST, 'folder', alone), (BEST, 'progress', alone), (BEST, 'values', with_another_copy), (24, 'values', alone)
LOST = [
    pytest.param(
        lost,
        *way,
        id=f'{lost}-{way[0]}-{way[1].__name__}',
        marks=[] if (lost[0], *way) in QUICK and len(lost) == 1 else [pytest.mark.slow],
    )
    for lost in ([BEST], [24], [20, 24], [BEST, 20, 24])
    for way in WAYS
]


@pytest.mark.parametrize('lost, lose, train', LOST)
def test_a_lost_checkpoint_is_found_at_the_start_and_made_up_for(data, interrupted, whole, tmp_path, lost, lose, train):
    folder = shutil.copytree(interrupted, tmp_path / 'run')
    for step in lost:
        LOSSES[lose](folder / 'checkpoints' / str(step))
    told = train(data, folder)
    went_back_to = 0 if BEST in lost else min(lost) - 4
    assert told.seen == [
        step for step in STEPS if step > went_back_to
    ]  # all that was lost is trained again, and reported
    assert outcome(folder, data) == whole
    assert not (folder / 'checkpoints_set_aside').exists()
    said = [sentence for sentence in told.said if 'is missing' in sentence or 'is damaged' in sentence]
    if lose == 'folder' and BEST not in lost:
        assert said == [] and f'going on from step {went_back_to}' in told.said  # nothing is left that tells of it
    elif lose == 'folder' and len(lost) == 3:
        assert 'no checkpoint is left of 6 evaluations: training starts again at step 0' in told.said
    else:
        assert len(said) == 1 and '\n' not in said[0]
        assert ('training starts again at step 0' if BEST in lost else f'going back to step {went_back_to}') in said[0]


def test_what_is_set_aside_is_there_until_the_run_is_complete(data, interrupted, whole, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / 'run')
    shutil.rmtree(folder / 'checkpoints' / str(BEST))
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, folder, Told(stop_after=1))
    assert CheckpointReader(folder / 'checkpoints_set_aside').steps() == [20, 24]
    alone(data, folder)
    assert outcome(folder, data) == whole and not (folder / 'checkpoints_set_aside').exists()


def test_a_checkpoint_that_cannot_be_read_at_the_moment_is_no_reason_to_train_again(
    data, interrupted, tmp_path, monkeypatch
):
    import orbax.checkpoint as ocp

    folder = shutil.copytree(interrupted, tmp_path / 'run')
    for error in (
        PermissionError(13, 'Permission denied'),
        OSError(5, 'Input/output error'),
        ValueError('PERMISSION_DENIED: Error opening file'),
    ):

        def refuse(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(ocp.StandardCheckpointHandler, 'restore', refuse)
            with pytest.raises(UsageError, match='cannot be read .*: make it readable and run the same command again'):
                alone(data, folder)
    assert CheckpointReader(folder / 'checkpoints').steps() == [BEST, 20, 24]


def test_a_best_checkpoint_lost_while_its_run_trains_is_mended_by_the_same_command(data, whole, tmp_path):
    folder = tmp_path / 'run'

    class Losing(Told):
        def evaluated(self, evaluation, *, best, copy):
            super().evaluated(evaluation, best=best, copy=copy)
            if evaluation.step == 28:
                shutil.rmtree(folder / 'checkpoints' / str(BEST))

    with pytest.raises(
        UsageError, match=f'{BEST} is missing: run the same command again, which repeats the lost steps'
    ):
        fit(TINY, data, folder, Losing())
    alone(data, folder)
    assert outcome(folder, data) == whole


def test_a_complete_run_that_lost_its_best_checkpoint_says_what_to_do(data, complete, tmp_path):
    folder = shutil.copytree(complete, tmp_path / 'run')
    shutil.rmtree(folder / 'checkpoints' / str(BEST))
    assert fit(TINY, data, folder, Told()).best_step == BEST
    with pytest.raises(
        UsageError,
        match=f'{BEST} is missing: the result in result.json stands; .* train the run again in another '
        r'run folder, or name another checkpoint by --step \(there is 28, 32\)',
    ):
        open_run(folder, str(data.folder.parents[1]), None)
    assert int(open_run(folder, str(data.folder.parents[1]), 32).state.step) == 32


@pytest.mark.parametrize(
    'train, stop_after',
    [('alone', 3), ('together', None)]
    + [pytest.param(*slow, marks=pytest.mark.slow) for slow in (('alone', None), ('together', 3))],
)
def test_equal_evaluations_end_with_the_first_of_them(data, tmp_path, train, stop_after):
    """A rate so small that no value changes: every evaluation is a tie."""
    config, folder = replace(TINY, {'optimizer.learning_rate': 1e-30, 'training.epochs': 4}), tmp_path / 'run'
    configs, folders = [config, replace(config, {'seed': 1})], [folder, tmp_path / 'other']

    def train_until(stop):
        if train == 'alone':
            return fit(config, data, folder, Told(stop))
        return fit_copies(configs, data, folders, Told(stop))[0]

    if stop_after:
        with pytest.raises(KeyboardInterrupt):
            train_until(stop_after)
    assert train_until(None).best_step == 4
    assert CheckpointReader(folder / 'checkpoints').steps() == [4, 12, 16]
    assert int(open_run(folder, str(data.folder.parents[1]), None).state.step) == 4


def test_states_of_every_kind_have_sums(data):
    """Integers, scalars and empty arrays among them; a sum tells of any word that changes or moves."""
    import collections

    import numpy as np

    from autoint_jax.training.checkpoints.state_sums import _sums, state_sums

    tree = {
        'a': np.arange(6, dtype=np.float32).reshape(2, 3),
        'b': np.int32(3),
        'c': np.zeros((0, 4), np.float32),
        'd': np.array([True, False]),
        'e': np.arange(5, dtype=np.float16),
    }
    before = state_sums(tree)
    assert before.not_finite == [] and set(before.sums) == set(tree)
    assert state_sums(jax.tree.map(jax.numpy.asarray, tree)) == before
    programs = _sums._cache_size()
    turned = collections.OrderedDict(reversed(tree.items()))
    assert list(state_sums(turned).sums) == list(turned) and state_sums(turned).sums == before.sums
    assert _sums._cache_size() == programs, 'arrays in another order are compiled again'
    changed = tree | {'a': tree['a'][:, ::-1], 'b': np.int32(4), 'd': ~tree['d'], 'e': tree['e'] * np.float16(-1)}
    assert {name for name, value in state_sums(changed).sums.items() if value != before.sums[name]} == {
        'a',
        'b',
        'd',
        'e',
    }
    for value in (np.nan, np.inf, -np.inf):
        assert state_sums(tree | {'a': np.array([1, value, 2], np.float32)}).not_finite == ['a']
        assert state_sums(tree | {'e': np.array([value], np.float16)}).not_finite == ['e']


@pytest.mark.parametrize('dtype', ['float32', 'float16', 'int8', 'bool'])
def test_large_arrays_are_summed_part_by_part_to_the_same_sum(dtype, monkeypatch):
    import numpy as np

    from autoint_jax.training.checkpoints import state_sums

    array = np.random.default_rng(3).normal(size=(101, 3, 5)).astype(dtype)
    word = {1: np.uint8, 2: np.uint16, 4: np.uint32}[array.itemsize]
    words = array.view(word).astype(np.uint64).reshape(-1)
    expected = int((words * (2 * np.arange(len(words), dtype=np.uint64) + 1)).sum() % 2**32)
    for at_once in (1, 7 * 15, 10**6):
        monkeypatch.setattr(state_sums, 'WORDS_AT_ONCE', at_once)
        assert int(state_sums._sum_of_bits(jax.numpy.asarray(array))) == expected
