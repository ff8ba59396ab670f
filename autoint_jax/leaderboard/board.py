"""A leaderboard and its folder.

RUNS_DIR/NAME/
    board.json                   the data, the budget and the spaces, which must stay the same
    models/MODEL/search/trials/  a run folder for each trial of the search
    models/MODEL/final/trials/   a run folder for each seed of the chosen setting
    searched/runs/               the records of the trials of all searches
    leaderboard.html             the page

The files in RESULTS_DIR are kept beside those of other experiments: see `record.py`.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, nearest
from autoint_jax.leaderboard.draws import drawn
from autoint_jax.leaderboard.sizes import Size, size_of
from autoint_jax.leaderboard.spaces import TREES, ModelSpace, differences
from autoint_jax.models.registry import model_class
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.groups import shape_key
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.run_folder.naming import run_name

IDENTITY = 'board.json'
OBJECTIVE = 'valid_logloss'  # chooses the setting of each model, and orders the models
STALE_SECONDS = 120.0
SAID = 3  # differences that an error names
LEAST_ROWS = 100  # of a split
FORM = {'data': str, 'number_of_trials': int, 'most_parameters': int, 'draw_seed': int, 'models': TREES}
MEND = 'restore it, or move its folder away: what is in the records is not trained again'
ELSEWHERE = 'name another --results_dir and another --runs_dir'
FLAGS = {'number_of_trials': '--trials', 'most_parameters': '--most_parameters', 'draw_seed': '--draw_seed'}


@dataclasses.dataclass(frozen=True)
class Budget:
    """What every model of a leaderboard may spend.

    Attributes:
      trials: the number of settings that are tried.
      seeds: the number of seeds with which the chosen setting is trained.
      most_parameters: the largest number of parameters outside the embeddings.
      draw_seed: the seed of the draws of trials.
    """

    trials: int
    seeds: int
    most_parameters: int
    draw_seed: int


@dataclasses.dataclass(frozen=True)
class Board:
    """A leaderboard: its data, its budget, and the trials of each model.

    Attributes:
      name: its name, the name of its folder.
      folder: its folder.
      data: the prepared data.
      budget: the budget of each model.
      spaces: {model: its space}, in the order in which models are trained.
      trials: {model: its trials}.
      sizes: {id of a trial: its size}.
      asked: the models that are trained; the others are only shown, as far as they are complete.
      beside: the model beside which the others are tested, too, not only beside the best; '' for none.
      search_again: whether asked models whose space has changed are searched again, in place of their records.
    """

    name: str
    folder: pathlib.Path
    data: PreparedData
    budget: Budget
    spaces: dict[str, ModelSpace]
    trials: dict[str, tuple[Trial, ...]]
    sizes: dict[str, Size]
    asked: tuple[str, ...]
    beside: str
    search_again: bool

    def search_of(self, model: str) -> SweepFolder:
        """Returns the search of a model."""
        return self._folder(model, 'search', self.trials[model])

    def final_of(self, model: str, chosen: Config) -> SweepFolder:
        """Returns the runs of a model's chosen setting, with seeds that no trial had."""
        seeds = range(chosen.seed + 1, chosen.seed + 1 + self.budget.seeds)
        configs = [configuration.replace(chosen, {'seed': seed}) for seed in seeds]
        return self._folder(model, 'final', tuple(_trial(model, config) for config in configs))

    def _folder(self, model: str, part: str, trials: tuple[Trial, ...]) -> SweepFolder:
        sweep = Sweep(f'{model}_{part}', '', model, trials[0].config, OBJECTIVE, trials, None)
        return SweepFolder(sweep, self.folder / 'models' / model / part, STALE_SECONDS)

    def keep(self) -> None:
        """Writes what must stay the same into the folder.

        Raises:
          UsageError: the folder holds a leaderboard with other data, another budget or another space of a model.
        """
        path, ours = self.folder / IDENTITY, self.identity()
        theirs = stored.read_json_if_there(path, FORM, mend=MEND)
        if theirs is not None:
            self.check_same(theirs, str(self.folder))
            ours['models'] = theirs['models'] | ours['models']
        if ours != theirs:
            self.folder.mkdir(parents=True, exist_ok=True)
            stored.write_json(path, ours)

    def check_same(self, theirs: dict[str, Any], where: str) -> None:
        """Raises UsageError if `where` holds a leaderboard with another identity, in what both have.

        Args:
          theirs: its identity, as `identity` returns it; it may have other models.
          where: what holds it.
        """
        ours = self.identity()
        other = [
            f'{flag}={theirs[name]}, not {ours[name]}' for name, flag in FLAGS.items() if theirs[name] != ours[name]
        ]
        if theirs['data'] != ours['data']:
            other.append(f'other data (hash {theirs["data"][:12]}, not {ours["data"][:12]})')
        changed, replaced, again = self._changed(theirs['models']), self.replaced(theirs['models']), ''
        if not other and changed != replaced and len(changed) < len(self.spaces):
            again = f', or give --search_again and name {", ".join(changed)} in --models'
        for model in changed:
            if model not in replaced:
                for part, option, one, another in differences(theirs['models'][model], ours['models'][model]):
                    other.append(f'{option}={one}, not {another}, in the {part} of {model}')
        if other:
            more = f' (and {len(other) - SAID:,} more)' if len(other) > SAID else ''
            raise UsageError(
                f'{where} holds a leaderboard with {"; ".join(other[:SAID])}{more}. Its figures cannot stand beside '
                f'these: {ELSEWHERE}{again}'
            )

    def replaced(self, theirs: dict[str, Any]) -> list[str]:
        """Returns the models that are searched again because their space is not that of `theirs`, {model: its tree}."""
        return [model for model in self._changed(theirs) if self.search_again and model in self.asked]

    def _changed(self, theirs: dict[str, Any]) -> list[str]:
        ours = self.identity()['models']
        return [model for model, tree in ours.items() if model in theirs and any(differences(theirs[model], tree))]

    def identity(self) -> dict[str, Any]:
        """Returns what must stay the same: {'data', 'number_of_trials', 'most_parameters', 'draw_seed', 'models'}."""
        return {
            'data': self.data.hash,
            'number_of_trials': self.budget.trials,
            'most_parameters': self.budget.most_parameters,
            'draw_seed': self.budget.draw_seed,
            'models': json.loads(json.dumps({model: space.tree() for model, space in self.spaces.items()})),
        }


def make_board(
    name: str,
    spaces: dict[str, ModelSpace],
    data: PreparedData,
    budget: Budget,
    runs_dir: pathlib.Path,
    asked: Sequence[str],
    beside: str = '',
    search_again: bool = False,
) -> Board:
    """Draws the trials of all models.

    Args:
      name: the name of the leaderboard.
      spaces: {model: its space}.
      data: the prepared data.
      budget: the budget of each model.
      runs_dir: the folder of run folders.
      asked: the models that are trained.
      beside: the model beside which the others are tested, too; '' for none.
      search_again: whether asked models whose space has changed are searched again, in place of their records.

    Raises:
      UsageError: `beside` is no model of the spaces, the data has too few rows, or a model has no trial within the
        budget.
    """
    if beside and beside not in spaces:
        raise UsageError(
            f'the models are to be tested beside {beside!r}, which takes no part'
            f'{nearest(beside, list(spaces))}: name it among the models, too'
        )
    check_rows(data)

    @functools.cache
    def size_of_shape(shape: Config) -> Size:
        return size_of(shape, fitted_schema(shape, data))

    def size(config: Config) -> Size:
        return size_of_shape(shape_key(config))

    def refused(config: Config) -> str:
        model_class(config.model)
        found = size(config).parameters
        if found <= budget.most_parameters:
            return ''
        return f'a setting has {found:,} parameters, more than {budget.most_parameters:,}'

    trials = {
        model: tuple(_trial(model, config) for config in drawn(space, budget.trials, budget.draw_seed, refused))
        for model, space in spaces.items()
    }
    of_trials = {trial.id: size(trial.config) for listed in trials.values() for trial in listed}
    folder = (runs_dir / name).absolute()
    return Board(name, folder, data, budget, spaces, trials, of_trials, tuple(asked), beside, search_again)


def check_rows(data: PreparedData) -> None:
    """Raises UsageError if a split has fewer than LEAST_ROWS rows, or rows of one label only."""
    for split in SPLITS:
        labels = np.asarray(data.split(split).labels)
        if len(labels) < LEAST_ROWS:
            raise UsageError(
                f'the {split} split of {data.folder} has {len(labels):,} rows, and a leaderboard needs at least '
                f'{LEAST_ROWS}: prepare more rows, or split them otherwise'
            )
        if labels.min() == labels.max():
            raise UsageError(
                f'all {len(labels):,} rows of the {split} split of {data.folder} have the label {labels[0]:g}, so '
                'models cannot be told apart: split the rows otherwise'
            )


def _trial(model: str, config: Config) -> Trial:
    return Trial(run_name(f'leaderboard_{config.data.dataset}_{model}', config), config)
