"""A leaderboard from its first trial to its answer, whose runs are trained by stand-ins."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from autoint_jax import stored, stored_records
from autoint_jax.config.fingerprint import fingerprint, identity_tree
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.paired import holm
from autoint_jax.leaderboard import course, record, spaces, tables
from autoint_jax.leaderboard.answer import answer
from autoint_jax.leaderboard.board import Budget, make_board
from autoint_jax.leaderboard.pace import Pace
from autoint_jax.leaderboard.page import leaderboard_page
from autoint_jax.leaderboard.publication import publish, publish_if_able
from autoint_jax.leaderboard.standings import chosen_trial, runs_left, standings, trial_rows
from autoint_jax.records import runs
from autoint_jax.report.blocks import Chart, Table
from autoint_jax.sweeps import trials

SPACES = """
[fixed]
training.epochs = 2
[shared]
optimizer.learning_rate = {low = 1e-3, high = 1e-1, log = true}
[models.lr]
[models.fm]
space.model.embedding_dim = {choices = [2, 3]}
[models.dnn]
space.model.deep_hidden = {choices = [[4], [5, 3]]}
"""
BEST = {'lr': 0.6, 'fm': 0.5, 'dnn': 0.498}  # test logloss of each model
SEEDS = (1, 2, 3, 4)
NAMES = ('board.json', 'trials_of_board.json')  # of the files of the leaderboard in its folder of records


def results_of(board):
    """The folder of records of a leaderboard, beside its folder of runs."""
    return board.folder.parents[1] / 'results'


def noise(model, seed):
    """Draws what a seed adds to a test figure; fm and dnn differ by less than that."""
    return float(np.random.default_rng((seed, len(model))).normal(0, 0.01))


def loss_of(trial):
    """The validation logloss of a run: the learning rate nearest to 0.01 has the least."""
    return BEST[trial.config.model.name] + abs(np.log10(trial.config.optimizer.learning_rate) + 2)


def left_behind(task, trial):
    """Writes what a trained trial leaves; its test figures are absurd, unless it has a new seed."""
    folder, config, model = task.folder.of(trial), trial.config, trial.config.model.name
    folder.mkdir(parents=True, exist_ok=True)
    test = BEST[model] + noise(model, config.seed) if config.seed else 1 / loss_of(trial)
    valid = loss_of(trial) + 0.001 * config.seed
    result = {
        'fingerprint': fingerprint(config),
        'data_hash': open_prepared(task.data_dir, config.data.dataset, config.data.recipe).hash,
        'seed': config.seed,
        'valid': {'auc': 0.9 - valid / 10, 'logloss': valid},
        'test': {'auc': 0.9 - test / 10, 'logloss': test},
        'best_step': 20,
        'best_epoch': 1.0,
        'steps': 40,
        'epochs': 2.0,
        'parameters': 7,
        'embedding_parameters': len(model),
        'first_step_seconds': 1.0,
        'train_seconds': 3.0,
        'train_rows_per_second': 1000.0,
    }
    evaluation = {'step': 40, 'epoch': 2.0, 'train_logloss': valid, 'valid_auc': 0.9, 'valid_logloss': valid}
    (folder / 'metrics.jsonl').write_text(json.dumps(evaluation) + '\n')
    stored.write_json(folder / 'result.json', result)
    kept = runs.record_path(trial.id, task.results_dir)
    kept.parent.mkdir(parents=True, exist_ok=True)
    name, tree = runs.DataName(config.data.dataset, config.data.recipe), identity_tree(config)
    record = runs.RunRecord(**result, run=trial.id, data=name, config=tree, starts=(), evaluations=(evaluation,))
    stored.write_json(kept, stored_records.to_json(record))


class Standins:
    """Stand-ins for the training of runs, which note what they train, fail where they are told, and can be stopped."""

    def __init__(self, fails=(), stop_after=None):
        self.trained, self._fails, self._stop_after = [], fails, stop_after

    def alone(self, task, trial, reporter):
        if self._stop_after is not None and len(self.trained) >= self._stop_after:
            raise KeyboardInterrupt
        self.trained.append(trial.id)
        if any(failing(trial) for failing in self._fails):
            raise UsageError('training diverged: the loss of step 7 is nan')
        left_behind(task, trial)

    def together(self, task, group, reporters):
        errors = []
        for trial, reporter in zip(group, reporters, strict=True):
            try:
                self.alone(task, trial, reporter)
                errors.append(None)
            except UsageError as error:
                errors.append(error)
        return errors


@pytest.fixture(scope='module')
def made(tmp_path_factory, data_dir):
    """Makes leaderboards in a folder, with the same data."""
    path = tmp_path_factory.mktemp('spaces') / 'spaces.toml'
    path.write_text(SPACES)
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')

    def make(folder, *, models=None, asked=None, count=6, most=1000, text=None):
        if text is not None:
            path.write_text(text)
        fixed = {'data.dataset': 'movielens_1m', 'data.recipe': 'autoint_all_rows'}
        of_models = spaces.load(path, fixed, models)
        path.write_text(SPACES)
        budget = Budget(count, len(SEEDS), most, 0)
        return make_board('board', of_models, data, budget, folder / 'runs', asked or list(of_models))

    return make


def untimed(board, models):
    """The pace of models whose runs take a second in all, whatever they are."""
    return Pace(dict.fromkeys(models, 1.0), 'lr', sum(runs_left(board, model) for model in models))


@pytest.fixture
def played(monkeypatch, data_dir):
    """Trains a leaderboard by stand-ins and returns what was said; only if `timed` is the speed measured."""
    monkeypatch.setattr('autoint_jax.leaderboard.course.check_data', lambda task: None)
    monkeypatch.setattr('autoint_jax.leaderboard.publication.figures.write', lambda page, folder: [])

    def play(board, standins, *, timed=False):
        said = []
        if not timed:
            monkeypatch.setattr('autoint_jax.leaderboard.course.make_pace', untimed)
        course.run(
            board,
            data_dir=str(data_dir),
            results_dir=results_of(board),
            say=said.append,
            publish=lambda: publish_if_able(board, results_of(board)),
            train=standins.alone,
            together=standins.together,
        )
        return said

    return play


def test_the_table_says_what_the_runs_say_and_test_figures_choose_nothing(tmp_path, made, played):
    board = made(tmp_path)
    said = played(board, Standins(), timed=True)
    assert said[0].startswith('3 models with 6 trials and 4 seeds each are 30 runs of at most 2 epochs: about ')
    assert said[1].startswith('lr is done: the best of 6 trials') and '2 models are left' in said[1]
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


def test_a_leaderboard_goes_on_from_its_records_after_its_folder_is_lost(tmp_path, made, played):
    whole, stopped = Standins(), Standins(stop_after=15)
    played(made(tmp_path / 'whole'), whole)
    board = made(tmp_path / 'lost')
    with pytest.raises(KeyboardInterrupt):  # lr is done, fm is searched in part
        played(board, stopped)
    recorded = {row['trial'] for row in json.loads((results_of(board) / NAMES[1]).read_text())['rows']}
    of_fm = [trial for trial in board.trials['fm'] if trial.id in recorded]
    assert 0 < len(of_fm) < len(board.trials['fm']) and recorded >= {trial.id for trial in board.trials['lr']}
    shutil.rmtree(tmp_path / 'lost' / 'runs')
    on = Standins()
    said = played(made(tmp_path / 'lost'), on)
    left = 2 * (6 + len(SEEDS)) - len(of_fm)
    assert (
        f'2 models with 6 trials and 4 seeds each are 20 runs of at most 2 epochs, of which {left} are left' in said[2]
    )
    assert said[0] == 'lr: 6 trials and 4 runs are taken from results, trained by commit unknown'
    assert said[1].startswith(f'fm: {len(of_fm)} trials are taken from results')
    assert not recorded & set(on.trained) and sorted(whole.trained) == sorted(
        {*on.trained, *recorded, *(trial for trial in stopped.trained if '_lr-' in trial)}
    )
    tables_of = [[json.loads((results_of(one) / name).read_text()) for name in NAMES]
                 for one in (made(tmp_path / 'whole'), board)]  # fmt: skip
    for theirs, ours in zip(*tables_of, strict=True):
        assert {**theirs, 'command': None, 'commit': None} == {**ours, 'command': None, 'commit': None}
    shutil.rmtree(tmp_path / 'lost' / 'runs')
    again = Standins()
    assert played(made(tmp_path / 'lost'), again)[-1].startswith('all runs of this leaderboard are complete')
    assert again.trained == []
    published = publish(made(tmp_path / 'lost'), results_of(board))
    assert published.rows == tables_of[1][0]['rows'] and 'learning_curves' in published.page.read_text()


def test_failures_are_recorded_and_taken(tmp_path, made, played):
    first = made(tmp_path)
    fails = [lambda trial: trial.config.model.name == 'fm', lambda trial: trial.config.seed == 2]
    played(first, Standins(fails=fails))
    rows = publish(first, results_of(first)).rows
    shutil.rmtree(tmp_path / 'runs')
    again = Standins()
    said = played(made(tmp_path), again)
    assert again.trained == [] and any(line.startswith('fm: 6 trials are taken') for line in said)
    published = publish(made(tmp_path), results_of(first))
    assert published.rows == rows and rows[0]['seeds'] == ['1', '3', '4'] and list(published.found.left_out) == ['fm']


def test_models_of_other_commands_stay_in_the_record(tmp_path, made, played):
    played(made(tmp_path / 'one', asked=['lr']), Standins())
    shutil.copytree(tmp_path / 'one' / 'results', tmp_path / 'two' / 'results')
    board = made(tmp_path / 'two', asked=['dnn'])
    standins = Standins()
    said = played(board, standins)
    assert {trial.rpartition('_')[2].partition('-')[0] for trial in standins.trained} == {'dnn'}
    assert said[0].startswith('lr: 6 trials and 4 runs are taken')
    assert record.recorded_models('board', results_of(board)) == ['lr', 'dnn']
    table = json.loads((results_of(board) / NAMES[0]).read_text())
    assert [row['model'] for row in table['rows']] == ['dnn', 'lr'] and table['incomplete'] == ['fm']
    assert 'fm is not complete yet, so this answer may change' in table['answer']


def test_processes_that_record_at_once_lose_no_rows(tmp_path, made, played, monkeypatch):
    boards = [made(tmp_path / model, models=['lr', 'fm'], asked=[model]) for model in ('lr', 'fm')]
    for board in boards:
        played(board, Standins())
    write = record.write_table

    def slowly(*arguments):  # both would have read the record before one writes it
        time.sleep(0.2)
        write(*arguments)

    monkeypatch.setattr('autoint_jax.leaderboard.record.write_table', slowly)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda board: record.write(board, tmp_path / 'results'), boards))
    listed = json.loads((tmp_path / 'results' / NAMES[1]).read_text())
    assert len(listed['rows']) == 12 and sorted(listed['spaces']) == ['fm', 'lr']


def test_a_record_of_another_leaderboard_is_refused(tmp_path, made, played):
    board = made(tmp_path)
    played(board, Standins())
    shutil.rmtree(tmp_path / 'runs')
    kept = {path: path.read_bytes() for path in results_of(board).glob('*.*')}
    for other, part in (
        (made(tmp_path, count=7), r'board\.json holds a leaderboard with another number of trials, whose figures'),
        (made(tmp_path, text=SPACES.replace('[2, 3]', '[2]')), 'another space of fm, .*name another --results_dir'),
    ):
        with pytest.raises(UsageError, match=part):
            played(other, Standins())
        assert not (other.folder / 'board.json').exists()
    assert kept == {path: path.read_bytes() for path in results_of(board).glob('*.*')}
    listed = json.loads((results_of(board) / NAMES[1]).read_text())
    listed['rows'][0]['trial'] = 'leaderboard_movielens_1m_lr-000000000000'
    (results_of(board) / NAMES[1]).write_text(json.dumps(listed))
    with pytest.raises(UsageError, match='holds the trial .*-000000000000 of lr, which is not among the trials'):
        played(made(tmp_path), Standins())
    row = listed['rows'][0]
    for damaged, part in (
        ({**row, 'valid_logloss': None}, 'valid_logloss is None, not a finite number'),
        ({**row, 'state': 'running'}, "is 'running', neither done nor failed"),
        ({**row, 'model': 'afm'}, "is of 'afm', of which the file has no space"),
        ({key: value for key, value in row.items() if key != 'steps'}, "has no key 'steps'"),
    ):
        (results_of(board) / NAMES[1]).write_text(json.dumps(listed | {'rows': [damaged]}))
        with pytest.raises(UsageError, match=f'trial leaderboard_.*-000000000000.*{part}.*: restore it, or move it'):
            record.recorded_models('board', results_of(board))


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
        (made(tmp_path, count=7), 'another number of trials, whose figures cannot stand beside these'),
        (made(tmp_path, most=999), 'another most parameters'),
        (made(tmp_path, text=SPACES.replace('[2, 3]', '[2]')), 'another space of fm,'),
        (made(tmp_path, text=SPACES.replace('epochs = 2', 'epochs = 3')), 'another space of lr, fm,'),
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
        UsageError, match="model 'dnn': 200 draws .* parameters, more than 3: widen its space, or raise"
    ):
        made(tmp_path, models=['dnn'], most=3)
    monkeypatch.setattr('autoint_jax.leaderboard.board.LEAST_ROWS', 10_000)
    with pytest.raises(UsageError, match=r'the train split of .* rows, and a leaderboard needs at least 10000'):
        made(tmp_path, models=['dnn'])


def test_the_time_that_is_left_is_corrected_by_models_that_are_done(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('autoint_jax.leaderboard.pace.time.perf_counter', lambda: now[0])
    pace = Pace({'lr': 10.0, 'fm': 20.0, 'dnn': 30.0}, 'fm', 84, began=now[0])
    assert pace.left() == 60.0
    for model, took in (('lr', 20.0), ('complete before', 1.0), ('fm', 70.0)):
        now[0] += took
        pace.finished(model)
    assert pace.left() == 30.0 * (20.0 + 70.0) / (10.0 + 20.0)
