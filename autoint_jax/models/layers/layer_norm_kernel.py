"""LayerNorm as compiled kernels for CPUs (`kernels/norm.cc`), forward and backward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.kernels.library import library

LEAST_WIDTH = 8  # of a row: the kernels take so many floats at a time


def layer_norm_kernel(x: jax.Array, scale: jax.Array, offset: jax.Array, *, epsilon: float) -> jax.Array:
    """Computes (x - mean) / sqrt(variance + epsilon) * scale + offset, float32 [..., d] -> [..., d], on all cores.

    Raises kernels.library.Unavailable.

    Args:
      x: [..., d], with d at least LEAST_WIDTH; mean and variance are over the last axis.
      scale: [d], or the last two axes of x.
      offset: of the same shape.
      epsilon: added to the variance.
    """
    library()
    d = x.shape[-1]
    return _norm(epsilon, x.reshape(-1, d), scale.reshape(-1, d), offset.reshape(-1, d)).reshape(x.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _norm(epsilon, x, scale, offset):
    call = jax.ffi.ffi_call('autoint_norm_forward', _floats(*x.shape), vmap_method='sequential')
    return call(x, scale, offset, epsilon=np.float32(epsilon))


def _forward(epsilon, x, scale, offset):
    return _norm(epsilon, x, scale, offset), (x, scale)


def _backward(epsilon, saved, grad_y):
    x, scale = saved
    memory = _floats(library().norm_tasks(*x.shape), 2, *scale.shape)
    found = jax.ffi.ffi_call(
        'autoint_norm_backward',
        [_floats(*x.shape), _floats(*scale.shape), _floats(*scale.shape), memory],
        vmap_method='sequential',
    )(x, scale, grad_y, epsilon=np.float32(epsilon))
    return tuple(found[:3])


_norm.defvjp(_forward, _backward)


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
