"""The part of attention that fits a figure: the mean of many heads."""

import numpy as np

# A figure of more fields or maps would not be readable, and would take unbounded time and memory.
MOST_FIELDS, MOST_MAPS = 48, 32


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
