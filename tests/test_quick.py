"""--quick of experiments: a trial that ends soon and judges nothing."""

import re

import pytest

QUICKEST = ['table1_statistics', 'table3_model_size']
OTHERS = [
    'ablations',
    'figure4_run_time',
    'figure5_depth',
    'figure6_embedding_size',
    'figure7_attention',
    'figure7_evidence',
    'heads',
    'own_figure',
    'splits',
    'table_precision',
    'table5_joint',
    'tuning',
]


def tried_out(command, data_dir, script):
    done = command(f'experiments/{script}.py', '--quick', f'--data_dir={data_dir}', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith('quick: no verdict\n')
    assert not re.search(r'\b(PASS|FAIL)\b', done.stdout)


@pytest.mark.parametrize('script', QUICKEST)
def test_the_quickest_experiments_judge_nothing(command, data_dir, tmp_path, script):
    tried_out(command, data_dir, script)
    assert list((tmp_path / 'runs' / 'quick' / 'results').glob('table*.json')) and not (tmp_path / 'results').exists()


@pytest.mark.slow
def test_daily_training_is_tried_out(command, tmp_path):
    done = command('experiments/daily_training.py', '--quick', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'day 3: AUC ' in done.stdout and done.stdout.endswith('quick: no verdict\n')
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_training_rules_are_tried_out(command, tmp_path):
    done = command('experiments/training_rules.py', '--quick', '--parts=tables', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'inverse_root' in done.stdout and done.stdout.endswith('quick: no verdict\n')
    assert {path.name for path in tmp_path.iterdir()} == {'runs'}


@pytest.mark.slow
def test_crosses_are_tried_out(command, data_dir, raw_dir, tmp_path):
    done = command(
        'experiments/crosses.py', '--quick', '--counts=5,20', f'--data_dir={data_dir}', f'--raw_dir={raw_dir}'
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '20 strong' in done.stdout and '5 random' in done.stdout and done.stdout.endswith('quick: no verdict\n')
    assert {path.name for path in tmp_path.iterdir()} == {'runs'}


@pytest.mark.slow
def test_faithfulness_is_tried_out(command, tmp_path):
    done = command('experiments/faithfulness.py', '--quick', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'sparse, strength 1, seed 0, ft_transformer: ' in done.stdout and ' shapley ' in done.stdout
    assert done.stdout.endswith('quick: no verdict\n') and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_ladder_is_tried_out(command, tmp_path):
    done = command('experiments/ladder.py', '--quick', '--dataset=planted_sparse', timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Not complete: hiformer.' in done.stdout and done.stdout.endswith('quick: no verdict\n')
    assert {path.name for path in tmp_path.iterdir()} == {'runs'}


@pytest.mark.slow
@pytest.mark.parametrize('script', [*OTHERS, 'paper'])
def test_an_experiment_judges_nothing(command, data_dir, tmp_path, script):
    tried_out(command, data_dir, script)
    assert not (tmp_path / 'results').exists() and {path.name for path in (tmp_path / 'runs').iterdir()} == {'quick'}
