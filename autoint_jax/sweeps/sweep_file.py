"""Sweep files: TOML that says which trials a sweep has.

    base = 'movielens_1m_autoint'         # of experiments/configs, or a TOML file beside this one
    objective = 'valid_auc'               # or 'valid_logloss', the default: what reports sort by and a search improves
    seeds = [0, 1, 2]                     # or a count: 3

    [options]                             # replace those of the base in all trials
    training.epochs = 10

    [grid]                                # every combination
    model.num_layers = [1, 2, 3]

    [zip]                                 # in step: as many values each
    model.num_heads = [1, 2, 4]
    model.head_dim = [64, 32, 16]

    [[list]]                              # one by one
    model.residual = false
    [[list]]
    optimizer.learning_rate = 3e-4

Where there are several of `grid`, `zip`, `list` and `seeds`, each is combined with each of the others. In their place a
file may have [search], see `search_space.py`. An option that does not exist or a wrong value is refused before anything
runs.
"""

import dataclasses
import itertools
import math
import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.registry import model_class
from autoint_jax.names import checked_name
from autoint_jax.sweeps.search_space import Search, parsed_search
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder.records import run_name

OBJECTIVES = ('valid_logloss', 'valid_auc')
PARTS = ('base', 'objective', 'seeds', 'options', 'grid', 'zip', 'list', 'search')
# Trials of a sweep at most: a hundred settings of a hundred seeds. Each has a folder, and is looked at by every worker.
MOST_TRIALS = 10_000
Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What a sweep file says.

    Attributes:
      name: of the file, without suffix.
      text: of the file.
      base: name of the base configuration.
      config: the base with [options].
      objective: 'valid_logloss' or 'valid_auc'.
      trials: of a sweep that lists them; () of a search.
      search: None of a sweep that lists its trials.
    """

    name: str
    text: str
    base: str
    config: Config
    objective: str
    trials: tuple[Trial, ...]
    search: Search | None

    def trial(self, values: Values) -> Trial:
        """The trial that replaces some options of `config`. Raises UsageError on a wrong value."""
        config = configuration.replace(self.config, values)
        model_class(config.model)
        if config.replicas != configuration.ReplicasConfig():
            raise UsageError(
                "options of 'replicas' have no place in a sweep, where seeds and [grid] make the trials: leave them out"
            )
        return Trial(run_name(self.base, config), config)

    def better_first(self, value: float) -> float:
        """Sorts values of the objective."""
        return value if self.objective == 'valid_logloss' else -value


def load(path: pathlib.Path, configs: pathlib.Path) -> Sweep:
    """Reads a sweep file.

    Args:
      path: of the file.
      configs: folder of the named configurations.

    Raises:
      UsageError: naming file, key and value.
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
    base, objective = tree.get('base'), tree.get('objective', OBJECTIVES[0])
    if not isinstance(base, str):
        raise UsageError(f"base = {_short(base)} must name a configuration, such as base = 'movielens_1m_autoint'")
    if objective not in OBJECTIVES:
        raise UsageError(f'objective = {_short(objective)} must be one of {", ".join(OBJECTIVES)}')
    if not base.endswith('.toml'):
        checked_name(base, 'a configuration, which base names,')
    checked_name(pathlib.Path(base).stem, 'a configuration')
    config = configuration.load(path.parent / base if base.endswith('.toml') else configs / f'{base}.toml')
    config = configuration.replace(config, _options(tree.get('options', {}), 'options'))
    sweep = Sweep(path.stem, text, pathlib.Path(base).stem, config, objective, (), None)
    sweep.trial({})
    if 'search' not in tree:
        return dataclasses.replace(sweep, trials=tuple(_listed(tree, sweep)))
    for part in ('seeds', 'grid', 'zip', 'list'):
        if part in tree:
            raise UsageError(f'[search] chooses the trials, so {part!r} has no place beside it: leave one of them out')
    search = parsed_search(tree['search'], _options(_table(tree['search'], 'search').get('space', {}), 'search.space'))
    evaluations = config.training.epochs * config.training.evaluations_per_epoch
    if search.pruner == 'hyperband' and search.warmup_evaluations > evaluations:
        raise UsageError(
            f'[search] warmup_evaluations = {search.warmup_evaluations} must be at most the {evaluations} evaluations of a '
            'trial (training.epochs times training.evaluations_per_epoch)'
        )
    for values in search.corners():
        sweep.trial(values)
    return dataclasses.replace(sweep, search=search)


def _listed(tree: dict[str, Any], sweep: Sweep) -> list[Trial]:
    """The trials of grid, zip, list and seeds, in the file's order, the seed fastest."""
    columns = _columns(tree, 'grid')
    parts = [part for part in (_list(tree), _zip(tree)) if part]
    sizes = [len(part) for part in parts] + [len(values) for values in columns.values()] + [_seed_count(tree)]
    if math.prod(sizes) > MOST_TRIALS:
        raise UsageError(
            f'it has {" * ".join(map(str, sizes))} = {math.prod(sizes):,} trials, more than the {MOST_TRIALS:,} that a sweep '
            'may have: give fewer values or seeds, or a [search]'
        )
    parts += [part for part in (_grid(columns), _seeds(tree)) if part]
    found: dict[str, Values] = {}
    trials = []
    for choice in itertools.product(*parts):
        values: Values = {}
        for part in choice:
            for option in part.keys() & values.keys():
                raise UsageError(f'option {option!r} has values in two parts of the file: leave one of them out')
            values |= part
        trial = sweep.trial(values)
        if trial.id in found:
            raise UsageError(
                f'{_short(found[trial.id])} and {_short(values)} are the same trial: leave one of them out'
            )
        found[trial.id] = values
        trials.append(trial)
    return trials


def _grid(columns: dict[str, list[Any]]) -> list[Values]:
    return (
        [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())] if columns else []
    )


def _zip(tree: dict[str, Any]) -> list[Values]:
    columns = _columns(tree, 'zip')
    if len({len(values) for values in columns.values()}) > 1:
        raise UsageError(
            '[zip] needs as many values of each option: '
            + ', '.join(f'{option} has {len(values)}' for option, values in columns.items())
        )
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _list(tree: dict[str, Any]) -> list[Values]:
    entries = tree.get('list', [])
    if not isinstance(entries, list):
        raise UsageError('list must be written as [[list]], once for each of its trials')
    if 'list' in tree and not entries:
        raise UsageError('list is empty: write [[list]] once for each of its trials, or leave it out')
    return [_options(entry, 'list') for entry in entries]


def _seeds(tree: dict[str, Any]) -> list[Values]:
    seeds = tree.get('seeds', [])
    return [{'seed': seed} for seed in (range(seeds) if type(seeds) is int else seeds)]


def _seed_count(tree: dict[str, Any]) -> int:
    """How many seeds there are, 1 where the file names none."""
    seeds = tree.get('seeds', 1)
    if type(seeds) is int and seeds >= 1:
        return seeds
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise UsageError(
            f'seeds = {_short(seeds)} must be a list of whole numbers such as [0, 1, 2] or a count of at least 1'
        )
    return len(seeds)


def _columns(tree: dict[str, Any], part: str) -> dict[str, list[Any]]:
    columns = _options(tree.get(part, {}), part)
    if part in tree and not columns:
        raise UsageError(
            f'[{part}] is empty: give it a line an option, such as model.num_layers = [1, 2, 3], or leave it out'
        )
    for option, values in columns.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f'[{part}] {option} = {_short(values)} must be a list of values, such as [1, 2, 3]')
    return columns


def _options(tree: Any, part: str) -> Values:
    """Nested tables as {'model.num_layers': value}. Raises UsageError on what is no option."""
    known = [leaf.path for leaf in configuration.leaves()]
    groups = {path.rpartition('.')[0] for path in known}
    found: Values = {}

    def walk(table: dict[str, Any], prefix: str) -> None:
        for name, value in table.items():
            path = prefix + name
            if path in known:
                found[path] = value
            elif path in groups and isinstance(value, dict):
                walk(value, path + '.')
            else:
                raise UsageError(
                    f'[{part}] has the unknown option {path!r}{nearest(path, known)}; '
                    'scripts/train.py --help lists the options'
                )

    walk(_table(tree, part), '')
    return found


def _table(tree: Any, part: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise UsageError(f'{part} = {_short(tree)} must be a table: [{part}], then a line an option')
    return tree


def _short(value: Any) -> str:
    """A value as a sentence shows it."""
    said = repr(value)
    return said if len(said) <= 100 else f'{said[:100]}...'
