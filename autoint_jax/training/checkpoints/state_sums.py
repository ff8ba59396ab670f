"""Checksums of the arrays of a state, which reveal wrong bytes in a checkpoint, and the names of arrays with NaN."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

WORDS_AT_ONCE = 1 << 22  # of an array, about, whose sum is computed at a time


class StateSums(NamedTuple):
    """The checksums of a state.

    Attributes:
      sums: {name of an array: checksum of its bits}; it does not depend on the devices.
      not_finite: names of the arrays that hold NaN or an infinity, in order.
    """

    sums: dict[str, int]
    not_finite: list[str]


def state_sums(state: Any) -> StateSums:
    """Returns the checksums of a state, computed in one compiled pass over its arrays.

    Args:
      state: a tree of arrays, on the devices or the host.
    """
    named = named_arrays(state)
    # By name, so that one program serves states in memory and those that are read, whose arrays are in another order.
    names = sorted(named)
    sums, finite = (
        dict(zip(names, values, strict=True)) for values in jax.device_get(_sums([named[n] for n in names]))
    )
    return StateSums({name: int(sums[name]) for name in named}, [name for name in named if not finite[name]])


def named_arrays(tree: Any) -> dict[str, Any]:
    """Returns the leaves of a tree by name, such as 'tables/embedding'.

    Keys of dictionaries, names of attributes and indices of sequences are the parts of a name.
    """
    return {'/'.join(_name(key) for key in path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def _name(key: Any) -> str:
    """Returns the name of one step of a path: a dictionary's key, an attribute, or an index."""
    for attribute in ('key', 'name', 'idx'):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


@jax.jit
def _sums(arrays: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Returns the checksum of each array, uint32 [arrays], and whether all its values are finite, bool [arrays]."""
    finite = [
        jnp.isfinite(array).all() if jnp.issubdtype(array.dtype, jnp.inexact) else jnp.array(True) for array in arrays
    ]
    return jnp.stack([_sum_of_bits(array) for array in arrays]), jnp.stack(finite)


def _sum_of_bits(array: jax.Array) -> jax.Array:
    """Returns the sum of the words of an array modulo 2**32, uint32 [].

    Each word is multiplied by an odd number of its own, so that the sum changes if two words are swapped. Zeros at
    the end change nothing, so whole and split tables have the same sum. A large array is summed part by part: XLA would
    make arrays of its size, twice.
    """
    array = array.astype(jnp.uint8) if array.dtype == bool else array
    rows, words_of_row = (array.shape[0], array[:1].size) if array.ndim else (1, 1)
    at_once = max(1, WORDS_AT_ONCE // max(1, words_of_row))
    if rows <= at_once:
        return _sum_of_rows(array, jnp.uint32(0))

    def of_part(turn, total):
        first = turn * at_once
        part = jax.lax.dynamic_slice_in_dim(array, first, at_once)
        return total + _sum_of_rows(part, first.astype(jnp.uint32))

    whole = rows // at_once
    total = jax.lax.fori_loop(0, whole, of_part, jnp.uint32(0))
    return total + _sum_of_rows(array[whole * at_once :], jnp.uint32(whole * at_once))


def _sum_of_rows(array: jax.Array, first: jax.Array) -> jax.Array:
    """Returns the part of `_sum_of_bits` of some rows of an array, of which the first has the number `first`."""
    word = {1: jnp.uint8, 2: jnp.uint16}.get(np.dtype(array.dtype).itemsize, jnp.uint32)
    words = jax.lax.bitcast_convert_type(array, word).astype(jnp.uint32)
    # The array keeps its axes, because flattening one that devices split would bring it whole to each of them.
    number, stride = jnp.zeros((), jnp.uint32), 1
    for axis in reversed(range(words.ndim)):
        place = jax.lax.broadcasted_iota(jnp.uint32, words.shape, axis) + (first if axis == 0 and array.ndim else 0)
        number = number + place * np.uint32(stride % 2**32)
        stride *= words.shape[axis]
    return jnp.sum(words * (2 * number + 1), dtype=jnp.uint32)
