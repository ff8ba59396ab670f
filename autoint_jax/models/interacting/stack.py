"""The stack of interacting layers: multi-head self-attention over fields with residuals (paper section 4.4, Eqs. 5-8).

This file says what the stack computes. The same function has several forms, chosen by `models.forms`: this one in einsum, the
reference; one for XLA on CPUs; a compiled kernel for CPUs; a fused kernel for GPUs. Tests hold them together.

Letters of shapes: b batch, f/g field as query/key, d embedding, p projection (query, key, value, residual), n head, a per-head
size, w = n * a.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.dropout import Drawn, factors

NORM_EPSILON = 1e-8  # inside the root, as in the authors' code


class StackSpec(NamedTuple):
    """Attributes:
    num_heads: n.
    head_dim: a.
    residual: add W_Res e_m (Eq. 8).
    projection_relu: ReLU on all projections, as in the authors' code; the paper has none.
    scale: factor of the scores; 1 in the paper, 1 / sqrt(a) in the authors' code.
    identity_residual: add e_m itself where widths match, W_Res e_m elsewhere (FuxiCTR); else W_Res e_m everywhere.
    norm_first: a LayerNorm is before the ReLU (FuxiCTR); else after it (the authors' code).
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
        """p of a layer whose inputs are `inputs` wide: 4 with a W_Res, else 3."""
        projected = self.residual and not (self.identity_residual and inputs == self.num_heads * self.head_dim)
        return 4 if projected else 3


class LayerWeights(NamedTuple):
    """Attributes:
    kernel: [d, p, n, a]; all projections are one matrix product. p is 4, or 3 without W_Res.
    bias: [p, n, a], or None (the paper).
    norm_scale, norm_offset: [w] of a LayerNorm, or None (the paper).
    """

    kernel: jax.Array
    bias: jax.Array | None
    norm_scale: jax.Array | None
    norm_offset: jax.Array | None


Masks = tuple[Drawn | None, ...]  # of each layer, dropout of its attention weights with words [b, n, 2], or None


def mask_factors(mask: Drawn | None, fields: int) -> jax.Array | None:
    """A layer's factors of the attention weights, float32 [b, n, f, g], or None without dropout."""
    return None if mask is None else factors(mask, (fields, fields))


def sums_type(x: jax.Array) -> jnp.dtype:
    """The type of sums of products of x: at least float32."""
    return jnp.promote_types(x.dtype, jnp.float32)


def attention_weights(query: jax.Array, key: jax.Array, *, scale: float) -> jax.Array:
    """Eq. 5: softmax over the key fields of scale * <query_f, key_g>, in float32.

    Args:
      query: [..., f, a].
      key: [..., g, a].
      scale: factor of the scores.

    Returns:
      float32 [..., f, g]; each row sums to 1.
    """
    scores = jnp.einsum('...fa,...ga->...fg', query, key, preferred_element_type=sums_type(query))
    return jax.nn.softmax(scores * scale, axis=-1)


def projections(x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Query, key, value and residual of all heads, [b, f, p * w], of x [b, f, d], in the type of x."""
    b, f, d = x.shape
    projected = jnp.dot(x.reshape(b * f, d), layer.kernel.reshape(d, -1), preferred_element_type=sums_type(x))
    if layer.bias is not None:
        projected = projected + layer.bias.reshape(-1)
    if spec.projection_relu:
        projected = jax.nn.relu(projected)
    return projected.astype(x.dtype).reshape(b, f, -1)


def layer_norm(x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """LayerNorm over the last axis of x, or x itself where the layer has none."""
    if layer.norm_scale is None:
        return x
    centred = x - x.mean(-1, keepdims=True)
    inverse = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + spec.norm_epsilon)
    return centred * inverse * layer.norm_scale + layer.norm_offset


def activated(mixed: jax.Array, x: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Output [b, f, w] of a layer in the type of its input x [b, f, d]: ReLU, and LayerNorm where the layer has one.

    Args:
      mixed: [b, f, w], the mixed values and W_Res e_m; where that is left out, x itself is added here.
      x, layer, spec: the layer's input, weights and options.
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
    """One layer as its equations: output [b, f, w] in the type of x, attention weights float32 [b, n, f, g], as is the mask."""
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
    """The stack as its equations, [b, f, d] -> [b, f, w], in the type of x."""
    for layer, mask in zip(layers, masks, strict=True):
        x, _ = einsum_layer(x, layer, mask_factors(mask, x.shape[1]), spec)
    return x


def einsum_attention(x: jax.Array, layers: tuple[LayerWeights, ...], spec: StackSpec) -> jax.Array:
    """Attention weights of all layers without dropout, float32 [b, l, n, f, g]."""
    captured = []
    for layer in layers:
        x, weights = einsum_layer(x, layer, None, spec)
        captured.append(weights)
    return jnp.stack(captured, 1)


class InteractingWeights(nn.Module):
    """The parameters of one interacting layer with inputs of width `inputs`."""

    spec: StackSpec
    inputs: int
    bias: bool
    layer_norm: bool

    @nn.compact
    def __call__(self) -> LayerWeights:
        p, n, a = self.spec.projections(self.inputs), self.spec.num_heads, self.spec.head_dim
        glorot = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform', in_axis=0, out_axis=(2, 3), batch_axis=1)
        kernel = self.param('kernel', glorot, (self.inputs, p, n, a))
        bias = self.param('bias', nn.initializers.zeros, (p, n, a)) if self.bias else None
        norm = _NormWeights(n * a, name='norm')() if self.layer_norm else (None, None)
        return LayerWeights(kernel, bias, *norm)


class _NormWeights(nn.Module):
    width: int

    @nn.compact
    def __call__(self) -> tuple[jax.Array, jax.Array]:
        return (
            self.param('scale', nn.initializers.ones, (self.width,)),
            self.param('bias', nn.initializers.zeros, (self.width,)),
        )
