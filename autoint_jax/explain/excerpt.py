"""The part of attention that fits into a figure: of many fields those that are attended to most, of many heads their mean."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.errors import UsageError, nearest

# A figure of more is neither readable nor drawn in bounded time and memory.
MOST_FIELDS, MOST_MAPS = 48, 32


class Excerpt(NamedTuple):
    """Fields to draw.

    Attributes:
      fields: their numbers, in the schema's order.
      sentence: says which are left out; '' where none is.
    """

    fields: np.ndarray
    sentence: str


def check(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises UsageError where a wanted field is none of `names`, or they are more than MOST_FIELDS."""
    for name in wanted:
        if name not in names:
            raise UsageError(
                f'there is no field {name!r}{nearest(name, list(names))} to draw; there are '
                f'{", ".join(names[:MOST_FIELDS])}{", ..." if len(names) > MOST_FIELDS else ""}'
            )
    if len(set(wanted)) > MOST_FIELDS:
        raise UsageError(f'{len(set(wanted))} fields are more than a figure can show: name at most {MOST_FIELDS}')


def of_fields(mean: np.ndarray, names: Sequence[str], wanted: Sequence[str] = ()) -> Excerpt:
    """The fields that figures show.

    Args:
      mean: attention averaged over layers and heads, [f, g].
      names: of all fields, [f].
      wanted: names of those to draw; empty for all, or for the MOST_FIELDS that are attended to most where there are more.

    Raises:
      UsageError: as `check` does.
    """
    check(names, wanted)
    if wanted:
        return Excerpt(np.array([number for number, name in enumerate(names) if name in wanted]), '')
    if len(names) <= MOST_FIELDS:
        return Excerpt(np.arange(len(names)), '')
    strongest = np.sort(np.argsort(-mean.sum(0), kind='stable')[:MOST_FIELDS])
    return Excerpt(
        strongest, f'figures show {MOST_FIELDS} of {len(names)} fields, those that all fields attend to most'
    )


def of_maps(attention: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Attention [l, n, f, g] -> the maps of a figure [down, across, f, g] and the title of each, in the same order.

    One a head where there are at most MOST_MAPS; else one a layer, the mean of its heads; of more layers than that, every so many.
    """
    layers, heads = attention.shape[:2]
    if layers * heads <= MOST_MAPS:
        return attention, [f'layer {layer + 1}, head {head + 1}' for layer in range(layers) for head in range(heads)]
    shown = np.unique(np.linspace(0, layers - 1, min(layers, MOST_MAPS)).round().astype(int))
    return attention[shown].mean(1, keepdims=True), [
        f'layer {layer + 1} of {layers}, mean of {heads} heads' for layer in shown
    ]
