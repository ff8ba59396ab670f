"""The interacting layer: multi-head self-attention over fields with a residual (paper section 4.4, Eqs. 5-8).

Letters of shapes: b batch, f/g field as query/key, d embedding, n head, a per-head size.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.dropout import scaled_mask


def attention_weights(query: jax.Array, key: jax.Array, *, scale: float) -> jax.Array:
    """Eq. 5 for one head: softmax over the key fields of scale * <query_f, key_g>.

    Args:
      query: [b, f, a].
      key: [b, g, a].
      scale: 1 in the paper, 1 / sqrt(a) in the authors' code.

    Returns:
      [b, f, g]; each row sums to 1.
    """
    scores = jnp.einsum('bfa,bga->bfg', query, key)
    return jax.nn.softmax(scores * scale, axis=-1)


def _mix(weights: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.einsum('bfg,bga->bfa', weights, value)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def attend(query: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array | None, scale: float) -> jax.Array:
    """Eqs. 5 and 6 for one head: the fields' values mixed by attention.

    The backward pass is written out (test: equal to automatic differentiation) because the automatic one contracts
    over the leading field axis of batched products, which XLA runs several times slower on a CPU.

    Args:
      query, key, value: [b, f, a].
      mask: [b, f, g] factors of the attention weights (dropout), or None.
      scale: factor of the scores.

    Returns:
      [b, f, a].
    """
    weights = attention_weights(query, key, scale=scale)
    return _mix(weights if mask is None else weights * mask, value)


def _attend_forward(query, key, value, mask, scale):
    weights = attention_weights(query, key, scale=scale)
    return _mix(weights if mask is None else weights * mask, value), (query, key, value, mask, weights)


def _attend_backward(scale, saved, gradient):
    query, key, value, mask, weights = saved
    mixed = weights if mask is None else weights * mask
    of_mixed = jnp.einsum('bfa,bga->bfg', gradient, value)
    of_weights = of_mixed if mask is None else of_mixed * mask
    of_scores = weights * (of_weights - jnp.sum(weights * of_weights, -1, keepdims=True)) * scale
    # The barriers keep the small transposes from being folded back into the products.
    of_scores = jax.lax.optimization_barrier(of_scores)
    of_scores_t, mixed_t = (jax.lax.optimization_barrier(x.swapaxes(1, 2)) for x in (of_scores, mixed))
    return _mix(of_scores, key), _mix(of_scores_t, query), _mix(mixed_t, gradient), None


attend.defvjp(_attend_forward, _attend_backward)


class InteractingLayer(nn.Module):
    """One interacting layer, [b, f, d] -> [b, f, n * a].

    All projections are one matrix product: `kernel` [d, p, n, a] holds query, key, value and, with a residual, W_Res.

    Attributes:
      num_heads: n.
      head_dim: a.
      residual: add W_Res e_m (Eq. 8), always projected, also where widths match.
      projection_bias, projection_relu: the authors' code has both on all projections, the paper neither.
      scaled: scores times 1 / sqrt(a), as in the authors' code.
      layer_norm: LayerNorm after the activation, as in the authors' code (epsilon 1e-8 inside the root).
      dropout: share of attention weights dropped in training, after the softmax.
      site: first dropout site of this layer; it uses one a head.
    """

    num_heads: int
    head_dim: int
    residual: bool
    projection_bias: bool
    projection_relu: bool
    scaled: bool
    layer_norm: bool
    dropout: float
    site: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout_keys: jax.Array | None) -> jax.Array:
        b, f, d = x.shape
        n, a, width = self.num_heads, self.head_dim, self.num_heads * self.head_dim
        p = 4 if self.residual else 3
        glorot = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform', in_axis=0, out_axis=(2, 3), batch_axis=1)
        kernel = self.param('kernel', glorot, (d, p, n, a))
        projected = x.reshape(b * f, d) @ kernel.reshape(d, p * width)
        if self.projection_bias:
            projected = projected + self.param('bias', nn.initializers.zeros, (p, n, a)).reshape(p * width)
        if self.projection_relu:
            projected = jax.nn.relu(projected)
        projected = projected.reshape(b, f, p * width)
        scale = a**-0.5 if self.scaled else 1.0

        heads, captured = [], []
        for head in range(n):
            query, key, value = (projected[:, :, start:start + a]
                                 for start in range(head * a, 3 * width, width))  # [b, f, a]
            mask = None
            if train and self.dropout:
                mask = scaled_mask(dropout_keys, site=self.site + head, rate=self.dropout, shape=(f, f))
            heads.append(attend(query, key, value, mask, scale))
            if self.is_mutable_collection('intermediates'):
                captured.append(attention_weights(query, key, scale=scale))
        if captured:
            self.sow('intermediates', 'attention', jnp.stack(captured, 1))  # [b, n, f, g]
        x = jnp.concatenate(heads, -1)  # [b, f, n * a]
        if self.residual:
            x = x + projected[:, :, 3 * width:]
        x = jax.nn.relu(x)
        if self.layer_norm:
            x = nn.LayerNorm(epsilon=1e-8, use_fast_variance=False, name='norm')(x)
        return x
