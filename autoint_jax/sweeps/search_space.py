"""The search of a sweep file: which options are searched, how many trials, and by which rules.

[search]
trials = 40
sampler = 'tpe'                       # or 'random'
pruner = 'median'                     # 'hyperband', or 'none', the default: every trial trains to its end
startup_trials = 10                   # end before sampler ('tpe') and pruner ('median') judge
warmup_evaluations = 3                # of a trial, before the pruner judges it
seed = 0                              # of the sampler

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
# The largest end of a range, and the largest of the numbers of a search.
MOST = 1e15
MOST_NUMBERS = {'trials': 10_000, 'startup_trials': 10_000, 'warmup_evaluations': 1_000_000, 'seed': 2**31 - 1}


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; whole ones where both are."""

    low: int | float
    high: int | float
    log: bool = False

    def ends(self) -> list[Any]:
        return [self.low, self.high]


@dataclasses.dataclass(frozen=True)
class Choices:
    """Any of some values."""

    choices: tuple[Any, ...]

    def ends(self) -> list[Any]:
        return list(self.choices)

    def names(self) -> dict[Any, Any]:
        """What a choice is called in the study, which keeps single values only -> the choice."""
        return {json.dumps(choice) if isinstance(choice, list) else choice: choice for choice in self.choices}


@dataclasses.dataclass(frozen=True)
class Search:
    """What [search] says; `space` is {option: Range or Choices}."""

    space: dict[str, Range | Choices]
    trials: int
    sampler: str = 'tpe'
    pruner: str = 'none'
    startup_trials: int = 10
    warmup_evaluations: int = 1
    seed: int = 0

    def corners(self) -> Iterator[dict[str, Any]]:
        """Values to check before anything runs: each end and choice of an option, the others at their first."""
        first = {option: part.ends()[0] for option, part in self.space.items()}
        for option, part in self.space.items():
            for value in part.ends():
                yield first | {option: value}


def parsed_search(tree: dict[str, Any], space: dict[str, Any]) -> Search:
    """The search that a table says, and its space by option. Raises UsageError on an unknown key or a wrong value."""
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
            raise UsageError(f'[search] {key} = {tree[key]!r} must be one of {", ".join(values)}')
    if 'warmup_evaluations' in tree and tree.get('pruner', 'none') == 'none':
        raise UsageError(
            '[search] warmup_evaluations is for a pruner, and there is none: leave it out or give one, such as '
            "pruner = 'median'"
        )
    if 'startup_trials' in tree and tree.get('sampler') == 'random' and tree.get('pruner') != 'median':
        raise UsageError(
            "[search] startup_trials is for sampler 'tpe' or pruner 'median', and there is neither: leave it out"
        )
    return Search(**tree | {'space': {option: _distribution(option, value) for option, value in space.items()}})


def _distribution(option: str, table: Any) -> Range | Choices:
    if not isinstance(table, dict) or not (
        table.keys() == {'choices'} or {'low', 'high'} <= table.keys() <= {'low', 'high', 'log'}
    ):
        raise UsageError(
            f'[search.space] {option} = {table!r} must be a table of low and high, and log if wanted, or of choices'
        )
    if 'choices' in table:
        if not isinstance(table['choices'], list) or not table['choices']:
            raise UsageError(f'[search.space] {option}: choices = {table["choices"]!r} must be a list of values')
        if not all(_is_value(choice) for choice in table['choices']):
            raise UsageError(
                f'[search.space] {option}: each of choices = {table["choices"]!r} must be a text, a number, true, false, or a '
                'list of numbers'
            )
        found = Choices(tuple(_typed(option, choice) for choice in table['choices']))
        if len(found.names()) < len(found.choices):
            raise UsageError(f'[search.space] {option} has a choice twice: {table["choices"]!r}')
        return found
    (kind,) = (leaf.type for leaf in configuration.leaves() if leaf.path == option)
    if kind not in (int, float):
        raise UsageError(f'[search.space] {option} is no number, so low and high mean nothing to it: give choices')
    low, high, log = table['low'], table['high'], table.get('log', False)
    for name, value in (('low', low), ('high', high)):
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UsageError(f'[search.space] {option}: {name} = {value!r} must be a number of type {kind.__name__}')
    if type(log) is not bool or not low < high or (log and low <= 0) or not (abs(low) <= MOST and abs(high) <= MOST):
        raise UsageError(
            f'[search.space] {option} = {table!r}: low must be below high, log true or false, and low above 0 '
            f'with it; neither may be beyond {MOST:g}'
        )
    return Range(kind(low), kind(high), log)


def _is_value(choice: Any) -> bool:
    """Whether an option may have such a value at all: dates and tables are none."""
    return type(choice) in (str, int, float, bool) or (
        isinstance(choice, list) and all(type(item) in (int, float) for item in choice)
    )


def _typed(option: str, choice: Any) -> Any:
    """A whole number as the fraction that the option takes, so that 1 and 1.0 are one choice."""
    (kind,) = (leaf.type for leaf in configuration.leaves() if leaf.path == option)
    return float(choice) if kind is float and type(choice) is int else choice
