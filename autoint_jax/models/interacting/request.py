"""An interacting layer for a request: rows that share the embeddings of their context.

Fields of the context have the same embeddings in all rows. So their projections, their scores among themselves and what
they mix of each other are computed once, not once for each row.

Letters of shapes: b rows (candidates), c/g fields of the context, k/j fields of the candidates, d embedding,
p projections, n heads, a per-head size, w = n * a.
"""

import jax
import jax.numpy as jnp

from autoint_jax.models.interacting.stack import LayerWeights, StackSpec, activated, projections, sums_type


def request_layer(context: jax.Array, candidates: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Computes `stack.einsum_layer`, without dropout, for rows whose first c fields are those of the context.

    It goes head by head, because that leaves no axes to swap, which takes long on CPUs.

    Args:
      context: [1, c, d].
      candidates: [b, k, d].
      layer: its parameters.
      spec: options of the stack.

    Returns:
      [b, c + k, w] in the type of the inputs: the fields of the context first.
    """
    width, of_context, of_candidates = spec.num_heads * spec.head_dim, [], []
    # [c, p * w] and [b, k, p * w]
    shared, own = (
        projections(context, layer, spec)[0],
        projections(candidates, layer, spec),
    )  # [c, p * w], [b, k, p * w]
    for head in range(spec.num_heads):
        starts = range(head * spec.head_dim, 3 * width, width)
        query_c, key_c, value_c = (shared[:, start : start + spec.head_dim] for start in starts)  # [c, a]
        query, key, value = (own[:, :, start : start + spec.head_dim] for start in starts)  # [b, k, a]
        of_context.append(_context_mixed(query_c, key_c, value_c, key, value, spec.scale))
        of_candidates.append(_candidates_mixed(query, key, value, key_c, value_c, spec.scale))
    mixed_c, mixed = jnp.concatenate(of_context, -1), jnp.concatenate(of_candidates, -1)  # [b, c, w], [b, k, w]
    if layer.kernel.shape[1] == 4:
        mixed_c, mixed = mixed_c + shared[:, 3 * width :], mixed + own[:, :, 3 * width :]
    return jnp.concatenate([activated(mixed_c, context, layer, spec), activated(mixed, candidates, layer, spec)], 1)


def _context_mixed(
    query_c: jax.Array, key_c: jax.Array, value_c: jax.Array, key: jax.Array, value: jax.Array, scale: float
) -> jax.Array:
    """Returns the values that the fields of the context mix, [b, c, a], for one head.

    The softmax over all fields is made of two parts. That over the fields of the context, its exponentials, their sum
    and the values that they mix, is the same for all rows; a factor for each row brings it to the row's largest score.

    Args:
      query_c, key_c, value_c: those of the context, [c, a].
      key, value: those of the candidates, [b, k, a].
      scale: factor of the scores.
    """
    within = _product('ca,ga->cg', query_c, key_c) * scale
    top_within = within.max(1)  # [c]
    within = jnp.exp(within - top_within[:, None])
    across = _product('bka,ca->bkc', key, query_c) * scale
    top = jnp.maximum(top_within, across.max(1))  # [b, c]
    factor, across = jnp.exp(top_within - top), jnp.exp(across - top[:, None])
    total = factor * within.sum(1) + across.sum(1)  # [b, c]
    mixed_within = _product('cg,ga->ca', within, value_c)
    return (factor / total)[..., None] * mixed_within + _product('bkc,bka->bca', across / total[:, None], value)


def _candidates_mixed(
    query: jax.Array, key: jax.Array, value: jax.Array, key_c: jax.Array, value_c: jax.Array, scale: float
) -> jax.Array:
    """Returns the values that the fields of the candidates mix, [b, k, a], for one head; the arguments are as above."""
    scores = [_product('bka,ca->bkc', query, key_c), _product('bka,bja->bkj', query, key)]
    weights, c = jax.nn.softmax(jnp.concatenate(scores, 2) * scale, -1), key_c.shape[0]  # [b, k, c + k]
    return _product('bkc,ca->bka', weights[..., :c], value_c) + _product('bkj,bja->bka', weights[..., c:], value)


def _product(subscripts: str, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.einsum(subscripts, x, y, preferred_element_type=sums_type(x))
