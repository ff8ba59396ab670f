"""The part of attention that fits a figure: the fields that are attended to most, and the mean of many heads."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.errors import UsageError, nearest

# A figure of more fields or maps would not be readable, and would take unbounded time and memory.
MOST_FIELDS, MOST_MAPS = 48, 32


class Excerpt(NamedTuple):
    """The fields that a figure shows.

    Attributes:
      fields: their numbers, in the schema's order.
      sentence: says which fields are left out; empty if none is.
    """

    fields: np.ndarray
    sentence: str


def check(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises UsageError if a wanted field is not in `names`, or if more than MOST_FIELDS are wanted."""
    for name in wanted:
        if name not in names:
            raise UsageError(
                f'there is no field {name!r}{nearest(name, list(names))} to draw; there are '
                f'{", ".join(names[:MOST_FIELDS])}{", ..." if len(names) > MOST_FIELDS else ""}'
            )
    if len(set(wanted)) > MOST_FIELDS:
        raise UsageError(f'{len(set(wanted))} fields are more than a figure can show: name at most {MOST_FIELDS}')


def drawn_fields(mean: np.ndarray, names: Sequence[str], wanted: Sequence[str] = ()) -> Excerpt:
    """Returns the fields that figures show.

    Args:
      mean: attention averaged over layers and heads, [f, g].
      names: names of all fields, [f].
      wanted: names of the fields to draw. If it is empty, all are drawn, or the MOST_FIELDS that are attended to most.

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


def drawn_maps(attention: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Turns attention [l, n, f, g] into the maps of a figure [down, across, f, g], with a title for each in this order.

    There is a map for each head if these are at most MOST_MAPS, else one for each layer, the mean of its heads. Of more
    layers than MOST_MAPS, some at equal distances are shown.
    """
    layers, heads = attention.shape[:2]
    if layers * heads <= MOST_MAPS:
        return attention, [f'layer {layer + 1}, head {head + 1}' for layer in range(layers) for head in range(heads)]
    shown = np.unique(np.linspace(0, layers - 1, min(layers, MOST_MAPS)).round().astype(int))
    return attention[shown].mean(1, keepdims=True), [
        f'layer {layer + 1} of {layers}, mean of {heads} heads' for layer in shown
    ]
