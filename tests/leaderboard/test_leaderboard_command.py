"""experiments/leaderboard.py as a user runs it."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, fails
from staleness_cases import append, edit, own_of, prepared_folder

TINY = """
[fixed]
training.batch_size = 256
training.epochs = 2
[shared]
optimizer.learning_rate = {low = 1e-2, high = 1e-1, log = true}
[models.lr]
[models.dnn]
options.model.deep_hidden = [4]
space.model.deep_dropout = {low = 0.0, high = 0.5}
"""
# Runs a script as it is, but ends its process at the chunk of that number, as a loss of power would.
KILLED = """
import os, runpy, sys
from autoint_jax.training.copies.trainer import CopiesTrainer
kept, left = CopiesTrainer.chunk, [int(sys.argv[1])]
def chunk(self, *arguments):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    return kept(self, *arguments)
CopiesTrainer.chunk = chunk
sys.argv[:2] = []
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def rows_of(folder):
    """Returns what does not depend on time and devices of both tables of a leaderboard."""
    timed = {'rows_per_second', 'searched_seconds', 'train_seconds', 'train_rows_per_second', 'time', 'device'}
    return [
        [{key: value for key, value in row.items() if key not in timed} for row in json.loads(path.read_text())['rows']]
        for path in sorted((folder / 'results').glob('*leaderboard_*.json'))
    ]


def left_alone(forks, data_dir, tmp_path):
    """Runs a tiny leaderboard in the folder `alone`; returns the script, its arguments and what the command printed.

    The folder `killed` has the same file of spaces, for the same command.
    """
    for name in ('alone', 'killed'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'tiny.toml').write_text(TINY)
    arguments = ['--trials=4', '--seeds=2', '--spaces=tiny.toml', f'--data_dir={data_dir}']
    script = str(ROOT / 'experiments' / 'leaderboard.py')
    done = forks.run([script, *arguments], tmp_path / 'alone', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return script, arguments, done


@pytest.mark.slow
def test_a_leaderboard_killed_after_a_model_goes_on_from_its_records_alone(forks, data_dir, tmp_path):
    script, arguments, _ = left_alone(forks, data_dir, tmp_path)
    for chunk in range(1, 20):  # killed at later and later chunks, each time with its folder lost
        killed = forks.run([str(chunk), script, *arguments], tmp_path / 'killed', code=KILLED, timeout=600)
        assert killed.returncode == 9, killed.stdout + killed.stderr
        shutil.rmtree(tmp_path / 'killed' / 'runs')
        if 'lr is done' in killed.stdout:
            break
    records = list((tmp_path / 'killed' / 'results' / 'runs').glob('*_lr-*.json'))
    assert len(records) == 2 and all(json.loads(path.read_text())['evaluations'] for path in records)
    on = forks.run([script, *arguments], tmp_path / 'killed', timeout=600)
    assert on.returncode == 0, on.stderr
    assert 'lr: 4 trials and 2 runs are taken from results, trained by commit' in on.stdout
    assert '1 model with 4 trials and 2 seeds each are 6 runs' in on.stdout and 'lr_search' not in on.stdout
    assert rows_of(tmp_path / 'killed') == rows_of(tmp_path / 'alone') and len(rows_of(tmp_path / 'alone')) == 2


@pytest.mark.slow
def test_a_killed_leaderboard_is_the_leaderboard_left_alone(forks, data_dir, tmp_path):
    script, arguments, done = left_alone(forks, data_dir, tmp_path)
    assert '2 models with 4 trials and 2 seeds each are 12 runs of at most 2 epochs: about ' in done.stdout
    assert re.search(r'has the best validation logloss of 2 models with equal budgets', done.stdout)
    page = (tmp_path / 'alone' / 'runs' / 'leaderboard_movielens_1m_autoint_all_rows' / 'leaderboard.html').read_text()
    assert 'Leaderboard of' in page and (tmp_path / 'alone' / 'results' / 'runs').exists()
    assert len(list((tmp_path / 'alone' / 'results' / 'runs').glob('*.json'))) == 4
    for chunk in ('2', '3'):
        killed = forks.run([chunk, script, *arguments], tmp_path / 'killed', code=KILLED, timeout=600)
        assert killed.returncode == 9, killed.stdout + killed.stderr
    done = forks.run([script, *arguments], tmp_path / 'killed', timeout=600)
    assert done.returncode == 0, done.stderr
    assert rows_of(tmp_path / 'killed') == rows_of(tmp_path / 'alone') and len(rows_of(tmp_path / 'alone')) == 2
    shutil.rmtree(tmp_path / 'killed' / 'runs')  # as on another machine, which has the records only
    again = forks.run([script, *arguments], tmp_path / 'killed')
    for model in ('lr', 'dnn'):
        assert f'{model}: 4 trials and 2 runs are taken from results, trained by commit' in again.stdout
    assert rows_of(tmp_path / 'killed') == rows_of(tmp_path / 'alone')
    again = forks.run([script, *arguments], tmp_path / 'killed')
    assert 'all runs of this leaderboard are complete: nothing is trained' in again.stdout and again.returncode == 0
    fails(forks.run([script, *arguments, '--trials=6'], tmp_path / 'killed'), '--trials=4, not 6')
    (tmp_path / 'killed' / 'tiny.toml').write_text(TINY.replace('high = 0.5', 'high = 0.3'))
    fails(forks.run([script, *arguments], tmp_path / 'killed'), 'or give --search_again and name dnn in --models')
    again = forks.run([script, *arguments, '--models=dnn', '--search_again'], tmp_path / 'killed', timeout=600)
    assert 'dnn: its space has changed, so the trials that this space draws' in again.stdout and again.returncode == 0
    was, now = (rows_of(tmp_path / name)[1] for name in ('alone', 'killed'))
    assert [row for row in was if row in now] == [row for row in was if row['model'] == 'lr'] == was[:4]
    assert [row['model'] for row in now] == [row['model'] for row in was]


def test_careless_flags_are_sentences(command, data_dir, tmp_path):
    given = f'--data_dir={data_dir}'
    for arguments, part in (
        (['--models='], '--models names no model'),
        (['--models=lr,'], '--models=lr, has a comma without a model beside it: leave it out'),
        (['--models=lr'], 'compares at least 2: name more'),
        (['--dataset=csv'], '--dataset=csv needs --schema=FILE'),
        (['--schema=x.yaml'], '--schema is for --dataset=csv'),
    ):
        fails(command('experiments/leaderboard.py', given, *arguments), part)


def test_a_table_that_has_changed_since_it_was_prepared_is_refused(command, tmp_path):
    raw = prepared_folder(tmp_path)
    given = ['--dataset=csv', '--schema=raw/mine.yaml', f'--data_dir={own_of(raw).data_dir}', '--models=lr']
    fails(command('experiments/leaderboard.py', *given), 'compares at least 2: name more')  # it is up to date
    edit(raw / 'mine.yaml', '- {name: b, kind: numeric}', '')
    again = f'scripts/prepare_data.py --dataset=csv --schema=raw/mine.yaml {given[2]} --overwrite prepares it again'
    fails(command('experiments/leaderboard.py', *given), f'fields.b is gone: {again}')


def test_a_declaration_elsewhere_is_compared_with_the_files_beside_it(command, tmp_path):
    raw = prepared_folder(tmp_path)
    shutil.copytree(raw, tmp_path / 'copy')
    given = ['--dataset=csv', '--schema=copy/mine.yaml', f'--data_dir={own_of(raw).data_dir}', '--models=lr']
    fails(command('experiments/leaderboard.py', *given), 'compares at least 2: name more')  # the same content
    append(tmp_path / 'copy')
    fails(command('experiments/leaderboard.py', *given), 'copy/part-1.csv has')
    for path in (tmp_path / 'copy').glob('*.csv'):
        path.unlink()
    fails(command('experiments/leaderboard.py', *given), 'compares at least 2: name more')  # as those of then


@pytest.mark.slow
def test_two_processes_share_a_leaderboard_and_train_nothing_twice(data_dir, tmp_path):
    (tmp_path / 'tiny.toml').write_text(TINY)
    command = [sys.executable, str(ROOT / 'experiments' / 'leaderboard.py'), '--trials=4', '--seeds=2']
    command += ['--spaces=tiny.toml', f'--data_dir={data_dir}']
    started = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    done = re.findall(r'(?:search|final): (\S+) done', ''.join(out for out, _ in ended))
    assert len(done) == len(set(done)) == 12
    table, listed = rows_of(tmp_path)
    assert [row['seeds'] for row in table] == [['1', '2']] * 2 and len(listed) == 8
    assert len(list((tmp_path / 'results' / 'runs').glob('*.json'))) == 4
    assert not list((tmp_path / 'results').rglob('*.unfinished*'))
