"""Experiments as a user runs them: tried out, gone on with, ended, and asked for what they do not have."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, fails

# Runs a script of ROOT with options that make the configurations of its models smaller: JSON, script, arguments.
SMALLER = """
import json, os, runpy, sys
from autoint_jax.config import configuration

options, load = json.loads(sys.argv[1]), configuration.load
configuration.load = lambda path: configuration.replace(load(path), options)
sys.argv[:2] = []
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.slow
def test_table4_runs_what_is_missing_and_is_not_judged_if_quick(forks, command, data_dir, tmp_path):
    arguments = ['--seeds=1', '--quick', f'--data_dir={data_dir}']
    script = str(ROOT / 'experiments/table4_residual_ablation.py')
    smaller = json.dumps({'model.num_layers': 1})
    done = forks.run([smaller, script, *arguments], tmp_path, code=SMALLER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('run movielens_1m_autoint') == 2
    assert '0.8460' in done.stdout and done.stdout.endswith('\nquick: no verdict\n')
    assert not re.search('PASS|FAIL', done.stdout)
    (record,) = (tmp_path / 'runs' / 'quick' / 'results').glob('table4_*.json')
    found = json.loads(record.read_text())
    assert found['dataset'] == 'movielens_1m' and {row['verdict'] for row in found['rows']} == {'no verdict'}
    assert not (tmp_path / 'results').exists()
    again = forks.run([smaller, script, *arguments], tmp_path, code=SMALLER)
    assert 'run movielens_1m' not in again.stdout and again.returncode == 0
    more = forks.run([smaller, script, '--seeds=2', *arguments[1:]], tmp_path, code=SMALLER)
    assert more.stdout.count('run movielens_1m_autoint') == 2 and more.returncode == 0
    fewer = forks.run([smaller, script, *arguments], tmp_path, code=SMALLER)
    assert 'shows 2 seeds, so 2 are completed' in fewer.stdout and 'run movielens_1m' not in fewer.stdout
    assert {row['seeds'] for row in json.loads(record.read_text())['rows']} == {2}
    fails(command('experiments/table4_residual_ablation.py', '--dataset=criteo2'), "no data set 'criteo2'")


@pytest.mark.slow
def test_a_table_of_models_shows_the_papers_figure_beside_ours(command, forks, data_dir, tmp_path):
    arguments = ['--seeds=2', '--quick', f'--data_dir={data_dir}']
    done = command('experiments/table2_effectiveness.py', '--models=lr,fm', *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('2 copies in one program') == 2
    assert '0.7716' in done.stdout and '0.8252' in done.stdout and 'less 0.002 (autoint), 0.005 (others)' in done.stdout
    script = str(ROOT / 'experiments/table2_effectiveness.py')
    arguments_of_one = [script, '--models=lr', '--seeds=1', f'--data_dir={data_dir}']
    judged = forks.run([json.dumps({'training.epochs': 1}), *arguments_of_one], tmp_path, code=SMALLER)
    assert judged.returncode == 3 and 'FAIL' in judged.stdout and 'quick' not in judged.stdout  # made-up data
    fails(command('experiments/table2_effectiveness.py', '--models=fn', *arguments), "no model 'fn'", 'fm')
    fails(command('experiments/table5_joint.py', '--dataset=criteo2', *arguments), "no data set 'criteo2'")


@pytest.mark.slow
def test_exactness_compares_seed_by_seed(command, data_dir):
    done = command(
        'experiments/exactness.py',
        '--seeds=1',
        '--quick',
        '--followed_steps=30',
        '--nobfloat16',
        '--control_form=einsum',
        f'--data_dir={data_dir}',
    )
    assert done.returncode == 0, done.stdout + done.stderr  # after one short epoch the optimizers agree
    assert done.stdout.count('run movielens_1m_autoint') == 3 and 'dense Adam' in done.stdout


@pytest.mark.slow
def test_the_paper_goes_on_after_a_part_that_fails(command, tmp_path):
    """Table 2 has no data here; Table 3 needs none, and has no seeds."""
    done = command(
        'experiments/paper.py',
        '--parts=table2,table3',
        '--seeds=2',
        f'--data_dir={tmp_path}',
        f'--results_dir={tmp_path}',
    )
    assert done.returncode == 2 and 'no prepared data' in done.stderr and 'Traceback' not in done.stderr
    assert 'error, status 2' in done.stdout and (tmp_path / 'table3_model_size_criteo.json').exists()
    fails(command('experiments/paper.py', '--parts=table9'), "no part 'table9'", 'did you mean')


def test_the_paper_ends_the_part_that_runs(tmp_path):
    """Only experiments/paper.py gets SIGTERM; a part in place of Table 1 says when it runs and when it has ended."""
    for script in ('paper', 'experiment_flags'):
        shutil.copy(ROOT / 'experiments' / f'{script}.py', tmp_path)
    (tmp_path / 'table1_statistics.py').write_text(
        'import pathlib, signal, sys, time\n'
        'signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.1), pathlib.Path("ended").touch(), sys.exit(1)))\n'
        'pathlib.Path("runs").touch()\ntime.sleep(20)\n'
    )
    paper = subprocess.Popen([sys.executable, 'paper.py', '--parts=table1,table1'], cwd=tmp_path)
    while not (tmp_path / 'runs').exists():
        assert paper.poll() is None
        time.sleep(0.02)
    paper.send_signal(signal.SIGTERM)
    assert paper.wait() == 143 and (tmp_path / 'ended').exists()


def test_the_second_implementation_looks_at_its_folders_first(command, data_dir, tmp_path, monkeypatch):
    """With a stand-in for PyTorch, of which nothing is called before."""
    (tmp_path / 'torch.py').write_text(
        'import types\nTensor = object\nnn = types.SimpleNamespace(Module=object, Embedding=object)\n'
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    fails(
        command('experiments/torch_baselines.py', '--data=nowhere'), '--data=nowhere is not a folder of prepared data'
    )
    data = next(data_dir.rglob('manifest.json')).parent
    fails(
        command('experiments/torch_baselines.py', f'--data={data}', '--results_dir=none'),
        '--results_dir=none is not a folder',
    )
