"""Several runs side by side: their groups, means, tests and ranks, the page, and mistakes."""

import json
import re

import numpy as np
import pytest
from made_runs import MODELS, figures, models_and_seeds, write_data, write_run
from scipy import stats
from sweep_cases import BASE, finish, opened, task

from autoint_jax.comparison.figures import compared
from autoint_jax.comparison.page import comparison_page
from autoint_jax.comparison.runs import runs_of_folders
from autoint_jax.comparison.settings import settings_of, shared_metrics
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.paired import holm
from autoint_jax.report.blocks import Chart, Table, Text


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    return models_and_seeds(tmp_path_factory.mktemp('runs'))


@pytest.fixture(scope='module')
def settings(folders):
    return settings_of(runs_of_folders(folders))


def test_figures_tests_and_ranks_equal_scipy(settings):
    assert [setting.name for setting in settings] == list(MODELS) and settings[0].options == {'model.name': 'lr'}
    for metric in ('auc', 'logloss'):
        found = compared(settings, metric)
        table = np.array([[figures(model, seed)[metric] for seed in range(6)] for model in MODELS])
        np.testing.assert_allclose([one.mean for one in found.test], table.mean(1))
        np.testing.assert_allclose([one.deviation for one in found.test], table.std(1, ddof=1))
        assert found.best == 3 and [one.setting for one in found.others] == [0, 1, 2] and found.blocks == list(range(6))
        t = [stats.ttest_rel(table[3], own).pvalue for own in table[:3]]
        wilcoxon = [stats.wilcoxon(table[3] - own).pvalue for own in table[:3]]
        np.testing.assert_allclose([one.t for one in found.others], holm(t))
        np.testing.assert_allclose([one.wilcoxon for one in found.others], holm(wilcoxon))
        ranks = stats.rankdata(-table if metric == 'auc' else table, axis=0).mean(1)
        np.testing.assert_allclose(found.ranks.ranks, ranks)
        assert found.ranks.p == pytest.approx(stats.friedmanchisquare(*table).pvalue)


def test_tests_are_paired_by_seed_and_not_by_place(folders, tmp_path):
    """The second setting lacks seeds 0 and 1, and has two others."""
    auc = {seed: 0.6 + 0.01 * seed for seed in (7, 5)}
    more = [write_run(tmp_path / f'd{s}', {'model.name': 'deepfm'}, s, {'auc': auc[s], 'logloss': 0.4}) for s in auc]
    found = compared(settings_of(runs_of_folders([*folders[18:], *more])), 'auc')
    (only,) = found.others
    assert only.tests.blocks == 1 and np.isnan(only.t) and found.ranks is None
    assert only.tests.difference.value == pytest.approx(figures('dnn', 5)['auc'] - auc[5])


def test_the_best_setting_is_chosen_by_validation_figures(tmp_path):
    runs = [write_run(tmp_path / str(seed), {}, seed, {'auc': 0.7, 'logloss': 0.5}) for seed in range(2)]
    runs += [write_run(tmp_path / f'w{s}', {'optimizer.learning_rate': 0.5}, s, figures('lr', s)) for s in range(2)]
    for folder in runs[:2]:
        result = json.loads((folder / 'result.json').read_text())
        result['valid'] = {'auc': 0.9, 'logloss': 0.1}
        (folder / 'result.json').write_text(json.dumps(result))
    found = settings_of(runs_of_folders(runs))
    assert [setting.name for setting in found] == ['learning_rate 0.001', 'learning_rate 0.5']
    assert compared(found, 'auc').best == 0 and shared_metrics(found) == ['auc', 'logloss']


def test_the_page_says_what_the_figures_are(settings):
    page = comparison_page(settings, 'auc', '24 runs')
    assert page.lead.startswith('dnn has the best validation AUC; its test AUC is 0.80')
    assert 'better than 3 of 3 others' in page.lead
    assert [chart.name for chart in page.charts] == [
        'test_figures',
        'critical_difference',
        'learning_curves',
        'parallel_coordinates',
    ]
    table = next(block for block in page.blocks if isinstance(block, Table))
    values = [figures('dnn', seed)['auc'] for seed in range(6)]
    assert (
        table.rows[0][:2] == ['dnn', 6] and table.rows[0][3] == f'{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}'
    )
    ranks = next(chart for chart in page.charts if chart.name == 'critical_difference')
    assert ranks.described == 'Mean ranks, the best first: dnn 1.00, autoint 2.00, fm 3.00, lr 4.00.'
    for part in ('Seeds stand for', 'less than the paired tests above', 'nothing about other data'):
        assert part in ranks.caption  # a bar joins dnn and autoint, which the paired tests tell apart
    bars = ranks.spec['layer'][3]['data']['values']
    assert [bar['names'] for bar in bars] == ['dnn, autoint', 'autoint, fm', 'fm, lr']
    lines = next(chart for chart in page.charts if chart.name == 'parallel_coordinates').spec['layer'][1]
    rows = [row for row in lines['data']['values'] if row['axis'] == 'validation AUC']
    order = np.argsort([float(row['value']) for row in rows], kind='stable')
    assert len(rows) == 24 and (np.diff([rows[place]['at'] for place in order]) >= -1e-2).all()
    curves = next(chart for chart in page.charts if chart.name == 'learning_curves').spec['concat'][0]
    drawn = [row for row in curves['data']['values'] if row['series'] == 'dnn' and row['x'] == 4.0]
    assert (
        drawn[0]['y'] == pytest.approx(np.mean(values) - 0.002) and drawn[0]['low'] < drawn[0]['y'] < drawn[0]['high']
    )


def table_of(page, name):
    return next(block for block in page.blocks if isinstance(block, Table) and block.name == name)


def test_two_runs_of_one_seed_have_a_page_too(tmp_path):
    runs = [
        write_run(tmp_path / model, {'model.name': model}, 0, figures(model, 0), evaluated=False)
        for model in MODELS[:2]
    ]
    page = comparison_page(settings_of(runs_of_folders(runs)), 'logloss', '2 runs')
    assert 'No two settings share two seeds, so whether the difference is chance cannot be said' in page.lead
    texts = ' '.join(block.text for block in page.blocks if isinstance(block, Text))
    assert (
        'at least three settings and two seeds' in texts
        and 'shares at most one seed' in texts
        and 'keep no evaluations' in texts
    )
    assert [block.name for block in page.blocks if isinstance(block, Chart)] == ['test_figures']
    assert table_of(page, 'table_of_options').rows == [['model.name', 'fm', 'lr']]
    different = [('lr', {}), ('autoint', {'model.num_layers': 2}), ('autoint', {'model.num_layers': 3})]
    mixed = settings_of(
        runs_of_folders(
            [
                write_run(tmp_path / f'm{place}', {'model.name': model, **more}, 0, figures(model, 0))
                for place, (model, more) in enumerate(different)
            ]
        )
    )
    assert sorted(setting.name for setting in mixed) == ['autoint, num_layers 2', 'autoint, num_layers 3', 'lr']
    page = comparison_page(mixed, 'auc', '3 runs')
    options = {row[0]: row[1:] for row in table_of(page, 'table_of_options').rows}
    assert sorted(options['model.num_layers']) == ['-', '2', '3']  # LR has no layers
    chart = next(chart for chart in page.charts if chart.name == 'parallel_coordinates')
    axes = {row['axis'] for row in chart.spec['layer'][1]['data']['values']}
    assert axes == {'name', 'validation AUC'} and '1 further option' in chart.caption
    many = [write_run(tmp_path / f'n{n}', {'training.epochs': n}, 1, figures('lr', n)) for n in range(1, 8)]
    table = table_of(comparison_page(settings_of(runs_of_folders(many)), 'auc', '7 runs'), 'table_of_options')
    assert table.heads == ['setting', 'training.epochs'] and ['epochs 7', '7'] in table.rows
    one = comparison_page(
        settings_of(runs_of_folders([write_run(tmp_path / str(s), {}, s, figures('lr', s)) for s in range(3)])),
        'auc',
        '3 runs',
    )
    assert one.lead.startswith('There is one setting, the only setting, with 3 seeds: test AUC 0.7')


def test_recipes_of_the_same_rows_can_be_compared_and_other_rows_cannot(tmp_path):
    data = [
        write_data(tmp_path / name, ids, positive) for name, ids, positive in (('a', 3, 2), ('b', 4, 2), ('c', 3, 3))
    ]
    runs = [
        write_run(tmp_path / f'run_{own.folder.name}', {'data.recipe': own.folder.name}, 0, figures('lr', 0), data=own)
        for own in data
    ]
    assert [setting.name for setting in settings_of(runs_of_folders(runs[:2]))] == ['recipe a', 'recipe b']
    with pytest.raises(UsageError, match=r'run_c was trained and tested on other rows \(csv/c, hash \w{12}\) than '):
        runs_of_folders([runs[0], runs[2]])


def test_mistakes_are_one_sentence(folders, tmp_path):
    (tmp_path / 'empty').mkdir()
    unfinished = write_run(tmp_path / 'unfinished', {}, 3, figures('lr', 0), complete=False)
    copy = write_run(tmp_path / 'copy', {'model.name': 'lr'}, 0, figures('lr', 0))
    elsewhere = write_run(tmp_path / 'elsewhere', {}, 9, figures('lr', 0), data_hash='cd' * 32)
    for wrong, sentence in (
        ([folders[0]], '1 run is named, and a comparison needs at least two: name more run folders'),
        ([folders[0], tmp_path / 'none'], 'none is not a folder: name run folders'),
        ([folders[0], tmp_path / 'empty'], 'empty is not a run folder (it has no run.json)'),
        ([folders[0], unfinished], 'unfinished holds a run that is not complete, so it has no test figures'),
        ([folders[0], folders[0]], 'hold the same run, with the same configuration and seed: name it once'),
        ([folders[0], copy], 'hold the same run, with the same configuration and seed: name it once'),
        ([folders[0], elsewhere], 'elsewhere was trained and tested on other rows (csv/log, hash cdcdcdcdcdcd)'),
    ):
        with pytest.raises(UsageError, match=re.escape(sentence)):
            runs_of_folders(wrong)


def test_a_sweep_is_compared_by_its_done_trials(command, tmp_path):
    folder = opened(tmp_path, BASE + '[grid]\noptimizer.learning_rate = [0.1, 0.01, 0.03]\nseed = [0, 1]\n')
    done = command('scripts/compare.py', f'--sweep={tmp_path}/depth.toml')
    assert done.returncode == 2 and 'has 0 trials that are done, and a comparison needs at least two' in done.stderr
    for trial in folder.trials()[:-1]:
        finish(task(folder), trial)
    done = command('scripts/compare.py', f'--sweep={tmp_path}/depth.toml', '--output=new/page.html')
    assert done.returncode == 0, done.stderr
    assert 'learning_rate 0.01 has the best validation logloss' in done.stdout
    page = (tmp_path / 'new' / 'page.html').read_text()
    assert page.count('<tr>') > 6 and 'optimizer.learning_rate' in page
    assert (tmp_path / 'new' / 'page' / 'parallel_coordinates.svg').read_text().startswith('<svg')
    for given, sentence in (
        ([], 'name the folders of at least two runs, or --sweep=FILE, and not both'),
        ([f'--sweep={tmp_path}/depth.toml', '--metric=group_auc'], '--metric=group_auc cannot choose'),
    ):
        done = command('scripts/compare.py', *given)
        assert done.returncode == 2 and sentence in done.stderr and done.stderr.count('\n') == 1, done.stderr


def test_long_names_are_numbered_the_best_first_so_that_charts_can_cut_them(tmp_path):
    options = {'optimizer.learning_rate': 0.5, 'training.batch_size': 17}
    runs = [write_run(tmp_path / f'a{seed}', options, seed, figures('lr', seed)) for seed in range(2)]
    runs += [write_run(tmp_path / f'b{seed}', {}, seed, figures('fm', seed)) for seed in range(2)]
    page = comparison_page(settings_of(runs_of_folders(runs)), 'auc', '4 runs')
    names = [row[0] for row in table_of(page, 'table_of_figures').rows]
    assert names == ['1: learning_rate 0.001, batch_size 1024', '2: learning_rate 0.5, batch_size 17']
    dots = [row['group'] for row in page.charts[0].spec['data']['values']]
    assert dots == ['1: learning_rate 0.001, b…'] * 2 + ['2: learning_rate 0.5, bat…'] * 2
