"""Reports of sweeps: means over seeds, the tables they write, and whose results they believe."""

import json
import os

import pytest
from sweep_cases import BASE, STALE, evaluate, finish, load, opened, task, write_record

from autoint_jax import stored
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.sweeps import groups, report, trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import check_data


def test_trials_and_records_on_other_data_are_not_counted_nor_replaced(tmp_path, data_dir):
    folder = opened(tmp_path)
    one, two, three = folder.trials()
    told, data = task(folder, data_dir, together=True), open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')

    def began(trial, data_hash):
        finish(told, trial)
        stored.write_json(folder.of(trial) / 'run.json', {'data_hash': data_hash})

    began(one, data.hash)
    check_data(told)
    began(two, 'of fewer rows')
    with pytest.raises(
        UsageError, match=f'{two.id} holds a trial that was trained on other data than .* another --results_dir'
    ):
        check_data(told)
    with pytest.raises(UsageError, match=f'{two.id} was trained on other data than .*{one.id}'):
        report.report(folder)
    began(two, data.hash)
    assert report.report(folder).settings[0]['done'] == 2
    path = write_record(told.results_dir, folder.sweep.base, three.config, 'of fewer rows', 0.8)
    assert path == runs.record_path(three.id, told.results_dir)
    before = path.read_text()
    with pytest.raises(UsageError, match=f'{three.id}.json is a record .* another --results_dir, or remove'):
        check_data(told)
    for trial in (one, two):
        (folder.of(trial) / 'result.json').unlink()
    (_, claim), (other, beside) = groups.claimed_group(told, excluded=[], alone=[])
    assert other is two
    claim.release()
    beside.release()
    began(one, data.hash)
    began(two, data.hash)
    work(told, 'worker')
    assert 'is a record of this run on other data' in status(folder).failed[0]
    assert path.read_text() == before


def test_tables_keep_the_whole_name_of_a_sweep(tmp_path):
    folder = SweepFolder(load(tmp_path, BASE + '[grid]\nseed = [0, 1]\n', name='lr0.001'), tmp_path / 'sweeps', STALE)
    report.write(folder, report.report(folder), tmp_path)
    rows = [len(json.loads((tmp_path / f'sweep_lr0.001{part}.json').read_text())['rows']) for part in ('', '_trials')]
    assert rows == [1, 2] and {path.name for path in tmp_path.glob('*.csv')} == {
        'sweep_lr0.001.csv',
        'sweep_lr0.001_trials.csv',
    }


def test_a_report_has_means_over_the_seeds_that_are_done(tmp_path):
    folder = opened(tmp_path, BASE + '[grid]\noptimizer.learning_rate = [0.11, 0.01]\nseed = [0, 1, 2]\n')
    for trial in folder.trials()[:-1]:
        finish(task(folder), trial)
    evaluate(folder.of(folder.trials()[-1]), [0.1, 0.3])
    stored.write_json(folder.of(folder.trials()[-1]) / 'pruned.json', {})
    made = report.report(folder)
    assert made.options == ['optimizer.learning_rate']
    best, other = made.settings
    assert best['optimizer.learning_rate'] == 0.01 and (best['done'], best['seeds']) == (2, 3)
    assert best['valid_logloss'] == pytest.approx(0.405) and best['valid_logloss_deviation'] == pytest.approx(
        0.01 / 2**0.5
    )
    assert other['valid_logloss'] == pytest.approx(0.51) and other['valid_logloss_deviation'] == pytest.approx(0.01)
    assert other['test_auc'] == pytest.approx(0.71) and other['runs'] == [trial.id for trial in folder.trials()[:3]]
    assert (
        made.trials[0]['state'] == 'pruned'
        and made.trials[0]['valid_logloss'] == 0.1
        and made.trials[0]['test_auc'] is None
    )
    assert [row['valid_logloss'] for row in made.trials] == pytest.approx([0.1, 0.4, 0.41, 0.5, 0.51, 0.52])


def test_the_result_of_another_run_is_not_believed(tmp_path):
    folder = opened(tmp_path)
    one, two, _ = folder.trials()
    finish(task(folder), one)
    record = json.loads((folder.of(one) / 'result.json').read_text()) | {'fingerprint': one.id.rpartition('-')[2]}
    stored.write_json(folder.of(one) / 'result.json', record)
    assert trials.result(folder.of(one)).test == record['test']
    os.rename(folder.of(one), folder.of(two))
    with pytest.raises(UsageError, match=f'{two.id}/result.json is the result of another run'):
        report.report(folder)


def test_reports_go_to_the_sweeps_folder(command, tmp_path):
    (tmp_path / 'tiny.toml').write_text(BASE + '[grid]\nseed = [0, 1]\n')
    done = command('scripts/sweep.py', 'report', '--sweep=tiny.toml')
    assert done.returncode == 0, done.stderr
    tables = {'sweep_tiny.json', 'sweep_tiny.csv', 'sweep_tiny_trials.json', 'sweep_tiny_trials.csv'}
    assert {path.name for path in (tmp_path / 'sweeps' / 'tiny').iterdir()} == tables and not (
        tmp_path / 'results'
    ).exists()
    done = command('scripts/sweep.py', 'report', '--sweep=tiny.toml', '--output=here')
    assert done.returncode == 0 and {path.name for path in (tmp_path / 'here').iterdir()} == tables
