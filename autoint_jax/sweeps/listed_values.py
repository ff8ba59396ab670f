"""The trials that a sweep file lists: [grid], [zip], [[list]] and seeds as the values of options of each trial."""

import itertools
import math
from typing import Any

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.option_tables import Values, option_values, shortened

# A sweep has at most so many trials: a hundred settings with a hundred seeds. Each has a folder, and every worker looks
# at it.
MOST_TRIALS = 10_000


def listed_values(tree: dict[str, Any]) -> list[Values]:
    """Combines the parts of a sweep file that list trials.

    Args:
      tree: the sweep file as TOML reads it.

    Returns:
      The values of options of each trial, in the order of the file; the seed changes fastest.

    Raises:
      UsageError: a part is wrong, an option has values in two parts, or there are more than MOST_TRIALS trials.
    """
    columns = _columns(tree, 'grid')
    parts = [part for part in (_list(tree), _zip(tree)) if part]
    sizes = [len(part) for part in parts] + [len(values) for values in columns.values()] + [_seed_count(tree)]
    if math.prod(sizes) > MOST_TRIALS:
        raise UsageError(
            f'it has {" * ".join(map(str, sizes))} = {math.prod(sizes):,} trials, but a sweep may have at most '
            f'{MOST_TRIALS:,}: give fewer values or seeds, or a [search]'
        )
    parts += [part for part in (_grid(columns), _seeds(tree)) if part]
    return [_merged(choice) for choice in itertools.product(*parts)]


def _merged(choice: tuple[Values, ...]) -> Values:
    values: Values = {}
    for part in choice:
        for option in part.keys() & values.keys():
            raise UsageError(f'option {option!r} has values in two parts of the file: leave one of them out')
        values |= part
    return values


def _grid(columns: dict[str, list[Any]]) -> list[Values]:
    if not columns:
        return []
    return [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]


def _zip(tree: dict[str, Any]) -> list[Values]:
    columns = _columns(tree, 'zip')
    if len({len(values) for values in columns.values()}) > 1:
        raise UsageError(
            '[zip] needs the same number of values for each option, but '
            + ', '.join(f'{option} has {len(values)}' for option, values in columns.items())
        )
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _list(tree: dict[str, Any]) -> list[Values]:
    entries = tree.get('list', [])
    if not isinstance(entries, list):
        raise UsageError('list must be written as [[list]], once for each of its trials')
    if 'list' in tree and not entries:
        raise UsageError('list is empty: write [[list]] once for each of its trials, or leave it out')
    return [option_values(entry, 'list') for entry in entries]


def _seeds(tree: dict[str, Any]) -> list[Values]:
    seeds = tree.get('seeds', [])
    return [{'seed': seed} for seed in (range(seeds) if type(seeds) is int else seeds)]


def _seed_count(tree: dict[str, Any]) -> int:
    """Returns the number of seeds, 1 if the file names none. Raises UsageError if `seeds` is wrong."""
    seeds = tree.get('seeds', 1)
    if type(seeds) is int and seeds >= 1:
        return seeds
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise UsageError(
            f'seeds = {shortened(seeds)} must be a list of whole numbers such as [0, 1, 2] or a count of at least 1'
        )
    return len(seeds)


def _columns(tree: dict[str, Any], part: str) -> dict[str, list[Any]]:
    columns = option_values(tree.get(part, {}), part)
    if part in tree and not columns:
        raise UsageError(
            f'[{part}] is empty: give it one option a line, such as model.num_layers = [1, 2, 3], or leave it out'
        )
    for option, values in columns.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f'[{part}] {option} = {shortened(values)} must be a list of values, such as [1, 2, 3]')
    return columns
