"""The interacting layer (paper section 4.4, Eqs. 5-8) as one GPU kernel forward and one backward.

Projections, attention and activation of a block of examples stay on the chip: only the layer's input is read and only
its output written, and the backward kernel computes everything else again from the input. Written in Pallas for its
Triton backend; `interpret` runs the same kernels on a CPU, for tests. Letters of shapes: `interacting_block.py`.
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
    Plan,
    planned,
    rectified,
    side,
)

WARPS = 4
REGISTER_BYTES = WARPS * 32 * 255 * 4


def supported(f: int, d: int, n: int, a: int) -> bool:
    """Whether the kernels suit an ordinary GPU; if not, compute the layer by einsum.

    The backward kernel, with a residual, has at once, in 4 bytes a number: four projections R A, weights and masked
    weights 2 R R, gradient sums 4 D A, the input R D. That must fit the registers of its 4 warps, 255 for each thread
    (127.5 KiB); 39 fields, d = 64 and a = 32 take 112 KiB. Sides over 64 are refused because the factors of a product
    are in registers too. Shared memory needs no rule of its own: compiled, these shapes took at most 96 KiB, and
    every GPU with TF32 gives a program 99. Heads are separate programs, so that their number matters only where it
    leaves few programs to each.
    """
    rows, wide_d, wide_a = side(f, MIN_ROWS), side(d), side(a)
    live = 4 * (4 * rows * wide_a + 2 * rows * rows + 4 * wide_d * wide_a + rows * wide_d)
    return max(rows, wide_d, wide_a) <= 64 and live <= REGISTER_BYTES and n <= MAX_PROGRAMS // 4


def _forward_kernel(x_ref, kernel_ref, bias_ref, mask_ref, out_ref, *, plan: Plan):
    program, head = pl.program_id(0), pl.program_id(1)

    def block_step(step, carry):
        block = Block(plan, program * plan.steps + step, head)
        x = block.inputs(x_ref)
        project = functools.partial(block.projected, x, kernel_ref, bias_ref)
        weights = block.weights(project(QUERY).astype(x.dtype), project(KEY).astype(x.dtype))
        if mask_ref is not None:
            weights = weights * block.factors(mask_ref)
        out = block.product(weights.astype(x.dtype), project(VALUE).astype(x.dtype))  # Eq. 6
        if plan.p > RESIDUAL:
            out = out + project(RESIDUAL)  # Eq. 8
        triton.store(block.of_head(out_ref), rectified(out).astype(out_ref.dtype), mask=block.real[:, None])
        return carry

    lax.fori_loop(0, plan.steps, block_step, 0)


def _backward_kernel(
    x_ref, kernel_ref, bias_ref, mask_ref, gradient_ref, of_x_ref, of_kernel_ref, of_bias_ref, *, plan: Plan
):
    """Writes dL/dx of this head [n, b * f, d] and this program's share of dL/dkernel and dL/dbias [programs, ...],
    all float32, to be summed over the first axis: no atomic additions, so that a gradient is the same each time."""
    program, head = pl.program_id(0), pl.program_id(1)

    def block_step(step, carry):
        block = Block(plan, program * plan.steps + step, head)
        x = block.inputs(x_ref)
        parts = [block.projected(x, kernel_ref, bias_ref, part) for part in range(plan.p)]
        query, key, value = (part.astype(x.dtype) for part in parts[:RESIDUAL])
        weights = block.weights(query, key)
        mixed_by = weights if mask_ref is None else weights * block.factors(mask_ref)
        mixed_by_rounded = mixed_by.astype(x.dtype)
        out = block.product(mixed_by_rounded, value)
        if plan.p > RESIDUAL:
            out = out + parts[RESIDUAL]

        of_out = triton.load(block.of_head(gradient_ref), mask=block.real[:, None] & (out > 0.0), other=0.0)  # [R, A]
        of_value = block.product(mixed_by_rounded, of_out, 0, 0)
        of_mixed_by = block.product(of_out, value, 1, 1)
        # With P = W * factors: W * (dP * factors) = P * dP, so that the factors are needed once.
        pulled = mixed_by * of_mixed_by
        of_scores = ((pulled - weights * jnp.sum(pulled, axis=1)[:, None]) * plan.scale).astype(x.dtype)
        of_parts = [
            block.product(of_scores, key),
            block.product(of_scores, query, 0, 0),
            of_value,
            of_out.astype(jnp.float32),
        ][: plan.p]

        x = block.inputs(x_ref, again=True)
        of_x, sums = jnp.zeros((plan.rows, plan.wide_d), jnp.float32), []
        for part, of_part in enumerate(of_parts):
            if plan.projection_relu:
                of_part = jnp.where(parts[part] > 0.0, of_part, 0.0)
            rounded = of_part.astype(x.dtype)
            of_x = of_x + block.product(rounded, block.matrix(kernel_ref, part, x.dtype, again=True), 1, 1)
            of_matrix, of_bias = carry[part]
            sums.append((of_matrix + block.product(x, rounded, 0, 0), of_bias + jnp.sum(of_part, axis=0)))
        rows = pl.ds(block.start, plan.rows)
        triton.store(of_x_ref.at[head, rows, pl.ds(0, plan.wide_d)], of_x, mask=block.real[:, None])
        return tuple(sums)

    zero = jnp.zeros((plan.wide_d, plan.wide_a), jnp.float32), jnp.zeros(plan.wide_a, jnp.float32)
    sums = lax.fori_loop(0, plan.steps, block_step, (zero,) * plan.p)
    for part, (of_matrix, of_bias) in enumerate(sums):
        row, columns = part * plan.n + head, pl.ds(0, plan.wide_a)
        triton.store(of_kernel_ref.at[program, pl.ds(0, plan.wide_d), row, columns], of_matrix)
        if bias_ref is not None:
            triton.store(of_bias_ref.at[program, row, columns], of_bias)


def _launch(kernel, plan: Plan, out_shape, operands):
    return pl.pallas_call(
        functools.partial(kernel, plan=plan),
        out_shape=out_shape,
        grid=(plan.programs, plan.n),
        compiler_params=triton.CompilerParams(num_warps=WARPS, num_stages=1),
        interpret=plan.interpret,
    )(*operands)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _layer(x, kernel, bias, mask, plan):
    out = jax.ShapeDtypeStruct((plan.b * plan.f, plan.n, plan.wide_a), x.dtype)
    out = _launch(_forward_kernel, plan, out, _operands(x, kernel, bias, mask, plan))
    return out[..., : plan.a].reshape(plan.b, plan.f, plan.n * plan.a)


def _operands(x, kernel, bias, mask, plan):
    """The arrays as the kernels want them: flat in rows and in (p, n), zeros after d and a."""
    kernel = kernel.reshape(plan.d, plan.p * plan.n, plan.a)
    return (
        _padded(x.reshape(plan.b * plan.f, plan.d), plan.wide_d),
        _padded(kernel, plan.wide_d, plan.p * plan.n, plan.wide_a),
        None if bias is None else _padded(bias.reshape(plan.p * plan.n, plan.a), plan.wide_a),
        None if mask is None else mask.reshape(-1),
    )


def _padded(array: jax.Array, *last: int) -> jax.Array:
    """The array with zeros after its last axes, up to the given sizes."""
    sizes = (*array.shape[: array.ndim - len(last)], *last)
    return jnp.pad(array, [(0, size - had) for size, had in zip(sizes, array.shape, strict=True)])


def _layer_forward(x, kernel, bias, mask, plan):
    return _layer(x, kernel, bias, mask, plan), (x, kernel, bias, mask)


def _layer_backward(plan, saved, gradient):
    x, kernel, bias, mask = saved
    float32 = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    parts = plan.p * plan.n
    out = (
        float32((plan.n, plan.b * plan.f, plan.wide_d)),
        float32((plan.programs, plan.wide_d, parts, plan.wide_a)),
        None if bias is None else float32((plan.programs, parts, plan.wide_a)),
    )
    gradient = _padded(gradient.reshape(plan.b * plan.f, plan.n, plan.a), plan.wide_a)
    of_x, of_kernel, of_bias = _launch(_backward_kernel, plan, out, (*_operands(x, kernel, bias, mask, plan), gradient))
    of_x = of_x.sum(0)[:, : plan.d].astype(x.dtype).reshape(x.shape)
    of_kernel = of_kernel.sum(0)[: plan.d, :, : plan.a].astype(kernel.dtype).reshape(kernel.shape)
    of_bias = None if bias is None else of_bias.sum(0)[:, : plan.a].astype(bias.dtype).reshape(bias.shape)
    return of_x, of_kernel, of_bias, None


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
        x, kernel, bias, mask, planned(x, kernel, scale=scale, projection_relu=projection_relu, interpret=interpret)
    )
