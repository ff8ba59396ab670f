"""Sweep files: TOML that says which trials a sweep has.

    base = 'movielens_1m_autoint'         # of experiments/configs, or a TOML file beside this one
    objective = 'valid_auc'               # reports sort by it, and a search improves it; by default 'valid_logloss'
    seeds = [0, 1, 2]                     # or a count: 3

    [options]                             # replaces options of the base in all trials
    training.epochs = 10

    [grid]                                # every combination
    model.num_layers = [1, 2, 3]

    [zip]                                 # the first values together, then the second ones, and so on
    model.num_heads = [1, 2, 4]
    model.head_dim = [64, 32, 16]

    [[list]]                              # one trial each
    model.residual = false
    [[list]]
    optimizer.learning_rate = 3e-4

If a file has several of `grid`, `zip`, `list` and `seeds`, each entry of one is combined with each entry of the others.
A file may have [search] in their place, see `search_space.py`. An unknown option or a wrong value raises an error
before anything runs.
"""

import dataclasses
import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.replicas_config import ReplicasConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.evaluation.metric import Metric
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.models.registry import model_class
from autoint_jax.names import checked_name
from autoint_jax.sweeps.listed_values import listed_values
from autoint_jax.sweeps.option_tables import Values, checked_table, option_values, shortened
from autoint_jax.sweeps.search_space import Search, parsed_search
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder.naming import run_name

PARTS = ('base', 'objective', 'seeds', 'options', 'grid', 'zip', 'list', 'search')


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep as its file declares it: it lists its trials or searches for them.

    Attributes:
      name: the name of the file without its suffix.
      text: the text of the file.
      base: the name of the base configuration.
      config: the base configuration with [options].
      objective: 'valid_' and the name of a metric that the trials' evaluations have.
      trials: the listed trials; () for a search.
      search: the search; None for a sweep that lists its trials.
    """

    name: str
    text: str
    base: str
    config: Config
    objective: str
    trials: tuple[Trial, ...]
    search: Search | None

    def trial(self, values: Values) -> Trial:
        """Returns the trial that replaces some options of `config`. Raises UsageError if a value is wrong."""
        config = configuration.replace(self.config, values)
        model_class(config.model, config.execution.form)
        if config.replicas != ReplicasConfig():
            raise UsageError(
                "options of 'replicas' have no place in a sweep, because seeds and [grid] make its trials: leave them "
                'out'
            )
        if self.metric.name not in config.training.evaluated:
            raise UsageError(
                f'objective = {self.objective!r} takes a metric that evaluations do not have: put {self.metric.name!r} '
                'into training.metrics under [options]'
            )
        return Trial(run_name(self.base, config), config)

    @property
    def metric(self) -> Metric:
        """The metric of the objective."""
        return METRICS[self.objective.removeprefix('valid_')]

    def better_first(self, value: float) -> float:
        """Returns a sort key for values of the objective: the better value has the smaller key."""
        return self.metric.rank(value)


def objectives() -> list[str]:
    """Returns the objectives that a sweep can have: each metric of the validation split that can be better or worse."""
    return [f'valid_{name}' for name, metric in METRICS.items() if metric.better is not None]


def load(path: pathlib.Path, configs: pathlib.Path) -> Sweep:
    """Reads a sweep file.

    Args:
      path: the path of the file.
      configs: the folder of named configurations.

    Raises:
      UsageError: the file is unreadable or wrong. The error names file, key and value.
    """
    tree = stored.read_toml(path, 'sweep file')
    try:
        checked_name(path.stem, 'a sweep')
        return _parsed(tree, path, stored.read_text(path), configs)
    except UsageError as error:
        raise UsageError(f'{path}: {error}') from None


def _parsed(tree: dict[str, Any], path: pathlib.Path, text: str, configs: pathlib.Path) -> Sweep:
    for key in tree:
        if key not in PARTS:
            raise UsageError(f'unknown part {key!r}{nearest(key, list(PARTS))}; known: {", ".join(PARTS)}')
    base, objective = tree.get('base'), tree.get('objective', 'valid_logloss')
    if not isinstance(base, str):
        raise UsageError(f"base = {shortened(base)} must name a configuration, such as base = 'movielens_1m_autoint'")
    if objective not in (known := objectives()):
        raise UsageError(
            f'objective = {shortened(objective)} must be one of {", ".join(known)}{nearest(str(objective), known)}'
        )
    if not base.endswith('.toml'):
        checked_name(base, 'a configuration, which base names,')
    checked_name(pathlib.Path(base).stem, 'a configuration')
    config = configuration.load(path.parent / base if base.endswith('.toml') else configs / f'{base}.toml')
    config = configuration.replace(config, option_values(tree.get('options', {}), 'options'))
    sweep = Sweep(path.stem, text, pathlib.Path(base).stem, config, objective, (), None)
    sweep.trial({})
    if 'search' not in tree:
        return dataclasses.replace(sweep, trials=tuple(_listed_trials(tree, sweep)))
    for part in ('seeds', 'grid', 'zip', 'list'):
        if part in tree:
            raise UsageError(f'[search] chooses the trials, so {part!r} has no place beside it: leave one of them out')
    search = parsed_search(
        tree['search'], option_values(checked_table(tree['search'], 'search').get('space', {}), 'search.space')
    )
    evaluations = config.training.epochs * config.training.evaluations_per_epoch
    if search.pruner == 'hyperband' and search.warmup_evaluations > evaluations:
        raise UsageError(
            f'[search] warmup_evaluations = {search.warmup_evaluations} must be at most the {evaluations} evaluations '
            'of a trial (training.epochs times training.evaluations_per_epoch)'
        )
    for values in search.corners():
        sweep.trial(values)
    return dataclasses.replace(sweep, search=search)


def _listed_trials(tree: dict[str, Any], sweep: Sweep) -> list[Trial]:
    """Returns the trials of [grid], [zip], [[list]] and seeds. Raises UsageError if two of them are the same."""
    found: dict[str, Values] = {}
    made = []
    for values in listed_values(tree):
        trial = sweep.trial(values)
        if trial.id in found:
            raise UsageError(
                f'{shortened(found[trial.id])} and {shortened(values)} are the same trial: leave one of them out'
            )
        found[trial.id] = values
        made.append(trial)
    return made
