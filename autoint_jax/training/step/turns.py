"""Loops over the slices of a device, and over groups of slices, of which a deep network takes each at once.

Interacting layers want slices so small that what they keep stays in cache. A deep network wants large ones, because it
reads its weights, and adds to their gradients, once for each slice. Where the logits of the two are added, a group of
many slices takes the deep network once, forward, then the rest slice by slice, forward and backward, with the logits of
the deep network added, and then the deep network backward.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from autoint_jax.models.contract import DEEP, REST
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch

Part = tuple[Rows, Batch, jax.Array]  # looked-up rows, batch and keys of the same rows


def in_turn(take: Callable, carry: Any, parts: Any, step: jax.Array) -> tuple[Any, Any]:
    """Returns what `jax.lax.scan(take, carry, parts)` does, with the same rounding for any number of parts.

    XLA dissolves a loop of one turn and fuses its operations in other ways, which round differently. So one part
    becomes two, of which the second is not taken, in a loop whose number of turns XLA does not know.

    Args:
      take: (carry, part) -> carry, what the part gives.
      carry: the carry before the first part.
      parts: a tree of arrays [number of parts, ...].
      step: int32 [], a number that is at least 0 and that XLA does not know.
    """
    count = len(jax.tree.leaves(parts)[0])
    if count > 1:
        return jax.lax.scan(take, carry, parts)
    parts = jax.tree.map(lambda x: jnp.concatenate([x, jnp.zeros_like(x)]), parts)
    given = jax.eval_shape(lambda: take(carry, jax.tree.map(lambda x: x[0], parts))[1])
    outputs = jax.tree.map(lambda shape: jnp.zeros((2, *shape.shape), shape.dtype), given)

    def turn(number, state):
        carry, outputs = state
        part = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, number, keepdims=False), parts)
        carry, output = take(carry, part)
        put = jax.lax.dynamic_update_index_in_dim
        return carry, jax.tree.map(lambda all_parts, one: put(all_parts, one, number, 0), outputs, output)

    carry, outputs = jax.lax.fori_loop(0, jnp.where(step >= 0, 1, 0), turn, (carry, outputs))
    return carry, jax.tree.map(lambda x: x[:1], outputs)


def cut_into(size: int, rows: Any) -> Any:
    """Returns a tree of arrays [n, ...] as parts of `size` rows, [n / size, size, ...]."""
    return jax.tree.map(lambda x: x.reshape(len(x) // size, size, *x.shape[1:]), rows)


def joined(parts: Any) -> Any:
    """Returns what `cut_into` took, from parts."""
    return jax.tree.map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), parts)


def group_gradients(logits: Callable, loss: Callable, params: Any, part: Part, slice_rows: int, group_rows: int) -> Any:
    """Returns the loss of a device's part of a batch, its gradients of params, and those of the looked-up rows.

    They are those of loss(logits of the deep network + logits of the rest), but for rounding.

    Args:
      logits: (params, part, which) -> logits [b] of DEEP or REST (`models.contract.Model`).
      loss: (logits, batch) -> float32 [], a sum over rows.
      params: parameters of the model.
      part: the part of the device.
      slice_rows: rows of a slice; they divide the rows of a group.
      group_rows: rows of a group; they divide the rows of the part.
    """

    def slice_loss(params, rows, deep, batch, keys):
        return loss(logits(params, (rows, batch, keys), REST) + deep, batch)

    def add_slice(sums, given):
        of_slice, (grad_params, grad_rows, grad_deep) = jax.value_and_grad(slice_loss, (0, 1, 2))(params, *given)
        return jax.tree.map(jnp.add, sums, (of_slice, grad_params)), (grad_rows, grad_deep)

    def add_group(sums, group):
        rows, batch, keys = group
        deep, backward = jax.vjp(lambda params, rows: logits(params, (rows, batch, keys), DEEP), params, rows)
        sums, of_slices = jax.lax.scan(add_slice, sums, cut_into(slice_rows, (rows, deep, batch, keys)))
        grad_rows, grad_deep = joined(of_slices)
        of_deep, beside = backward(grad_deep)
        return (sums[0], jax.tree.map(jnp.add, sums[1], of_deep)), jax.tree.map(jnp.add, grad_rows, beside)

    zeros = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
    (loss_sum, grad_params), grad_rows = jax.lax.scan(add_group, zeros, cut_into(group_rows, part))
    return loss_sum, grad_params, joined(grad_rows)
