"""Run folders: a run goes on only in a folder that is its own, and its records survive whatever happens."""

import json
import shutil

import pytest
from run_cases import BEST, STEPS, TINY, Told, outcome
from test_readers import tree
from trained_cases import complete, data, folder, interrupted  # noqa: F401

from autoint_jax import stored, stored_records
from autoint_jax.config.configuration import replace, to_tree
from autoint_jax.config.execution_config import ExecutionConfig
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.training import run_states
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents, records
from autoint_jax.training.run_folder.contents import UnusableFolder
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')


def refused(data, folder, sentence, config=TINY, kind=UnusableFolder):
    """Both loops refuse the folder with a sentence and leave it as it is.

    Commands add the flag that names another folder to an UnusableFolder, and to no other error.
    """
    before = tree(folder)
    for train in (
        fit,
        lambda config, data, folder, told: fit_copies(
            [config, replace(config, {'seed': 9})], data, [folder, folder.with_name('other')], told
        ),
    ):
        with pytest.raises(UsageError, match=sentence) as error:
            train(config, data, folder, Told())
        assert type(error.value) is kind
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
        patched.setattr(run_states, 'fingerprint', former_fingerprint)
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
    refused(data, data.folder.parents[1], 'is a folder of prepared data: choose another run folder')


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '3', '{}', '{"config": {}}', '\udcff'])
@pytest.mark.parametrize('name', ['run.json', 'result.json'])
def test_a_damaged_record_is_named(data, folder, name, text):
    (folder / name).write_bytes(text.encode(errors='surrogateescape'))
    advice, kind = {
        'run.json': ('choose another run folder', UnusableFolder),
        'result.json': ('remove this file and run the same command again', UsageError),
    }[name]
    refused(data, folder, f'{folder}/{name} .*: {advice}', kind=kind)


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
    """A record is renamed into place and its folder synchronised, run.json before there is a checkpoint.

    That also keeps the name of the encoding, which stands before run.json.
    """
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
    assert order[:5] == ['encoding', 'synchronised', 'run.json', 'synchronised', 'synchronised']
    assert order[5] == 'metrics.jsonl'
