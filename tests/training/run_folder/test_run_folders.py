"""Run folders: a run goes on only in a folder that is its own, and its records survive whatever happens."""

import errno
import fcntl
import json
import shutil

import numpy as np
import pytest
from run_cases import BEST, STEPS, TINY, Told, all_events, events, events_of, outcome, summaries
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from test_readers import tree

from autoint_jax import stored, stored_records
from autoint_jax.config.configuration import replace, to_tree
from autoint_jax.config.execution_config import ExecutionConfig
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.training import run as runs_of_training
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents, holding, records
from autoint_jax.training.run_folder.contents import UnusableFolder
from autoint_jax.training.run_folder.events import RATE
from autoint_jax.training.run_folder.records import FolderInUse, RunRecords
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')


@pytest.fixture(scope='module')
def data(data_dir):
    return open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')


@pytest.fixture(scope='module')
def complete(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('complete')
    fit(TINY, data, folder, Told())
    return folder


@pytest.fixture(scope='module')
def interrupted(data, tmp_path_factory):
    """A run that was interrupted after its sixth evaluation."""
    folder = tmp_path_factory.mktemp('interrupted')
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, folder, Told(stop_after=6))
    return folder


@pytest.fixture
def folder(interrupted, tmp_path):
    return shutil.copytree(interrupted, tmp_path / 'run')


def refused(data, folder, sentence, config=TINY):
    """Both loops refuse the folder with a sentence and leave it as it is."""
    before = tree(folder)
    for train in (
        fit,
        lambda config, data, folder, told: fit_copies(
            [config, replace(config, {'seed': 9})], data, [folder, folder.with_name('other')], told
        ),
    ):
        with pytest.raises(UnusableFolder, match=sentence) as error:
            train(config, data, folder, Told())
        assert str(folder) in str(error.value) and '\n' not in str(error.value)
        assert tree(folder) == before


@pytest.mark.parametrize('left', ['checkpoints', 'metrics.jsonl', 'result.json'])
def test_what_a_run_left_without_its_run_json_is_not_gone_on_with(data, complete, tmp_path, left):
    folder = tmp_path / 'run'
    folder.mkdir()
    (shutil.copytree if left == 'checkpoints' else shutil.copy)(complete / left, folder / left)
    refused(data, folder, f'has {left} but no run.json, .* put its run.json back or choose another run folder')


def test_a_folder_with_other_things_can_become_a_run_folder(data, tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, tmp_path, Told(stop_after=1))
    assert (tmp_path / 'notes.txt').read_text() == 'mine' and (tmp_path / 'run.json').exists()


def test_checkpoints_of_another_run_are_not_gone_on_with(data, folder, complete, tmp_path):
    """Put there by hand: run.json is of this configuration, the checkpoints are of another seed."""
    other = tmp_path / 'other_run'
    with pytest.raises(KeyboardInterrupt):
        fit(replace(TINY, {'seed': 1}), data, other, Told(stop_after=2))
    shutil.rmtree(folder / 'checkpoints')
    shutil.copytree(other / 'checkpoints', folder / 'checkpoints')
    refused(data, folder, 'is a checkpoint of another run .*: choose another run folder')
    with pytest.raises(UsageError, match='is a checkpoint of another run'):
        open_run(folder, str(data.folder.parents[1]), None)


def test_a_result_of_another_run_is_not_taken_for_this_ones(data, folder, complete):
    result = json.loads((complete / 'result.json').read_text())
    for other in ({'fingerprint': '0' * 12}, {'data_hash': '0' * 64}):
        (folder / 'result.json').write_text(json.dumps(result | other))
        refused(data, folder, 'result.json is the result of another run than its run.json says')


def test_a_run_goes_on_with_other_options_of_execution(data, folder, complete):
    assert [fit(replace(TINY, {'execution.slice_rows': rows}), data, folder, Told()).best_step for rows in (0, 9)] == [
        BEST,
        BEST,
    ]
    run = json.loads((folder / 'run.json').read_text())
    assert [start['execution']['slice_rows'] for start in run['starts']] == [512, 0]
    assert (
        contents.read_config(folder) == replace(TINY, {'execution.slice_rows': 0}) and 'execution' not in run['config']
    )
    refused(data, folder, '\\(model.embedding_dim: 3 / 5\\)', replace(TINY, {'model.embedding_dim': 5}))


def test_a_folder_of_a_version_that_counted_options_of_execution_is_read_and_gone_on_with(data, tmp_path, monkeypatch):
    def old_tree(config):
        tree = to_tree(config)
        execution = tree.pop('execution')
        tree['training']['slice_rows'], tree['model']['form'] = execution['slice_rows'], execution['form']
        return tree

    former = former_fingerprint(TINY)
    with monkeypatch.context() as patched:
        patched.setattr(runs_of_training, 'fingerprint', former_fingerprint)
        patched.setattr(records, 'fingerprint', former_fingerprint)
        patched.setattr(records, 'identity_tree', old_tree)
        with pytest.raises(KeyboardInterrupt):
            fit(TINY, data, tmp_path, Told(stop_after=6))
    run = json.loads((tmp_path / 'run.json').read_text())
    del run['starts'][0]['execution']
    (tmp_path / 'run.json').write_text(json.dumps(run))
    assert run['fingerprint'] == former != fingerprint(TINY) and contents.read_config(tmp_path) == TINY
    assert open_run(tmp_path, str(data.folder.parents[1]), None).setup.config == TINY
    elsewhere = replace(TINY, {'execution.slice_rows': 0})
    told = Told()
    result = fit(elsewhere, data, tmp_path, told)
    assert told.seen == STEPS[6:] and result.fingerprint == fingerprint(TINY) and result.best_step == BEST
    (tmp_path / 'result.json').write_text(json.dumps(stored_records.to_json(result) | {'fingerprint': former}))
    assert fit(TINY, data, tmp_path, Told()).best_step == BEST
    assert contents.read_config(tmp_path).execution == ExecutionConfig()


def test_a_folder_of_prepared_data_is_no_run_folder(data):
    refused(data, data.folder, 'holds prepared data, .*: choose another run folder')


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '3', '{}', '{"config": {}}', '\udcff'])
@pytest.mark.parametrize('name', ['run.json', 'result.json'])
def test_a_damaged_record_is_named(data, folder, name, text):
    (folder / name).write_bytes(text.encode(errors='surrogateescape'))
    advice = {'run.json': 'choose another run folder', 'result.json': 'remove this file and run the same command again'}
    refused(data, folder, f'{folder}/{name} .*: {advice[name]}')


def test_removing_a_damaged_result_mends_the_run_as_the_sentence_says(data, complete, tmp_path):
    folder = shutil.copytree(complete, tmp_path / 'run')
    (folder / 'result.json').write_text('{"test"')
    with pytest.raises(UsageError, match='remove this file and run the same command again'):
        fit(TINY, data, folder, Told())
    (folder / 'result.json').unlink()
    again = Told()
    fit(TINY, data, folder, again)
    assert again.seen == [] and outcome(folder, data) == outcome(complete, data)


def test_a_configuration_of_another_version_is_named(data, folder):
    run = json.loads((folder / 'run.json').read_text())
    run['config']['model']['flux'] = 3
    (folder / 'run.json').write_text(json.dumps(run))
    refused(data, folder, 'run.json holds a configuration that this version cannot read .*model.flux')


def test_a_file_is_no_run_folder(data, tmp_path):
    (tmp_path / 'file').write_text('mine')
    for path in (tmp_path / 'file', tmp_path / 'file' / 'run'):
        with pytest.raises(UnusableFolder, match=f'{path} is not a folder: choose another run folder'):
            fit(TINY, data, path, Told())
    assert (tmp_path / 'file').read_text() == 'mine'


def test_a_complete_run_is_read_and_nothing_in_it_is_touched(data, complete):
    before = tree(complete)
    assert fit(TINY, data, complete, Told()).best_step == BEST
    open_run(complete, str(data.folder.parents[1]), None)
    assert tree(complete) == before


def test_names_of_records_are_on_disk_before_anything_follows(data, tmp_path, monkeypatch):
    """A record is renamed into place and its folder synchronised, run.json before there is a checkpoint."""
    order = []
    monkeypatch.setattr(
        stored.os,
        'replace',
        lambda one, other, replace=stored.os.replace: (order.append(other.name), replace(one, other)),
    )
    monkeypatch.setattr(
        stored.os, 'fsync', lambda number, fsync=stored.os.fsync: (order.append('synchronised'), fsync(number))
    )
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, tmp_path, Told(stop_after=1))
    assert order[:4] == ['synchronised', 'run.json', 'synchronised', 'synchronised'] and order[4] == 'metrics.jsonl'


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


def test_events_are_the_evaluations_of_metrics_jsonl(complete):
    found = events(complete)
    assert found == events_of((complete / 'metrics.jsonl').read_text())
    assert [step for name, step, _ in found if name == 'valid_logloss'] == STEPS


def test_events_have_rates_test_figures_and_hyper_parameters(data, folder, complete):
    """Also those of a run that goes on, with the rates of the evaluations before it."""
    before = [one for one in all_events(folder) if one[0] == RATE]
    assert [step for _, step, _ in before] == STEPS[:6] and min(rate for *_, rate in before) > 0
    fit(TINY, data, folder, Told())
    for run in (complete, folder):
        found, result = all_events(run), json.loads((run / 'result.json').read_text())
        rates = [one for one in found if one[0] == RATE]
        assert [step for _, step, _ in rates] == STEPS
        mean = len(rates) / sum(1 / rate for *_, rate in rates)
        assert mean == pytest.approx(result['train_rows_per_second'], rel=1e-4)
        assert [one for one in found if one[0].startswith('test_')] == [
            (f'test_{name}', BEST, float(np.float32(value))) for name, value in result['test'].items()
        ]
    assert [one for one in all_events(folder) if one[0] == RATE][:6] == before

    ((step, value),) = [one for one in summaries(folder) if one[1].tag == '_hparams_/session_start_info']
    assert value.metadata.plugin_data.plugin_name == 'hparams'
    parameters = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info.hparams
    found = {name: getattr(one, one.WhichOneof('kind')) for name, one in parameters.items()}
    assert found == {
        'data.dataset': 'movielens_1m',
        'data.recipe': 'autoint_all_rows',
        'model.name': 'fm',
        'model.embedding_dim': 3,
        'training.batch_size': 512,
        'training.epochs': 8,
        'optimizer.tables': 'adam',
        'optimizer.learning_rate': 0.1,
        'seed': 0,
        'execution.slice_rows': 512,
    }


@pytest.mark.parametrize('lost', ['all', 'last', 'none', 'repeated', 'cut'])
def test_events_are_those_of_the_metrics_whatever_a_killed_process_left(data, folder, complete, lost):
    """Nothing written yet, the last evaluation missing or one too many, a file again, a record half written."""
    (path,) = (folder / 'tensorboard').glob('*')
    content = path.read_bytes()
    if lost == 'all':
        shutil.rmtree(folder / 'tensorboard')
    elif lost in ('last', 'cut'):
        path.write_bytes(content[: -200 if lost == 'last' else -3])
    elif lost == 'repeated':
        path.with_name(path.name + '.copy').write_bytes(content)
    else:
        (folder / 'metrics.jsonl').unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, folder, Told(stop_after=1))
    assert events(folder) == events_of((folder / 'metrics.jsonl').read_text())
    fit(TINY, data, folder, Told())
    assert outcome(folder, data) == outcome(complete, data)
