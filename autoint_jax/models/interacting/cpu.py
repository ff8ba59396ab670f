"""The form of the stack that is one compiled kernel for CPUs (`kernels/interacting.cc`), forward and backward."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.kernels.library import library
from autoint_jax.models.interacting.stack import LayerWeights, Masks, StackSpec

MAX_TASKS = 16
MIN_BLOCKS = 2


def cpu_stack(x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec) -> jax.Array:
    """Computes the stack, float32 [b, f, d] -> [b, f, w], on all cores. Raises kernels.library.Unavailable."""
    if not layers:
        return x
    library()
    return _stack(spec, x, layers, masks)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _stack(spec, x, layers, masks):
    return _forward_call(spec, x, layers, masks, keep=False)[0]


def _forward(spec, x, layers, masks):
    y, kept = _forward_call(spec, x, layers, masks, keep=True)
    return y, (x, kept, layers, masks)


def _backward(spec, saved, grad_y):
    x, kept, layers, masks = saved
    tasks = backward_tasks(kept.shape[0])
    sizes = [math.prod(array.shape) for array in jax.tree.leaves(layers)]
    call = jax.ffi.ffi_call(
        'autoint_interacting_backward',
        [jax.ShapeDtypeStruct(x.shape, jnp.float32), jax.ShapeDtypeStruct((tasks + 1, sum(sizes)), jnp.float32)],
        vmap_method='sequential',
    )
    grad_x, sums = call(x, grad_y, kept, *_arguments(layers, masks), **_attributes(spec, layers, masks))
    parts = jnp.split(sums[-1], np.cumsum(sizes)[:-1])
    leaves, structure = jax.tree.flatten(layers)
    grad_layers = structure.unflatten([part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])
    return grad_x, grad_layers, jax.tree.map(_zero_gradient, masks)


_stack.defvjp(_forward, _backward)


def backward_tasks(blocks: int) -> int:
    """Returns the number of tasks into which the backward pass divides its blocks.

    Each task sums gradients of the weights. Their number is even, where there are enough blocks, and does not depend on
    the number of threads, so that rounding does not either. The first tasks have a block more than the others if the
    blocks cannot be divided equally.
    """
    even = blocks // (2 * MIN_BLOCKS) * 2
    return max(1, min(MAX_TASKS, even or -(-blocks // MIN_BLOCKS)))


class Block(NamedTuple):
    """A block, which a core takes through all layers at a time.

    Attributes:
      rows: rows of the batch in a block; the last one may have fewer.
      columns: columns that are computed, at least rows times fields.
      floats: floats that are kept of a block for the backward pass.
    """

    rows: int
    columns: int
    floats: int


def block_of(spec: StackSpec, rows: int, fields: int, inputs: int, layers: int, *, norm: bool) -> Block:
    """Returns the blocks into which the kernel divides its rows.

    Args:
      spec: options of the stack.
      rows: number of rows that the kernel takes at a time.
      fields: number of fields.
      inputs: width of the embeddings, d.
      layers: number of layers.
      norm: whether the layers have a LayerNorm.

    Raises:
      kernels.library.Unavailable: the kernels are unavailable.
    """
    kernels, sizes = library(), (inputs, layers, spec.num_heads, spec.head_dim)
    return Block(
        kernels.interacting_block_examples(fields, rows),
        kernels.interacting_block_columns(fields, rows),
        kernels.interacting_block_floats(fields, rows, *sizes, spec.residual, spec.identity_residual, norm),
    )


def _zero_gradient(array):
    """Returns the gradient that JAX expects of an input that has none: zeros, or float0 for integers."""
    return (
        jnp.zeros_like(array) if jnp.issubdtype(array.dtype, jnp.floating) else np.zeros(array.shape, jax.dtypes.float0)
    )


def _forward_call(spec, x, layers, masks, *, keep):
    b, f, d = x.shape
    results = [jax.ShapeDtypeStruct((b, f, spec.num_heads * spec.head_dim), jnp.float32)]
    if keep:
        block = block_of(spec, b, f, d, len(layers), norm=layers[0].norm_scale is not None)
        results.append(jax.ShapeDtypeStruct((-(-b // block.rows), block.floats), jnp.float32))
    call = jax.ffi.ffi_call('autoint_interacting_forward', results, vmap_method='sequential')
    return call(x, *_arguments(layers, masks), **_attributes(spec, layers, masks))


def _arguments(layers, masks):
    return [
        array
        for layer, mask in zip(layers, masks, strict=True)
        for array in (*layer, *(mask or ()))
        if array is not None
    ]


def _attributes(spec, layers, masks):
    return {
        'layers': np.int64(len(layers)),
        'heads': np.int64(spec.num_heads),
        'head_width': np.int64(spec.head_dim),
        'residual': spec.residual,
        'identity_residual': spec.identity_residual,
        'scale': np.float32(spec.scale),
        'bias': layers[0].bias is not None,
        'projection_relu': spec.projection_relu,
        'norm': layers[0].norm_scale is not None,
        'norm_first': spec.norm_first,
        'norm_epsilon': np.float32(spec.norm_epsilon),
        'dropout': masks[0] is not None,
    }
