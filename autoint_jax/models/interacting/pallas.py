"""The interacting layer (paper section 4.4, Eqs. 5-8) as one GPU kernel forward and one backward.

Projections, attention and activation of a block of examples stay on the chip: only the layer's input is read and only
its output written, and the backward kernel computes everything else again from the input. The kernels are written in
Pallas for its Triton backend; `interpret` runs the same kernels on a CPU, for tests. `pallas_block.py` has the letters
of shapes.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from autoint_jax.models.interacting.pallas_block import (
    KEY,
    MAX_PROGRAMS,
    MIN_ROWS,
    QUERY,
    RESIDUAL,
    VALUE,
    Block,
    KernelShape,
    kernel_shape,
    rectified,
    side,
)

WARPS = 4
REGISTER_BYTES = WARPS * 32 * 255 * 4


def supported(f: int, d: int, n: int, a: int) -> bool:
    """Returns whether the kernels fit an ordinary GPU. If they do not, compute the layer by einsum.

    The backward kernel holds these arrays at once if there is a residual, with 4 bytes for a number: four projections R
    A, weights and masked weights 2 R R, gradient sums 4 D A and the input R D. They must fit the registers of its 4
    warps, 255 for each thread (127.5 KiB); 39 fields, d = 64 and a = 32 take 112 KiB. Sides over 64 are refused because
    the factors of a product are in registers too. Shared memory needs no rule: the compiled kernels of these shapes
    took at most 96 KiB, and every GPU with TF32 gives a program 99 KiB. Each head has its own programs, so the number
    of heads matters only if it leaves few programs to each head.
    """
    rows, wide_d, wide_a = side(f, MIN_ROWS), side(d), side(a)
    live = 4 * (4 * rows * wide_a + 2 * rows * rows + 4 * wide_d * wide_a + rows * wide_d)
    return max(rows, wide_d, wide_a) <= 64 and live <= REGISTER_BYTES and n <= MAX_PROGRAMS // 4


def _forward_kernel(x_ref, kernel_ref, bias_ref, mask_ref, out_ref, *, shape: KernelShape):
    program, head = pl.program_id(0), pl.program_id(1)

    def block_step(step, carry):
        block = Block(shape, program * shape.steps + step, head)
        x = block.inputs(x_ref)
        project = functools.partial(block.projected, x, kernel_ref, bias_ref)
        weights = block.weights(project(QUERY).astype(x.dtype), project(KEY).astype(x.dtype))
        if mask_ref is not None:
            weights = weights * block.factors(mask_ref)
        out = block.product(weights.astype(x.dtype), project(VALUE).astype(x.dtype))  # Eq. 6
        if shape.p > RESIDUAL:
            out = out + project(RESIDUAL)  # Eq. 8
        triton.store(block.of_head(out_ref), rectified(out).astype(out_ref.dtype), mask=block.real[:, None])
        return carry

    lax.fori_loop(0, shape.steps, block_step, 0)


def _backward_kernel(
    x_ref,
    kernel_ref,
    bias_ref,
    mask_ref,
    grad_out_ref,
    grad_x_ref,
    grad_kernel_ref,
    grad_bias_ref,
    *,
    shape: KernelShape,
):
    """Writes dL/dx of this head [n, b * f, d], and the part of dL/dkernel and dL/dbias [programs, ...] from this
    program.

    All are float32 and are summed over the first axis afterwards. There are no atomic additions, so a gradient has the
    same bits each time.
    """
    program, head = pl.program_id(0), pl.program_id(1)

    def block_step(step, carry):
        block = Block(shape, program * shape.steps + step, head)
        x = block.inputs(x_ref)
        parts = [block.projected(x, kernel_ref, bias_ref, part) for part in range(shape.p)]
        query, key, value = (part.astype(x.dtype) for part in parts[:RESIDUAL])
        weights = block.weights(query, key)
        dropped_weights = weights if mask_ref is None else weights * block.factors(mask_ref)
        dropped_weights_rounded = dropped_weights.astype(x.dtype)
        out = block.product(dropped_weights_rounded, value)
        if shape.p > RESIDUAL:
            out = out + parts[RESIDUAL]

        grad_out = triton.load(block.of_head(grad_out_ref), mask=block.real[:, None] & (out > 0.0), other=0.0)  # [R, A]
        grad_value = block.product(dropped_weights_rounded, grad_out, 0, 0)
        grad_weights = block.product(grad_out, value, 1, 1)
        # Let P = W * factors. Then W * (dP * factors) = P * dP, so the factors are needed only once.
        pulled = dropped_weights * grad_weights
        grad_scores = ((pulled - weights * jnp.sum(pulled, axis=1)[:, None]) * shape.scale).astype(x.dtype)
        grad_parts = [
            block.product(grad_scores, key),
            block.product(grad_scores, query, 0, 0),
            grad_value,
            grad_out.astype(jnp.float32),
        ][: shape.p]

        x = block.inputs(x_ref, again=True)
        grad_x, sums = jnp.zeros((shape.rows, shape.wide_d), jnp.float32), []
        for part, grad_part in enumerate(grad_parts):
            if shape.projection_relu:
                grad_part = jnp.where(parts[part] > 0.0, grad_part, 0.0)
            rounded = grad_part.astype(x.dtype)
            grad_x = grad_x + block.product(rounded, block.matrix(kernel_ref, part, x.dtype, again=True), 1, 1)
            grad_matrix, grad_bias = carry[part]
            sums.append((grad_matrix + block.product(x, rounded, 0, 0), grad_bias + jnp.sum(grad_part, axis=0)))
        rows = pl.ds(block.start, shape.rows)
        triton.store(grad_x_ref.at[head, rows, pl.ds(0, shape.wide_d)], grad_x, mask=block.real[:, None])
        return tuple(sums)

    zero = jnp.zeros((shape.wide_d, shape.wide_a), jnp.float32), jnp.zeros(shape.wide_a, jnp.float32)
    sums = lax.fori_loop(0, shape.steps, block_step, (zero,) * shape.p)
    for part, (grad_matrix, grad_bias) in enumerate(sums):
        row, columns = part * shape.n + head, pl.ds(0, shape.wide_a)
        triton.store(grad_kernel_ref.at[program, pl.ds(0, shape.wide_d), row, columns], grad_matrix)
        if bias_ref is not None:
            triton.store(grad_bias_ref.at[program, row, columns], grad_bias)


def _launch(kernel, shape: KernelShape, out_shape, operands):
    return pl.pallas_call(
        functools.partial(kernel, shape=shape),
        out_shape=out_shape,
        grid=(shape.programs, shape.n),
        compiler_params=triton.CompilerParams(num_warps=WARPS, num_stages=1),
        interpret=shape.interpret,
    )(*operands)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _layer(x, kernel, bias, mask, shape):
    out = jax.ShapeDtypeStruct((shape.b * shape.f, shape.n, shape.wide_a), x.dtype)
    out = _launch(_forward_kernel, shape, out, _operands(x, kernel, bias, mask, shape))
    return out[..., : shape.a].reshape(shape.b, shape.f, shape.n * shape.a)


def _operands(x, kernel, bias, mask, shape):
    """Returns the arrays in the layout of the kernels: flat in rows and in (p, n), with zeros after d and a."""
    kernel = kernel.reshape(shape.d, shape.p * shape.n, shape.a)
    return (
        _padded(x.reshape(shape.b * shape.f, shape.d), shape.wide_d),
        _padded(kernel, shape.wide_d, shape.p * shape.n, shape.wide_a),
        None if bias is None else _padded(bias.reshape(shape.p * shape.n, shape.a), shape.wide_a),
        None if mask is None else mask.reshape(-1),
    )


def _padded(array: jax.Array, *last: int) -> jax.Array:
    """Pads the last axes of the array with zeros up to the given sizes."""
    sizes = (*array.shape[: array.ndim - len(last)], *last)
    return jnp.pad(array, [(0, size - had) for size, had in zip(sizes, array.shape, strict=True)])


def _layer_forward(x, kernel, bias, mask, shape):
    return _layer(x, kernel, bias, mask, shape), (x, kernel, bias, mask)


def _layer_backward(shape, saved, gradient):
    x, kernel, bias, mask = saved
    float32 = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    parts = shape.p * shape.n
    out = (
        float32((shape.n, shape.b * shape.f, shape.wide_d)),
        float32((shape.programs, shape.wide_d, parts, shape.wide_a)),
        None if bias is None else float32((shape.programs, parts, shape.wide_a)),
    )
    gradient = _padded(gradient.reshape(shape.b * shape.f, shape.n, shape.a), shape.wide_a)
    grad_x, grad_kernel, grad_bias = _launch(
        _backward_kernel, shape, out, (*_operands(x, kernel, bias, mask, shape), gradient)
    )
    grad_x = grad_x.sum(0)[:, : shape.d].astype(x.dtype).reshape(x.shape)
    grad_kernel = grad_kernel.sum(0)[: shape.d, :, : shape.a].astype(kernel.dtype).reshape(kernel.shape)
    grad_bias = None if bias is None else grad_bias.sum(0)[:, : shape.a].astype(bias.dtype).reshape(bias.shape)
    return grad_x, grad_kernel, grad_bias, None


_layer.defvjp(_layer_forward, _layer_backward)


def interacting_layer(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None,
    mask: jax.Array | None,
    *,
    scale: float,
    residual: bool,
    projection_relu: bool,
    interpret: bool,
) -> jax.Array:
    """Eqs. 5-8 for all heads, without a LayerNorm. Differentiable in x, kernel and bias; mask is a constant.

    Products take their inputs in x's type and add up in float32. On several devices call it under `shard_map`: a
    kernel is not divided among devices by itself.

    Args:
      x: [b, f, d] float32 or bfloat16.
      kernel: [d, p, n, a]; query, key, value and, with a residual, W_Res along p. Cast to x's type.
      bias: [p, n, a] or None.
      mask: [b, n, f, g] factors of the attention weights (dropout), or None.
      scale: factor of the scores.
      residual: add W_Res e_m (Eq. 8); then p = 4, else 3.
      projection_relu: ReLU on all projections.
      interpret: run as ordinary JAX on any device, slowly, for tests; False needs a GPU.

    Returns:
      [b, f, n * a] in x's type.

    Raises:
      ValueError: p does not go with `residual`, or `mask` has 2^31 or more elements.
    """
    if kernel.shape[1] != 3 + residual:
        raise ValueError(f'{kernel.shape=} must have {3 + residual} projections with {residual=}')
    if mask is not None and mask.size >= 2**31:
        raise ValueError(f'{mask.shape=} has 2^31 or more elements; give fewer examples at a time')
    return _layer(
        x,
        kernel,
        bias,
        mask,
        kernel_shape(x, kernel, scale=scale, projection_relu=projection_relu, interpret=interpret),
    )
