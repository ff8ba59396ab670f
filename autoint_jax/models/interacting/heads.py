"""The form of the stack that XLA runs fastest on CPUs: head by head, with a hand-written backward pass."""

import functools

import jax
import jax.numpy as jnp

from autoint_jax.models.interacting.stack import (
    LayerWeights,
    Masks,
    StackSpec,
    activated,
    attention_weights,
    mask_factors,
    projections,
    sums_type,
)


def _mix(weights: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.einsum('bfg,bga->bfa', weights.astype(value.dtype), value)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def attend(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None,
    scale: float,
    importance: jax.Array | None = None,
) -> jax.Array:
    """Mixes the values of the fields by attention, for one head (Eqs. 5 and 6).

    The backward pass is written by hand, because automatic differentiation contracts over the leading field axis of
    batched products, which XLA runs several times slower on a CPU. A test compares the two.

    Args:
      query, key, value: [b, f, a].
      mask: [b, f, g] factors of the attention weights (dropout), or None.
      scale: factor of the scores.
      importance: [b, g] what is added to the weights of each field as a key, before dropout (DESTINE), or None.

    Returns:
      [b, f, a].
    """
    return _attend_forward(query, key, value, mask, scale, importance)[0]


def _mixing(weights, mask, importance):
    """Returns the factors of the values [b, f, g]."""
    if importance is not None:
        weights = weights + importance[:, None]
    return weights if mask is None else weights * mask


def _attend_forward(query, key, value, mask, scale, importance):
    weights = attention_weights(query, key, scale=scale)
    saved = query, key, value, mask, weights, importance
    return _mix(_mixing(weights, mask, importance), value), saved


def _attend_backward(scale, saved, gradient):
    query, key, value, mask, weights, importance = saved
    mixed = _mixing(weights, mask, importance)
    grad_mixed = jnp.einsum('bfa,bga->bfg', gradient, value, preferred_element_type=sums_type(gradient))
    grad_weights = grad_mixed if mask is None else grad_mixed * mask
    grad_scores = weights * (grad_weights - jnp.sum(weights * grad_weights, -1, keepdims=True)) * scale
    # The barriers stop XLA from folding the small transposes back into the products.
    grad_scores = jax.lax.optimization_barrier(grad_scores)
    grad_scores_t, mixed_t = (jax.lax.optimization_barrier(x.swapaxes(1, 2)) for x in (grad_scores, mixed))
    grad_importance = None if importance is None else grad_weights.sum(1)
    return _mix(grad_scores, key), _mix(grad_scores_t, query), _mix(mixed_t, gradient), None, grad_importance


attend.defvjp(_attend_forward, _attend_backward)


def heads_stack(x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec) -> jax.Array:
    """Computes the stack, [b, f, d] -> [b, f, w], in the type of x."""
    width = spec.num_heads * spec.head_dim
    for layer, mask in zip(layers, masks, strict=True):
        projected, factors = projections(x, layer, spec), mask_factors(mask, x.shape[1])
        heads = []
        for head in range(spec.num_heads):
            query, key, value = (
                projected[:, :, start : start + spec.head_dim]
                for start in range(head * spec.head_dim, 3 * width, width)
            )  # [b, f, a]
            heads.append(attend(query, key, value, None if factors is None else factors[:, head], spec.scale))
        mixed = jnp.concatenate(heads, -1)  # [b, f, w]
        if layer.kernel.shape[1] == 4:
            mixed = mixed + projected[:, :, 3 * width :]
        x = activated(mixed, x, layer, spec)
    return x
