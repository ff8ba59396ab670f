"""--quick of experiments: a trial that ends soon and judges nothing."""

import json
import re
import shutil

import pytest
from conftest import fails

from autoint_jax.data.store import shuffled
from autoint_jax.data.store.first_rows import ROWS_OF, write_first_rows
from autoint_jax.data.store.opening import open_prepared

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


def tried_out(command, data_dir, script, *arguments):
    done = command(f'experiments/{script}.py', '--quick', f'--data_dir={data_dir}', *arguments, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith('quick: no verdict\n')
    assert not re.search(r'\b(PASS|FAIL)\b', done.stdout)


@pytest.mark.parametrize('script', QUICKEST)
def test_the_quickest_experiments_judge_nothing(command, data_dir, tmp_path, script):
    tried_out(command, data_dir, script)
    assert list((tmp_path / 'runs' / 'quick' / 'results').glob('table*.json')) and not (tmp_path / 'results').exists()


def test_first_rows_are_taken_of_every_recipe(command, data_dir, tmp_path):
    """Also beside a recipe whose rows an experiment has put in another order, and after one is prepared again."""
    whole, short = tmp_path / 'prepared', tmp_path / 'runs' / 'quick' / 'data' / 'movielens_1m'
    recipe = shutil.copytree(data_dir, whole) / 'movielens_1m' / 'autoint_all_rows'
    data = open_prepared(whole, 'movielens_1m', 'autoint_all_rows')
    shuffled.write_other_order(data, 1, recipe.with_name('autoint_all_rows_order1'))
    shutil.copytree(recipe, recipe.with_name('with_ids'))
    tried_out(command, whole, 'table1_statistics', '--dataset=movielens_1m')
    assert {path.name for path in short.iterdir()} == {'autoint_all_rows', 'with_ids'}
    write_first_rows(data, 200, tmp_path / 'other')
    shutil.rmtree(recipe)
    (tmp_path / 'other').rename(recipe)
    tried_out(command, whole, 'table1_statistics', '--dataset=movielens_1m')
    rows_of = {path.name: json.loads((path / 'manifest.json').read_text())[ROWS_OF] for path in short.iterdir()}
    again = open_prepared(whole, 'movielens_1m', 'autoint_all_rows')
    assert rows_of == {'autoint_all_rows': again.hash, 'with_ids': data.hash} and again.hash != data.hash


def test_a_damaged_recipe_stops_only_experiments_that_need_it(command, data_dir, tmp_path):
    whole, short = tmp_path / 'prepared', tmp_path / 'runs' / 'quick' / 'data' / 'movielens_1m'
    recipe = shutil.copytree(data_dir, whole) / 'movielens_1m' / 'autoint_all_rows'
    for name in ('with_ids', 'of_another_version'):
        shutil.copytree(recipe, recipe.with_name(name))
    (recipe.with_name('of_another_version') / 'schema.json').write_text('{}')
    with open(recipe.with_name('with_ids') / 'valid' / 'ids.npy', 'r+b') as file:
        file.truncate(200)
    tried_out(command, whole, 'table1_statistics', '--dataset=movielens_1m')
    assert [path.name for path in short.iterdir()] == ['autoint_all_rows']
    done = command('experiments/leaderboard.py', '--quick', '--recipe=with_ids', f'--data_dir={whole}')
    fails(done, f'{whole}/movielens_1m/with_ids/valid/ids.npy', 'prepare the data again with --overwrite')
    assert 'without the recipe of_another_version: ' in done.stdout


def test_a_missing_recipe_is_asked_for_in_the_folder_of_whole_data(command, data_dir, tmp_path):
    done = command('experiments/leaderboard.py', '--quick', '--recipe=with_ids', f'--data_dir={data_dir}')
    fails(done, f'no prepared data at {data_dir}/movielens_1m/with_ids', f'--data_dir={data_dir}\n')
    assert list((tmp_path / 'runs' / 'quick' / 'data' / 'movielens_1m').iterdir())


def test_other_splits_need_a_model(command, data_dir):
    fails(
        command('experiments/splits.py', '--models=', f'--data_dir={data_dir}'),
        "no model has a record on 'movielens_1m'",
    )


def test_training_rules_need_a_part(command):
    fails(command('experiments/training_rules.py', '--parts='), '--parts is empty: give some of tables, training, time')


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
    assert 'Not complete: task token, scaled scores: Hiformer.' in done.stdout
    assert done.stdout.endswith('quick: no verdict\n')
    assert {path.name for path in tmp_path.iterdir()} == {'runs'}


@pytest.mark.slow
@pytest.mark.parametrize('script', [*OTHERS, 'paper'])
def test_an_experiment_judges_nothing(command, data_dir, tmp_path, script):
    tried_out(command, data_dir, script)
    assert not (tmp_path / 'results').exists() and {path.name for path in (tmp_path / 'runs').iterdir()} == {'quick'}
