"""A sum of every array of a state: it shows wrong bytes in a checkpoint, and whether all values are finite."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class StateSums(NamedTuple):
    """Attributes:
    sums: {name of an array: a sum of its bits, which does not depend on devices}.
    not_finite: the names of arrays that hold NaN or an infinity, in order.
    """

    sums: dict[str, int]
    not_finite: list[str]


def state_sums(state: Any) -> StateSums:
    """The sums of a state's arrays, in one compiled pass over them.

    Args:
      state: a tree of arrays on the devices or the host.
    """
    named = named_arrays(state)
    sums, finite = jax.device_get(_sums(list(named.values())))
    return StateSums(
        {name: int(value) for name, value in zip(named, sums, strict=True)},
        [name for name, value in zip(named, finite, strict=True) if not value],
    )


def named_arrays(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by name, such as 'tables/embedding'; keys, attributes and places in a sequence are named alike."""
    return {'/'.join(_name(key) for key in path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def _name(key: Any) -> str:
    for attribute in ('key', 'name', 'idx'):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


@jax.jit
def _sums(arrays: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """uint32 [arrays], bool [arrays]."""
    finite = [
        jnp.isfinite(array).all() if jnp.issubdtype(array.dtype, jnp.inexact) else jnp.array(True) for array in arrays
    ]
    return jnp.stack([_sum_of_bits(array) for array in arrays]), jnp.stack(finite)


def _sum_of_bits(array: jax.Array) -> jax.Array:
    """The sum of an array's words modulo 2**32, each times an odd number of its own, so that words cannot change places unseen."""
    array = array.astype(jnp.uint8) if array.dtype == bool else array
    word = {1: jnp.uint8, 2: jnp.uint16}.get(np.dtype(array.dtype).itemsize, jnp.uint32)
    words = jax.lax.bitcast_convert_type(array, word).reshape(-1).astype(jnp.uint32)
    return jnp.sum(words * (2 * jax.lax.iota(jnp.uint32, words.size) + 1), dtype=jnp.uint32)
