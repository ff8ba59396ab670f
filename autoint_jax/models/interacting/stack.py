"""The stack of interacting layers: multi-head self-attention over fields with residuals (paper section 4.4, Eqs. 5-8).

This file is the reference, in einsum. `forms.py` has other forms of the same function: one for XLA on CPUs
(`heads.py`), a compiled kernel for CPUs (`cpu.py`) and a fused kernel for GPUs (`gpu.py`). Tests compare all of them
with this one.

Letters of shapes: b batch, f/g field as query/key, d embedding, p projection (query, key, value, residual), n head, a
per-head size, w = n * a.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.dropout import Drawn, factors
from autoint_jax.models.layers.softmax import softmax

NORM_EPSILON = 1e-8  # added to the variance, inside the root, as in the authors' code


class StackSpec(NamedTuple):
    """The options of a stack of interacting layers.

    Attributes:
      num_heads: number of heads, n.
      head_dim: values of a head, a.
      residual: whether W_Res e_m is added (Eq. 8).
      projection_relu: whether all projections pass a ReLU, as in the authors' code; in the paper they do not.
      scale: factor of the scores: 1 in the paper, 1 / sqrt(a) in the authors' code.
      identity_residual: whether e_m itself is added if the widths match (FuxiCTR); if not, W_Res e_m is always added.
      norm_first: whether a LayerNorm comes before the ReLU (FuxiCTR) or after it (the authors' code).
      norm_epsilon: added to the variance in a LayerNorm.
    """

    num_heads: int
    head_dim: int
    residual: bool
    projection_relu: bool
    scale: float
    identity_residual: bool = False
    norm_first: bool = False
    norm_epsilon: float = NORM_EPSILON

    def projections(self, inputs: int) -> int:
        """Returns p of a layer whose inputs are `inputs` wide: 4 with a W_Res, else 3."""
        projected = self.residual and not (self.identity_residual and inputs == self.num_heads * self.head_dim)
        return 4 if projected else 3


class LayerWeights(NamedTuple):
    """The parameters of one interacting layer.

    Attributes:
      kernel: [d, p, n, a], so that all projections are one matrix product. p is 4, or 3 without W_Res.
      bias: [p, n, a], or None as in the paper.
      norm_scale, norm_offset: [w] of a LayerNorm, or None as in the paper.
    """

    kernel: jax.Array
    bias: jax.Array | None
    norm_scale: jax.Array | None
    norm_offset: jax.Array | None


# For each layer the dropout of its attention weights, with words [b, n, 2], or None.
Masks = tuple[Drawn | None, ...]


def mask_factors(mask: Drawn | None, fields: int) -> jax.Array | None:
    """Returns the factors by which dropout multiplies a layer's attention weights, float32 [b, n, f, g]; None without
    it.
    """
    return None if mask is None else factors(mask, (fields, fields))


def sums_type(x: jax.Array) -> jnp.dtype:
    """Returns the type in which products of x are summed: at least float32."""
    return jnp.promote_types(x.dtype, jnp.float32)


def attention_weights(query: jax.Array, key: jax.Array, *, scale: float) -> jax.Array:
    """Computes the attention weights (Eq. 5): the softmax over key fields of scale * <query_f, key_g>, in float32.

    Args:
      query: [..., f, a].
      key: [..., g, a].
      scale: factor of the scores.

    Returns:
      float32 [..., f, g]; each row sums to 1.
    """
    scores = jnp.einsum('...fa,...ga->...fg', query, key, preferred_element_type=sums_type(query))
    return softmax(scores * scale)


def projections(x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Projects x [b, f, d] to query, key, value and residual of all heads, [b, f, p * w], in the type of x."""
    b, f, d = x.shape
    projected = jnp.dot(x.reshape(b * f, d), layer.kernel.reshape(d, -1), preferred_element_type=sums_type(x))
    if layer.bias is not None:
        projected = projected + layer.bias.reshape(-1)
    if spec.projection_relu:
        projected = jax.nn.relu(projected)
    return projected.astype(x.dtype).reshape(b, f, -1)


def layer_norm(x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Applies LayerNorm over the last axis of x; returns x itself if the layer has none."""
    if layer.norm_scale is None or layer.norm_offset is None:
        return x
    centred = x - x.mean(-1, keepdims=True)
    inverse = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + spec.norm_epsilon)
    return centred * inverse * layer.norm_scale + layer.norm_offset


def activated(mixed: jax.Array, x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Returns the output [b, f, w] of a layer in the type of its input x [b, f, d]: a ReLU, and a LayerNorm if it has
    one.

    Args:
      mixed: [b, f, w], the mixed values plus W_Res e_m. A layer without W_Res adds x itself here.
      x, layer, spec: input, parameters and options of the layer.
    """
    mixed = mixed.astype(sums_type(mixed))
    if spec.residual and layer.kernel.shape[1] == 3:
        mixed = mixed + x
    mixed = (
        jax.nn.relu(layer_norm(mixed, layer, spec)) if spec.norm_first else layer_norm(jax.nn.relu(mixed), layer, spec)
    )
    return mixed.astype(x.dtype)


def einsum_layer(
    x: jax.Array, layer: LayerWeights, mask: jax.Array | None, spec: StackSpec
) -> tuple[jax.Array, jax.Array]:
    """Computes one layer by its equations (Eqs. 5 to 8).

    Args:
      x: [b, f, d].
      layer: its parameters.
      mask: float32 [b, n, f, g] factors of the attention weights (dropout), or None.
      spec: options of the stack.

    Returns:
      The output [b, f, w] in the type of x, and the attention weights float32 [b, n, f, g] before dropout.
    """
    b, f, _ = x.shape
    projected = projections(x, layer, spec).reshape(b, f, -1, spec.num_heads, spec.head_dim)
    query, key, value = (projected[:, :, part].swapaxes(1, 2) for part in range(3))  # [b, n, f, a]
    weights = attention_weights(query, key, scale=spec.scale)
    mixing = (weights if mask is None else weights * mask).astype(x.dtype)
    mixed = jnp.einsum('bnfg,bnga->bfna', mixing, value, preferred_element_type=sums_type(x))  # Eq. 6
    if layer.kernel.shape[1] == 4:
        mixed = mixed + projected[:, :, 3]
    return activated(mixed.reshape(b, f, -1), x, layer, spec), weights


def einsum_stack(x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec) -> jax.Array:
    """Computes the stack by its equations, [b, f, d] -> [b, f, w], in the type of x."""
    for layer, mask in zip(layers, masks, strict=True):
        x, _ = einsum_layer(x, layer, mask_factors(mask, x.shape[1]), spec)
    return x


def einsum_attention(x: jax.Array, layers: tuple[LayerWeights, ...], spec: StackSpec) -> jax.Array:
    """Returns the attention weights of all layers without dropout, float32 [b, l, n, f, g]."""
    captured = []
    for layer in layers:
        x, weights = einsum_layer(x, layer, None, spec)
        captured.append(weights)
    return jnp.stack(captured, 1)


def einsum_with_factors(x: jax.Array, layers: tuple[LayerWeights, ...], given: jax.Array, spec: StackSpec) -> jax.Array:
    """Computes the stack with attention weights times given factors [b, l, n, f, g]; [b, f, d] -> [b, f, w]."""
    for number, layer in enumerate(layers):
        x, _ = einsum_layer(x, layer, given[:, number], spec)
    return x


class InteractingWeights(nn.Module):
    """Creates the parameters of one interacting layer with inputs of width `inputs`."""

    spec: StackSpec
    inputs: int
    bias: bool
    layer_norm: bool
    normal: bool = False  # whether the initial kernel is drawn from a normal distribution, not from a uniform one

    @nn.compact
    def __call__(self) -> LayerWeights:
        p, n, a = self.spec.projections(self.inputs), self.spec.num_heads, self.spec.head_dim
        glorot = nn.initializers.variance_scaling(
            1.0, 'fan_avg', 'normal' if self.normal else 'uniform', in_axis=0, out_axis=(2, 3), batch_axis=1
        )
        kernel = self.param('kernel', glorot, (self.inputs, p, n, a))
        bias = self.param('bias', nn.initializers.zeros, (p, n, a)) if self.bias else None
        if not self.layer_norm:
            return LayerWeights(kernel, bias, None, None)
        return LayerWeights(kernel, bias, *_NormWeights(n * a, name='norm')())


class _NormWeights(nn.Module):
    width: int

    @nn.compact
    def __call__(self) -> tuple[jax.Array, jax.Array]:
        return (
            self.param('scale', nn.initializers.ones, (self.width,)),
            self.param('bias', nn.initializers.zeros, (self.width,)),
        )
