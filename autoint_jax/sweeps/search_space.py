"""The search of a sweep file: the searched options, the number of trials, and the rules of the search.

[search]
trials = 40
sampler = 'tpe'                       # or 'random'
pruner = 'median'                     # or 'hyperband', or 'none', the default: every trial trains to its end
startup_trials = 10                   # sampler 'tpe' and pruner 'median' start after so many trials have ended
warmup_evaluations = 3                # the pruner judges a trial after so many evaluations of it
seed = 0                              # the seed of the sampler

[search.space]
optimizer.learning_rate = {low = 1e-4, high = 1e-2, log = true}
model.num_layers = {low = 1, high = 4}
model.deep_hidden = {choices = [[], [400, 400]]}
"""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from autoint_jax.config import configuration
from autoint_jax.errors import UsageError, nearest

SAMPLERS = ('tpe', 'random')
PRUNERS = ('none', 'median', 'hyperband')
# The largest end of a range, and the largest value of each number of a search.
MOST = 1e15
MOST_NUMBERS = {'trials': 10_000, 'startup_trials': 10_000, 'warmup_evaluations': 1_000_000, 'seed': 2**31 - 1}


@dataclasses.dataclass(frozen=True)
class Range:
    """A range holds the numbers from `low` to `high`, both included.

    It holds whole numbers only if both ends are whole.

    Attributes:
      low: the smallest number.
      high: the largest number.
      log: whether numbers are suggested on a logarithmic scale.
    """

    low: int | float
    high: int | float
    log: bool = False

    def ends(self) -> list[Any]:
        """Returns the two ends of the range."""
        return [self.low, self.high]


@dataclasses.dataclass(frozen=True)
class Choices:
    """Choices are the values that an option may have."""

    choices: tuple[Any, ...]

    def ends(self) -> list[Any]:
        """Returns all choices."""
        return list(self.choices)

    def names(self) -> dict[Any, Any]:
        """Returns {name in Optuna's study: choice}.

        The study keeps single values only, so a list has a text as its name.
        """
        return {json.dumps(choice) if isinstance(choice, list) else choice: choice for choice in self.choices}


@dataclasses.dataclass(frozen=True)
class Search:
    """A search as [search] declares it.

    Attributes:
      space: {path of an option: its range or choices}.
      trials: the number of trials.
      sampler: one of SAMPLERS, which suggests values.
      pruner: one of PRUNERS, which ends unpromising trials early.
      startup_trials: sampler 'tpe' and pruner 'median' start after so many trials have ended.
      warmup_evaluations: the pruner judges a trial after so many evaluations of it.
      seed: the seed of the sampler.
    """

    space: dict[str, Range | Choices]
    trials: int
    sampler: str = 'tpe'
    pruner: str = 'none'
    startup_trials: int = 10
    warmup_evaluations: int = 1
    seed: int = 0

    def corners(self) -> Iterator[dict[str, Any]]:
        """Yields values to check first: each end or choice of an option, with the other options at their first."""
        first = {option: part.ends()[0] for option, part in self.space.items()}
        for option, part in self.space.items():
            for value in part.ends():
                yield first | {option: value}


def parsed_search(tree: dict[str, Any], space: dict[str, Any]) -> Search:
    """Reads a search from its table.

    Args:
      tree: the table [search] as TOML reads it.
      space: {path of an option: its table in [search.space]}.

    Raises:
      UsageError: a key is unknown or missing, or a value is wrong.
    """
    known = [field.name for field in dataclasses.fields(Search)]
    for key in tree:
        if key not in known:
            raise UsageError(f'[search] has the unknown key {key!r}{nearest(key, known)}; known: {", ".join(known)}')
    for key in ('trials', 'space'):
        if key not in tree or tree[key] == {}:
            raise UsageError(f'[search] needs {key!r}')
    for key, least in (('trials', 1), ('startup_trials', 0), ('warmup_evaluations', 1), ('seed', 0)):
        if key in tree and not (type(tree[key]) is int and tree[key] >= least):
            raise UsageError(f'[search] {key} = {tree[key]!r} must be a whole number of at least {least}')
        if key in tree and tree[key] > MOST_NUMBERS[key]:
            raise UsageError(f'[search] {key} = {tree[key]} must be at most {MOST_NUMBERS[key]:,}')
    for key, values in (('sampler', SAMPLERS), ('pruner', PRUNERS)):
        if key in tree and tree[key] not in values:
            near = nearest(str(tree[key]), list(values))
            raise UsageError(f'[search] {key} = {tree[key]!r} must be one of {", ".join(values)}{near}')
    if 'warmup_evaluations' in tree and tree.get('pruner', 'none') == 'none':
        raise UsageError(
            '[search] warmup_evaluations is for a pruner, but the search has none: leave it out or give a pruner, '
            "such as pruner = 'median'"
        )
    if 'startup_trials' in tree and tree.get('sampler') == 'random' and tree.get('pruner') != 'median':
        raise UsageError(
            "[search] startup_trials is for sampler 'tpe' or pruner 'median', but the search has neither: leave it out"
        )
    return Search(**tree | {'space': parsed_space(space, 'search.space')})


def parsed_space(space: dict[str, Any], part: str) -> dict[str, Range | Choices]:
    """Reads the ranges and choices of options.

    Args:
      space: {path of an option: its table}.
      part: the name of the table that holds them, for errors.

    Raises:
      UsageError: a range or a choice is wrong.
    """
    return {option: _distribution(option, table, part) for option, table in space.items()}


def _distribution(option: str, table: Any, part: str) -> Range | Choices:
    if not isinstance(table, dict) or not (
        table.keys() == {'choices'} or {'low', 'high'} <= table.keys() <= {'low', 'high', 'log'}
    ):
        raise UsageError(
            f'[{part}] {option} = {table!r} must be a table with low and high, and log if wanted, or with choices'
        )
    if 'choices' in table:
        if not isinstance(table['choices'], list) or not table['choices']:
            raise UsageError(f'[{part}] {option}: choices = {table["choices"]!r} must be a list of values')
        if not all(_is_value(choice) for choice in table['choices']):
            raise UsageError(
                f'[{part}] {option}: each of choices = {table["choices"]!r} must be a text, a number, true, '
                'false, or a list of numbers'
            )
        found = Choices(tuple(_typed(option, choice) for choice in table['choices']))
        if len(found.names()) < len(found.choices):
            raise UsageError(f'[{part}] {option} has a choice twice: {table["choices"]!r}')
        return found
    (kind,) = (leaf.type for leaf in configuration.leaves() if leaf.path == option)
    if kind not in (int, float):
        raise UsageError(f'[{part}] {option} is not a number, so it cannot have low and high: give choices')
    low, high, log = table['low'], table['high'], table.get('log', False)
    for name, value in (('low', low), ('high', high)):
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UsageError(f'[{part}] {option}: {name} = {value!r} must be a number of type {kind.__name__}')
    if type(log) is not bool or not low < high or (log and low <= 0) or not (abs(low) <= MOST and abs(high) <= MOST):
        raise UsageError(
            f'[{part}] {option} = {table!r}: low must be below high, log must be true or false and needs low '
            f'above 0, and neither end may be beyond {MOST:g}'
        )
    return Range(kind(low), kind(high), log)


def _is_value(choice: Any) -> bool:
    """Returns whether any option may have a value of this type. Dates and tables are no such values."""
    return type(choice) in (str, int, float, bool) or (
        isinstance(choice, list) and all(type(item) in (int, float) for item in choice)
    )


def _typed(option: str, choice: Any) -> Any:
    """Returns a whole number as float if the option is a float, so that 1 and 1.0 are one choice."""
    (kind,) = (leaf.type for leaf in configuration.leaves() if leaf.path == option)
    return float(choice) if kind is float and type(choice) is int else choice
