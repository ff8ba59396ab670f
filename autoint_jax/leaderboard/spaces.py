"""The file of spaces: what a leaderboard searches for each model.

    [fixed]                                   # options of all runs whose model reads them
    training.epochs = 20

    [shared]                                  # what every model searches that reads the option
    optimizer.learning_rate = {low = 3e-4, high = 1e-2, log = true}
    model.embedding_dim = {choices = [8, 16, 32]}

    [models.autoint_plus]                     # a name in the leaderboard, by default that of the model
    options.model.name = 'autoint'            # options of all runs of this model
    space.model.num_layers = {low = 1, high = 3}

A model that does not read a shared option is searched without it. Ranges and choices are those of sweep files, see
`sweeps/search_space.py`. An unknown option or a wrong value raises an error before anything runs.
"""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.registry import MODELS
from autoint_jax.names import checked_name
from autoint_jax.sweeps.option_tables import Values, checked_table, option_values
from autoint_jax.sweeps.search_space import Choices, Range, parsed_space

PARTS, OF_MODEL = ('fixed', 'shared', 'models'), ('options', 'space')
DECIDED = ('data.', 'replicas.')  # the beginnings of options that the leaderboard decides
OF_ALL = 'training.epochs'  # the option that is the same for all models, as budgets are equal
TREES = {str: {'options': dict, 'space': dict}}  # the form of {name of a model: ModelSpace.tree()}
NOT_SEARCHED = ('seed', 'model.name', 'init_state', OF_ALL)


@dataclasses.dataclass(frozen=True)
class ModelSpace:
    """What a leaderboard searches for one model.

    Attributes:
      name: the name of the model in the leaderboard.
      file: the file of spaces.
      config: the configuration that all of its trials start from.
      options: {path of an option: its range or choices}; the shared options that the model reads, then its own.
      own: the paths of its own options.
    """

    name: str
    file: pathlib.Path
    config: Config
    options: dict[str, Range | Choices]
    own: tuple[str, ...]

    def tree(self) -> dict[str, Any]:
        """Returns the space as records keep it: {'options': values that are fixed, 'space': ranges and choices}."""
        space = {
            option: {'choices': list(part.choices)} if isinstance(part, Choices) else dataclasses.asdict(part)
            for option, part in self.options.items()
        }
        fixed = {path: ours for path, (_, ours) in configuration.differing(Config(), self.config).items()}
        return {'options': fixed, 'space': space}


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    """Yields (part, option, their value, our value) of what differs in two spaces, as `ModelSpace.tree` has them."""
    for part, absent in (('options', 'its default'), ('space', 'nothing')):
        for option in sorted({*theirs[part], *ours[part]}):
            one, another = (of[part].get(option, absent) for of in (theirs, ours))
            if one != another:
                yield part, option, one, another


def load(path: pathlib.Path, fixed: Values, names: list[str] | None) -> dict[str, ModelSpace]:
    """Reads the spaces of models from a file.

    Args:
      path: the path of the file.
      fixed: options that replace those of [fixed].
      names: names of models in the order in which they are returned; None for all of the file.

    Returns:
      {name: space of the model}.

    Raises:
      UsageError: the file is unreadable or wrong, or has no such model. The error names file, key and value.
    """
    tree = stored.read_toml(path, 'file of spaces')
    try:
        return _parsed(tree, path, fixed, names)
    except UsageError as error:
        raise UsageError(f'{path}: {error}') from None


def _parsed(tree: dict[str, Any], path: pathlib.Path, fixed: Values, names: list[str] | None) -> dict[str, ModelSpace]:
    for key in tree:
        if key not in PARTS:
            raise UsageError(f'unknown part {key!r}{nearest(key, list(PARTS))}; known: {", ".join(PARTS)}')
    models = checked_table(tree.get('models', {}), 'models')
    if not models:
        raise UsageError('the file has no model: give each model a table [models.NAME]')
    if names is not None and (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
        raise UsageError(f'model {twice!r} is named twice: name it once')
    of_file = _fixed_values(tree.get('fixed', {}), 'fixed')
    _replaced(Config(), of_file, 'fixed')
    fixed = of_file | fixed
    configuration.replace(Config(), fixed)  # raises an error if a value is wrong by itself
    shared = parsed_space(option_values(tree.get('shared', {}), 'shared'), 'shared')
    if both := [option for option in fixed if option in shared]:
        raise UsageError(f'[shared] searches the option {both[0]!r}, which [fixed] has: leave it out of one of them')
    found = {}
    for name in list(models) if names is None else names:
        if name not in models:
            raise UsageError(
                f'there is no space of model {name!r}{nearest(name, list(models))}; there are those of: '
                f'{", ".join(models)}'
            )
        found[checked_name(name, 'a model')] = _model_space(name, path, models[name], fixed, shared)
    for option in fixed if names is None else ():  # some models alone may not read what others do
        if not any(_reads(space.config, option) for space in found.values()):
            raise UsageError(f'[fixed] has the option {option!r}, which none of {", ".join(found)} reads: leave it out')
    return found


def _fixed_values(tree: Any, part: str) -> Values:
    """Returns the options of a table of fixed options. Raises UsageError for those that the leaderboard decides."""
    values = option_values(tree, part)
    for option in values:
        if option == 'init_state' or option.startswith(DECIDED):
            raise UsageError(f'[{part}] has the option {option!r}, which the leaderboard decides: leave it out')
    return values


def _model_space(
    name: str, path: pathlib.Path, table: Any, fixed: Values, shared: dict[str, Range | Choices]
) -> ModelSpace:
    part = f'models.{name}'
    for key in checked_table(table, part):
        if key not in OF_MODEL:
            raise UsageError(f'[{part}] has the unknown key {key!r}{nearest(key, list(OF_MODEL))}')
    values = _fixed_values(table.get('options', {}), f'{part}.options')
    if OF_ALL in values:
        raise UsageError(
            f'[{part}.options] has the option {OF_ALL!r}, which all models share, because their budgets are equal: '
            'give it in [fixed]'
        )
    config = _replaced(Config(), {'model.name': name} | values, f'{part}.options')
    if config.model.name not in MODELS:
        raise UsageError(
            f'[{part}] is of the unknown model {config.model.name!r}{nearest(config.model.name, list(MODELS))}; known: '
            f'{", ".join(MODELS)}'
        )
    read = {option: value for option, value in fixed.items() if _reads(config, option)}
    config = configuration.replace(config, {option: value for option, value in read.items() if option not in values})
    own = parsed_space(option_values(table.get('space', {}), f'{part}.space'), f'{part}.space')
    for option in own:
        if not _reads(config, option):
            raise UsageError(
                f'[{part}.space] has the option {option!r}, which model {config.model.name!r} does not read; it reads: '
                f'{", ".join(MODELS[config.model.name].OPTIONS)}'
            )
    options = {option: of for option, of in shared.items() if _reads(config, option) and option not in own} | own
    for option, of in options.items():
        if option in values or option in read or option in NOT_SEARCHED or option.startswith((*DECIDED, 'mesh.')):
            raise UsageError(f'[{part}] {option!r} cannot be searched: leave it out of the space')
        for value in of.ends():
            _replaced(config, {option: value}, f'{part}.space' if option in own else 'shared')
    if not options:
        raise UsageError(f'[{part}] has nothing to search: give it a space, or give [shared] options')
    return ModelSpace(name, path, config, options, tuple(own))


def _replaced(config: Config, values: Values, part: str) -> Config:
    """Returns a configuration with other values. Raises UsageError that names the part if one is wrong by itself."""
    try:
        return configuration.replace(config, values)
    except UsageError as error:
        raise UsageError(f'[{part}] {error}') from None


def _reads(config: Config, option: str) -> bool:
    group, _, name = option.partition('.')
    return group != 'model' or name in MODELS[config.model.name].OPTIONS


def range_text(part: Range | Choices) -> str:
    """Returns a range or choices as tables show them, such as '0.0003 to 0.01, log' or '8, 16, 32'."""
    if isinstance(part, Choices):
        return ', '.join(map(str, part.choices))
    return f'{part.low:g} to {part.high:g}' + (', log' if part.log else '')
