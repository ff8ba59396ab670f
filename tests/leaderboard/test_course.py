"""A leaderboard from its first trial to its answer, whose runs are trained by stand-ins."""

import json

import numpy as np
import pytest
from board_cases import BEST, NAMES, SEEDS, SPACES, Standins, loss_of, made, noise, played  # noqa: F401
from scipy import stats

from autoint_jax.errors import UsageError
from autoint_jax.evaluation.paired import holm
from autoint_jax.leaderboard import tables
from autoint_jax.leaderboard.answer import answer
from autoint_jax.leaderboard.pace import Pace
from autoint_jax.leaderboard.page import leaderboard_page
from autoint_jax.leaderboard.publication import publish
from autoint_jax.leaderboard.standings import chosen_trial, standings, trial_rows
from autoint_jax.report.blocks import Chart, Table
from autoint_jax.reproduction.leaderboard import leaderboard_lines
from autoint_jax.sweeps import trials


def test_the_table_says_what_the_runs_say_and_test_figures_choose_nothing(tmp_path, made, played):
    board = made(tmp_path)
    said = played(board, Standins(), timed=True)
    assert said[0] == 'measuring the speed of 3 models, some seconds for each'
    assert said[1].startswith('3 models with 6 trials and 4 seeds each are 30 runs of at most 2 epochs: about ')
    assert said[2].startswith('lr is done: the best of 6 trials') and '2 models are left' in said[2]
    found, searched = standings(board), trial_rows(board)
    assert [one.model for one in found.models] == ['dnn', 'fm', 'lr'] and found.left_out == {}
    for one in found.models:
        assert one.chosen == min(board.trials[one.model], key=loss_of) and one.setting.seeds == list(SEEDS)
    rows = tables.table_rows(found, searched)
    test = np.array([[BEST[model] + noise(model, seed) for seed in SEEDS] for model in ('dnn', 'fm', 'lr')])
    np.testing.assert_allclose([row['test_logloss'] for row in rows], test.mean(1))
    np.testing.assert_allclose([row['test_logloss_deviation'] for row in rows], test.std(1, ddof=1))
    expected = holm([stats.ttest_rel(test[0], other).pvalue for other in test[1:]])
    np.testing.assert_allclose([row['p_t'] for row in rows[1:]], expected)
    np.testing.assert_allclose([row['difference'] for row in rows[1:]], test[0].mean() - test[1:].mean(1))
    assert {row['trials'] for row in rows} == {6} and {row['searched_epochs'] for row in rows} == {12.0}
    sentences = ' '.join(answer(board, found))
    assert sentences.startswith(
        'dnn has the best validation logloss of 3 models with equal budgets; its test logloss is'
    )
    assert (
        'better than 1 of 2 other models by more than chance' in sentences and 'difference from fm may be' in sentences
    )
    assert 'fm has the fewest parameters of them, 9,' in sentences and 'only' in sentences  # few test rows
    page = leaderboard_page(board, found, searched, answer(board, found))
    charts = {block.name for block in page.blocks if isinstance(block, Chart)}
    assert {'critical_difference', 'search_curves', 'trials', 'learning_curves'} <= charts
    spent = next(block for block in page.blocks if isinstance(block, Table) and block.name == 'table_of_budgets')
    assert [row[:4] for row in spent.rows] == [[model, 6, 0, '12'] for model in ('lr', 'fm', 'dnn')]
    published = publish(board, tmp_path / 'results')
    assert published.rows == rows and published.page.exists()
    table, listed = (json.loads((tmp_path / 'results' / name).read_text()) for name in NAMES)
    assert table['trials_of_a_model'] == 6 and table['epochs_of_a_run'] == 2 and len(listed['rows']) == 18
    assert table['spaces']['fm']['space']['model.embedding_dim'] == {'choices': [2, 3]}
    assert not any('test' in key for row in listed['rows'] for key in row)


def test_models_are_tested_beside_the_one_that_is_named(tmp_path, made, played):
    with pytest.raises(UsageError, match="tested beside 'fmm', which takes no part .did you mean 'fm'"):
        made(tmp_path, beside='fmm')
    played(board := made(tmp_path, beside='fm'), Standins())
    assert not {'beside'} & board.identity().keys()  # another one may be named later
    found = standings(board)
    rows = {row['model']: row for row in tables.table_rows(found, trial_rows(board))}
    test = {model: np.array([BEST[model] + noise(model, seed) for seed in SEEDS]) for model in BEST}
    expected = holm([stats.ttest_rel(test['fm'], test[other]).pvalue for other in ('dnn', 'lr')])
    np.testing.assert_allclose([rows[other]['p_t_beside'] for other in ('dnn', 'lr')], expected)
    for other in ('dnn', 'lr'):
        np.testing.assert_allclose(rows[other]['minus_beside'], test[other].mean() - test['fm'].mean())
    assert rows['fm']['minus_beside'] is None and rows['fm']['p_t_beside'] is None
    said = 'Beside fm, dnn is not different by more than chance; lr is worse by more than chance'
    assert said in answer(board, found)
    publish(board, tmp_path / 'results')
    (tmp_path / 'results' / 'board.json').rename(tmp_path / 'results' / 'leaderboard_board.json')
    lines = leaderboard_lines(tmp_path / 'results')
    header = next(line for line in lines if line.startswith('| model'))
    of_lr = next(line for line in lines if line.startswith('| `lr`')).split(' | ')
    assert '| minus `fm` | p |' in header and of_lr[4] == f'{rows["lr"]["minus_beside"]:+.4f}'


def test_a_stopped_leaderboard_goes_on_to_the_same_table(tmp_path, made, played):
    whole, stopped = Standins(), Standins(stop_after=9)
    played(made(tmp_path / 'whole'), whole)
    board = made(tmp_path / 'stopped')
    with pytest.raises(KeyboardInterrupt):
        played(board, stopped)
    on = Standins()
    played(made(tmp_path / 'stopped'), on)
    assert len(stopped.trained) == 9 and sorted(whole.trained) == sorted({*stopped.trained, *on.trained})
    assert len(on.trained) < len(whole.trained)
    found = [tables.table_rows(standings(one), trial_rows(one)) for one in (made(tmp_path / 'whole'), board)]
    assert found[0] == found[1]
    again = Standins()
    assert played(board, again)[0] == 'all runs of this leaderboard are complete: nothing is trained'
    assert again.trained == []


def test_trials_that_fail_count_and_a_model_without_any_has_no_place(tmp_path, made, played):
    board = made(tmp_path)
    best = min(board.trials['lr'], key=loss_of)
    said = played(board, Standins(fails=[lambda t: t.id == best.id, lambda t: t.config.model.name == 'fm']))
    assert any('lr is done' in line and '; 1 of them failed' in line for line in said)
    assert any('fm is left out: none of 6 trials has a validation logloss' in line for line in said)
    found = standings(board)
    assert list(found.left_out) == ['fm'] and 'all of its 6 trials failed' in found.left_out['fm']
    lr = next(one for one in found.models if one.model == 'lr')
    assert lr.chosen == sorted(board.trials['lr'], key=loss_of)[1]
    failed = [row for row in trial_rows(board) if row['state'] == trials.FAILED]
    assert len(failed) == 7 and all('step 7 is nan' in row['error'] for row in failed)
    assert chosen_trial(board.search_of('fm')) is None


TWINS = """
[shared]
optimizer.learning_rate = {low = 1e-3, high = 1e-1, log = true}
[models.one]
options.model.name = 'fm'
[models.two]
options.model.name = 'fm'
"""


def test_entries_that_choose_the_same_setting_are_equal_and_not_an_error(tmp_path, made, played, monkeypatch):
    monkeypatch.setattr('autoint_jax.comparison.runs.MOST_RUNS', 2 * len(SEEDS) - 1)  # which is for named folders
    board = made(tmp_path, text=TWINS)
    played(board, Standins())
    found = standings(board)
    assert [(one.model, one.setting.name, one.setting.seeds) for one in found.models] == [
        ('one', 'one', list(SEEDS)),
        ('two', 'two', list(SEEDS)),
    ]
    said = ' '.join(answer(board, found))
    assert 'better than 0 of 1 other models' in said and 'Its difference from two may be chance' in said
    assert 'two seeds' not in said


def test_a_model_with_fewer_seeds_than_the_others_is_named(tmp_path, made, played):
    board = made(tmp_path)
    played(board, Standins(fails=[lambda t: t.config.model.name == 'dnn' and t.config.seed in (2, 3)]))
    said = answer(board, standings(board))
    assert 'dnn has figures of 2 of 4 seeds, because its other runs failed' in said
    assert sum('runs failed' in sentence for sentence in said) == 1


def test_a_folder_takes_more_models_but_no_other_space(tmp_path, made, played):
    played(made(tmp_path, models=['lr']), Standins())
    with pytest.raises(
        UsageError, match=r'a leaderboard needs 2 models, and 1 of 1 can be compared \(name more --models'
    ):
        standings(made(tmp_path, models=['lr']))
    more = Standins()
    played(made(tmp_path, models=['lr', 'fm']), more)
    assert len(more.trained) == 6 + len(SEEDS)
    for board, part in (
        (made(tmp_path, count=7), '--trials=6, not 7. Its figures cannot stand beside these'),
        (made(tmp_path, most=999), '--most_parameters=1000, not 999'),
        (made(tmp_path, text=SPACES.replace('[2, 3]', '[2]')), 'with model.embedding_dim='),
        (
            made(tmp_path, text=SPACES.replace('epochs = 2', 'epochs = 3')),
            'with training.epochs=2, not 3, in the options of lr; training.epochs=2, not 3, in the options of fm',
        ),
    ):
        with pytest.raises(UsageError, match=part):
            board.keep()
    assert list(json.loads((tmp_path / 'runs' / 'board' / 'board.json').read_text())['models']) == ['lr', 'fm']


def test_parameters_are_bounded_and_rows_are_checked(tmp_path, made, monkeypatch):
    board = made(tmp_path, models=['dnn'])
    sizes = {board.sizes[trial.id].parameters for trial in board.trials['dnn']}
    assert len(sizes) == 2 and {len(trial.config.model.deep_hidden) for trial in board.trials['dnn']} == {1, 2}
    smaller = made(tmp_path, models=['dnn'], most=min(sizes))
    assert {smaller.sizes[trial.id].parameters for trial in smaller.trials['dnn']} == {min(sizes)}
    with pytest.raises(
        UsageError,
        match=r'\[models.dnn\] gave no trial in 200 draws, .* parameters, more than 3: widen its space, or raise',
    ):
        made(tmp_path, models=['dnn'], most=3)
    monkeypatch.setattr('autoint_jax.leaderboard.board.LEAST_ROWS', 10_000)
    with pytest.raises(UsageError, match=r'the train split of .* rows, and a leaderboard needs at least 10000'):
        made(tmp_path, models=['dnn'])


def test_the_time_that_is_left_is_corrected_by_models_that_are_done(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('autoint_jax.leaderboard.pace.time.perf_counter', lambda: now[0])
    pace = Pace({'lr': 10.0, 'fm': 20.0, 'dnn': 30.0}, 84, began=now[0])
    assert pace.left() == 60.0
    for model, took in (('lr', 20.0), ('complete before', 1.0), ('fm', 70.0)):
        now[0] += took
        pace.finished(model)
    assert pace.left() == 30.0 * (6.0 + 20.0 + 70.0) / (6.0 + 10.0 + 20.0)  # a tenth of 60 is taken as expected
