"""Small leaderboards for tests, whose runs are trained by stand-ins."""

import json

import numpy as np
import pytest

from autoint_jax import stored, stored_records
from autoint_jax.config.fingerprint import fingerprint, identity_tree
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard import course, spaces
from autoint_jax.leaderboard.board import Budget, make_board
from autoint_jax.leaderboard.pace import Pace
from autoint_jax.leaderboard.publication import publish_if_able
from autoint_jax.leaderboard.standings import runs_left
from autoint_jax.records import runs

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
    return float(np.random.default_rng((seed, *model.encode())).normal(0, 0.01))


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

    def make(folder, *, models=None, asked=None, count=6, most=1000, text=None, beside='', again=False):
        if text is not None:
            path.write_text(text)
        fixed = {'data.dataset': 'movielens_1m', 'data.recipe': 'autoint_all_rows'}
        of_models = spaces.load(path, fixed, models)
        path.write_text(SPACES)
        budget = Budget(count, len(SEEDS), most, 0)
        asked = asked or list(of_models)
        return make_board('board', of_models, data, budget, folder / 'runs', asked, beside, again)

    return make


def untimed(board, models):
    """The pace of models whose runs take a second in all, whatever they are."""
    return Pace(dict.fromkeys(models, 1.0), sum(runs_left(board, model) for model in models))


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
