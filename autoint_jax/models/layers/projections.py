"""Linear maps of tokens that share their weights, have weights of their own, or read all tokens side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.token_dense import token_products

GLOROT = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform')
GLOROT_OF_TOKENS = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform', in_axis=1, out_axis=2, batch_axis=0)
SHARED, OWN, JOINT = 'shared', 'own', 'joint'  # the kinds of projections


class Projection(NamedTuple):
    """A linear map of tokens, without a bias.

    Attributes:
      name: of its parameters.
      tokens: number of tokens that it gives, the first ones.
      width: of each of them.
      rank: of its matrix if it reads all tokens side by side; 0 for a full matrix.
    """

    name: str
    tokens: int
    width: int
    rank: int = 0


class Projections(nn.Module):
    """Projects tokens x [b, t, d]: {name: [b, tokens, width]}. Maps that read the same are one product.

    Attributes:
      wanted: the projections.
      kind: SHARED if all tokens have the same weights, OWN if each has its own, JOINT if each token is made from all
        tokens.
    """

    wanted: Sequence[Projection]
    kind: str

    @nn.compact
    def __call__(self, x: jax.Array, training: Training | None) -> dict[str, jax.Array]:
        return self._joint(x) if self.kind == JOINT else self._apart(x, training)

    def _apart(self, x: jax.Array, training: Training | None) -> dict[str, jax.Array]:
        d, found = x.shape[2], dict[str, jax.Array]()
        for tokens in sorted({one.tokens for one in self.wanted}):
            alike, read = [one for one in self.wanted if one.tokens == tokens], x[:, :tokens]
            if self.kind == OWN:
                kernels = [self.param(one.name, GLOROT_OF_TOKENS, (tokens, d, one.width)) for one in alike]
                made = token_products(read, jnp.concatenate(kernels, 2), training)
            else:
                kernels = [self.param(one.name, GLOROT, (d, one.width)) for one in alike]
                # Gradients of weights are slow on CPUs if several axes are summed, so tokens of all rows are one axis.
                made = (read.reshape(-1, d) @ jnp.concatenate(kernels, 1)).reshape(*read.shape[:2], -1)
            found |= zip((one.name for one in alike), _split(made, kernels), strict=True)
        return found

    def _joint(self, x: jax.Array) -> dict[str, jax.Array]:
        found: dict[str, jax.Array] = {}
        flat, kernels = x.reshape(x.shape[0], -1), []
        for one in self.wanted:
            name, width = (f'{one.name}_down', one.rank) if one.rank else (one.name, one.tokens * one.width)
            kernels.append(self.param(name, GLOROT, (flat.shape[1], width)))
        for one, made in zip(self.wanted, _split(flat @ jnp.concatenate(kernels, 1), kernels), strict=True):
            if one.rank:
                made = made @ self.param(one.name, GLOROT, (one.rank, one.tokens * one.width))
            found[one.name] = made.reshape(-1, one.tokens, one.width)
        return found


def _split(x: jax.Array, kernels: list[jax.Array]) -> list[jax.Array]:
    """Cuts the last axis of x into parts as wide as the kernels."""
    ends = [sum(kernel.shape[-1] for kernel in kernels[:number]) for number in range(1, len(kernels))]
    return jnp.split(x, ends, x.ndim - 1)
