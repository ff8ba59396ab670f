"""Broken files of trials, and folders that cannot be written, are named."""

import dataclasses
import json
import os

import pytest
from full_disks import file_limit
from sweep_cases import OF_TRAINING, STALE, opened, task

from autoint_jax.errors import UsageError
from autoint_jax.sweeps import claims, report, trials, workers
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status

NOT_A_NUMBER = {
    'fingerprint': 'x',
    'data_hash': 'y',
    'seed': 0,
    'valid': {'auc': float('nan'), 'logloss': 1.0},
    'test': {'auc': 0.5, 'logloss': 1.0},
    **OF_TRAINING,
}


@pytest.mark.parametrize(
    'name, content, part',
    [
        ('result.json', '{', 'is damaged'),
        ('result.json', '{"test": {}}', 'no key'),
        ('result.json', '[]', 'not an object'),
        ('result.json', json.dumps(NOT_A_NUMBER), 'valid.auc is nan'),
        ('record.json', '', 'is damaged'),
        ('metrics.jsonl', '{"step": 1}\n', "line 1 has another form than expected (it has no key 'epoch'"),
        ('metrics.jsonl', 'x\n', 'line 1 is damaged'),
        ('failure.json', '{', 'is damaged'),
        ('progress.json', '{', 'is damaged'),
    ],
)
def test_a_broken_file_of_a_trial_is_named(tmp_path, name, content, part):
    folder = opened(tmp_path)
    path = folder.of(folder.trials()[0])
    path.mkdir(parents=True)
    (path / name).write_text(content)
    claim = (
        None
        if name.endswith(('result.json', 'record.json', 'failure.json'))
        else claims.take(path / 'claims', stale_seconds=STALE, lost=lambda: None)
    )
    with pytest.raises(UsageError) as refused:
        status(folder)
        report.report(folder)
    assert (
        str(path / name) in str(refused.value)
        and part in str(refused.value)
        and 'move the folder of its trial away' in str(refused.value)
    )
    if claim is not None:
        claim.release()


@pytest.mark.parametrize(
    'content',
    [
        '',
        '{',
        '[]',
        'null',
        '{"machine": 3}',
        '{"machine": "%s", "pid": "x"}',
        '{"pid": 1e99, "note": 3}',
        '\udcff',
        '9' * 5000,
    ],
)
def test_a_broken_claim_is_one_of_a_dead_process_when_it_is_old(tmp_path, content):
    folder = opened(tmp_path)
    path = folder.of(folder.trials()[0])
    (path / 'claims').mkdir(parents=True)
    claim = path / 'claims' / '000001'
    claim.write_text(content.replace('%s', str(claims._machine())), errors='surrogateescape')
    assert folder.state(folder.trials()[0])[0] == 'running' and 'on unknown host' in status(folder).running[0]
    os.utime(claim, (0, 0))
    assert folder.state(folder.trials()[0])[0] == 'pending' and trials.deaths(path, held=False) == 0


def test_foreign_text_in_logs_and_failures_is_shown_harmless(tmp_path):
    folder = opened(tmp_path)
    path = folder.of(folder.trials()[0])
    path.mkdir(parents=True)
    trials.fail(path, 'ValueError: \x1b[2Jgone', {'host': 'h', 'pid': 1})
    (path / trials.LOG).write_text('line\x1b]0;title\x07\n')
    (said,) = status(folder).failed
    assert '\x1b' not in said and '\\x1b[2Jgone' in said and 'line\\x1b]0;title\\x07' in said


def test_a_worker_that_may_not_write_ends_with_a_sentence(tmp_path):
    """A file stands where the folder of a trial should be."""
    folder = opened(tmp_path)
    (folder.path / 'trials').mkdir(parents=True)
    (folder.path / 'trials' / folder.trials()[0].id).touch()
    with pytest.raises(
        UsageError, match=f'{folder.trials()[0].id}.*is a file, and a folder is needed'
    ):  # raised by the worker's process
        workers.run(task(folder), [workers.Resources(None, None)])


def test_the_copy_of_a_sweep_file_is_replaced_whole_or_not_at_all(tmp_path):
    folder = opened(tmp_path)
    folder.keep_file()
    longer = dataclasses.replace(folder.sweep, text=folder.sweep.text + '# long\n' * 1000)
    with file_limit(4096), pytest.raises(OSError) as raised:
        SweepFolder(longer, folder.path, STALE).keep_file()
    assert raised.value.filename == str(folder.path / 'sweep.toml')
    assert [path.name for path in folder.path.iterdir()] == ['sweep.toml']
    assert (folder.path / 'sweep.toml').read_text() == folder.sweep.text
