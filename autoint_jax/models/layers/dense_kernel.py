"""Dense layers as compiled kernels for CPUs (`kernels/dense.cc`), forward and backward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.cores import usable_cores
from autoint_jax.kernels.library import library
from autoint_jax.models.layers.dropout import Drawn

# Floats of gradients that stay in the second-level cache of a core between the two products that read them.
CACHED_FLOATS = 1 << 17


def dense_kernel(
    x: jax.Array, kernel: jax.Array, bias: jax.Array | None, drop: Drawn | None, *, relu: bool
) -> jax.Array:
    """Computes dropout(ReLU(x W + b)), float32 [b, o], on all cores. Raises kernels.library.Unavailable.

    Args:
      x: [b, h].
      kernel: W, [h, o].
      bias: b, [o]; None for none.
      drop: the words [b, 2] of dropout, which needs a ReLU; None for none.
      relu: whether there is a ReLU.
    """
    library()
    return _layer(relu, x[:, None], kernel[None], None if bias is None else bias[None], drop)[:, 0]


def token_dense_kernel(x: jax.Array, kernel: jax.Array, bias: jax.Array | None) -> jax.Array:
    """Computes x_t W_t + b_t of each token t, float32 [b, t, o], on all cores. Raises kernels.library.Unavailable.

    Args:
      x: [b, t, h].
      kernel: W, [t, h, o].
      bias: b, [t, o]; None for none.
    """
    library()
    return _layer(False, x, kernel, bias, None)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _layer(relu, x, kernel, bias, drop):
    tokens, inputs, outputs = kernel.shape
    y, _ = jax.ffi.ffi_call(
        'autoint_dense_forward',
        [_floats(len(x), tokens, outputs), _floats(tokens * (inputs + 1) * _in_panels(outputs))],
        vmap_method='sequential',
    )(x, kernel, *_given(bias), *_given(drop), **_attributes(relu, bias, drop))
    return y


def _forward(relu, x, kernel, bias, drop):
    y = _layer(relu, x, kernel, bias, drop)
    return y, (x, kernel, bias, drop, y if relu else None)


def _backward(relu, saved, grad_y):
    x, kernel, bias, drop, y = saved
    tokens, inputs, outputs = kernel.shape
    gradients = [_floats(*x.shape), _floats(*kernel.shape), *(_floats(tokens, outputs) for _ in _given(bias))]
    columns = _in_panels(outputs)
    at_once = min(len(x) * tokens, max(1, CACHED_FLOATS * usable_cores() // columns))
    memory = [_floats(tokens * outputs * _in_panels(inputs)), _floats(at_once * columns)]
    found = jax.ffi.ffi_call('autoint_dense_backward', gradients + memory, vmap_method='sequential')(
        x,
        kernel,
        grad_y if y is None else y,  # values are read only for the ReLU
        grad_y,
        *(() if drop is None else (drop.rate,)),
        **_attributes(relu, bias, drop),
    )
    no_gradient = None if drop is None else Drawn(np.zeros(drop.words.shape, jax.dtypes.float0), jnp.zeros(()))
    return found[0], found[1], None if bias is None else found[2], no_gradient


_layer.defvjp(_forward, _backward)


def _attributes(relu: bool, bias: jax.Array | None, drop: Drawn | None) -> dict[str, bool]:
    return {'relu': relu, 'bias': bias is not None, 'dropout': drop is not None}


def _given(arrays: jax.Array | Drawn | None) -> list[jax.Array]:
    """Returns the arrays of an argument that may be None, as operands of a kernel."""
    return jax.tree.leaves(arrays)


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _in_panels(columns: int) -> int:
    """Returns the columns of a matrix that the kernels hold in panels."""
    return library().dense_panel_columns(columns)
