"""An interacting layer for a request: rows that share the embeddings of their context.

Fields of the context have the same embeddings in all rows. So their projections, their scores among themselves and what
they mix of each other are computed once, not once for each row.

Letters of shapes: b rows (candidates), c fields of the context, k fields of the candidates, n heads, a per-head size.
"""

import jax
import jax.numpy as jnp

from autoint_jax.models.interacting.stack import LayerWeights, StackSpec, activated, projections, sums_type


def request_layer(context: jax.Array, candidates: jax.Array, layer: LayerWeights, spec: StackSpec) -> jax.Array:
    """Computes `stack.einsum_layer`, without dropout, for rows whose first c fields are those of the context.

    Args:
      context: [1, c, d].
      candidates: [b, k, d].
      layer: its parameters.
      spec: options of the stack.

    Returns:
      [b, c + k, w] in the type of the inputs: the fields of the context first.
    """
    (query_c, key_c, value_c, *residual_c), (query, key, value, *residual) = (
        _parts(x, layer, spec) for x in (context, candidates)
    )
    mixed_c = _context_mixed(query_c, key_c, value_c, key, value, spec.scale)  # [b, n, c, a]
    c = context.shape[1]
    of_context = jnp.einsum('bnka,nca->bnkc', query, key_c[0], preferred_element_type=sums_type(query)) * spec.scale
    scores = jnp.concatenate([of_context, _scores(query, key, spec.scale)], -1)
    weights = jax.nn.softmax(scores, -1).astype(value.dtype)  # [b, n, k, c + k]
    mixed = _mix(weights[..., c:], value) + jnp.einsum(
        'bnkc,nca->bnka', weights[..., :c], value_c[0], preferred_element_type=sums_type(value)
    )
    outputs = []
    for x, of_fields, added in ((context, mixed_c, residual_c), (candidates, mixed, residual)):
        if added:
            of_fields = of_fields + added[0]
        of_fields = of_fields.swapaxes(1, 2)  # [b, f, n, a]
        outputs.append(activated(of_fields.reshape(*of_fields.shape[:2], -1), x, layer, spec))
    return jnp.concatenate(outputs, 1)


def _parts(x: jax.Array, layer: LayerWeights, spec: StackSpec) -> list[jax.Array]:
    """Returns query, key, value and, if the layer projects it, the residual of x [b, f, d], each [b, n, f, a]."""
    b, f, _ = x.shape
    projected = projections(x, layer, spec).reshape(b, f, -1, spec.num_heads, spec.head_dim)
    return [projected[:, :, part].swapaxes(1, 2) for part in range(projected.shape[2])]


def _context_mixed(
    query_c: jax.Array, key_c: jax.Array, value_c: jax.Array, key: jax.Array, value: jax.Array, scale: float
) -> jax.Array:
    """Returns the values that the fields of the context mix, [b, n, c, a].

    The softmax over all fields is made of two parts. That over the fields of the context, its exponentials, their sum
    and the values that they mix, is the same for all rows; a factor for each row brings it to the row's largest score.

    Args:
      query_c, key_c, value_c: those of the context, [1, n, c, a].
      key, value: those of the candidates, [b, n, k, a].
      scale: factor of the scores.
    """
    own = _scores(query_c, key_c, scale)  # [1, n, c, c]
    own_top = own.max(-1, keepdims=True)
    own = jnp.exp(own - own_top)
    own_sum, own_mixed = own.sum(-1, keepdims=True), _mix(own, value_c)
    others = jnp.einsum('nca,bnka->bnck', query_c[0], key, preferred_element_type=sums_type(key)) * scale
    top = jnp.maximum(own_top, others.max(-1, keepdims=True))  # [b, n, c, 1]
    shrunk, others = jnp.exp(own_top - top), jnp.exp(others - top)
    return (shrunk * own_mixed + _mix(others, value)) / (shrunk * own_sum + others.sum(-1, keepdims=True))


def _scores(query: jax.Array, key: jax.Array, scale: float) -> jax.Array:
    return jnp.einsum('bnfa,bnga->bnfg', query, key, preferred_element_type=sums_type(query)) * scale


def _mix(weights: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.einsum('bnfg,bnga->bnfa', weights, value, preferred_element_type=sums_type(value))
