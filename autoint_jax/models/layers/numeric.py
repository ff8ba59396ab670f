"""Numeric fields as vectors: values [b, numeric] -> [b, numeric, d]. A missing value (NaN) gives a zero vector."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.schema import Schema


def present_values(values: jax.Array) -> jax.Array:
    """Returns the values [b, numeric] with 0 in place of missing ones."""
    return jnp.where(jnp.isnan(values), 0.0, values)


def scaled_vectors(vectors: jax.Array, values: jax.Array) -> jax.Array:
    """Returns v_m * x_m (Eq. 4), [b, numeric, d]; zero for a missing value.

    Args:
      vectors: [numeric, d].
      values: [b, numeric], NaN = missing.
    """
    return present_values(values)[:, :, None] * vectors  # [b, numeric, d]


def boundaries(schema: Schema) -> np.ndarray:
    """Returns the quantile boundaries of the numeric fields, float32 [numeric, bins + 1].

    Raises:
      UsageError: a field has no boundaries.
    """
    for field in schema.numeric_fields:
        if len(field.boundaries) < 2:
            raise UsageError(
                f'field {field.name!r} has no quantile boundaries, which model.numeric_encoding needs: they are '
                'taken from the training split when a run starts'
            )
    return np.array([field.boundaries for field in schema.numeric_fields], np.float32)


def bucket_weights(values: jax.Array, edges: np.ndarray) -> jax.Array:
    """Returns the one-hot quantile bucket of each value, [b, numeric, bins]; the outer buckets take values past the
    edges.
    """
    bucket = (values[:, :, None] >= edges[:, 1:-1]).sum(-1)  # [b, numeric]
    return jax.nn.one_hot(bucket, edges.shape[1] - 1, dtype=values.dtype)


def piecewise_linear(values: jax.Array, edges: np.ndarray) -> jax.Array:
    """Returns the piecewise linear encoding (Gorishniy et al., 2022, Eq. 1), [b, numeric, bins].

    Component t is (x - b_{t-1}) / (b_t - b_{t-1}), clipped to [0, 1]; the first component is not clipped below, and the
    last not above. Repeated quantiles leave bins without width, whose component is 1 if x >= b_t, else 0.
    """
    x, low, high = values[:, :, None], edges[:, :-1], edges[:, 1:]
    width = high - low
    share = jnp.where(width > 0, (x - low) / np.where(width > 0, width, 1), (x >= high).astype(values.dtype))
    bins = edges.shape[1] - 1
    floor = np.where(np.arange(bins) == 0, -np.inf, 0.0)
    ceiling = np.where(np.arange(bins) == bins - 1, np.inf, 1.0)
    return jnp.clip(share, floor, ceiling)


def periodic(values: jax.Array, frequencies: jax.Array) -> jax.Array:
    """Returns concat(sin(2 pi c x), cos(2 pi c x)), [b, numeric, 2k], with trained frequencies c [numeric, k].

    Source: Gorishniy et al., 2022, Eq. 2.
    """
    angles = 2 * np.pi * frequencies * values[:, :, None]
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)


class NumericEmbedding(nn.Module):
    """Numeric values [b, numeric] -> vectors [b, numeric, width], by `config.numeric_encoding`.

    'scaled' is v_m * x_m (Eq. 4), and 'buckets' is a vector for each quantile bucket. 'piecewise_linear' is the
    encoding times a matrix plus a bias (the L of Gorishniy et al., 2022), and 'periodic' is the ReLU of such a map
    (their PLR).
    """

    config: ModelConfig
    schema: Schema
    width: int

    @nn.compact
    def __call__(self, values: jax.Array) -> jax.Array:
        config, fields, width = self.config, len(self.schema.numeric_fields), self.width
        normal = nn.initializers.normal
        if config.numeric_encoding == 'scaled':
            xavier = config.kernel_init == 'xavier_normal'  # of FuxiCTR's linear layer from one number
            stddev = (2 / (1 + width)) ** 0.5 if xavier else config.embedding_stddev
            return scaled_vectors(self.param('vectors', normal(stddev), (fields, width)), values)
        known, x = ~jnp.isnan(values)[:, :, None], present_values(values)
        if config.numeric_encoding == 'buckets':
            encoded = bucket_weights(x, boundaries(self.schema))
            vectors = self.param('vectors', normal(config.embedding_stddev), (fields, encoded.shape[2], width))
            return known * jnp.einsum('bmt,mtd->bmd', encoded, vectors)
        if config.numeric_encoding == 'piecewise_linear':
            encoded = piecewise_linear(x, boundaries(self.schema))
        else:
            encoded = periodic(
                x, self.param('frequencies', normal(config.periodic_scale), (fields, config.numeric_bins))
            )
        glorot = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform', in_axis=1, out_axis=2, batch_axis=0)
        kernel = self.param('kernel', glorot, (fields, encoded.shape[2], width))
        bias = self.param('bias', nn.initializers.zeros, (fields, width))
        out = jnp.einsum('bmt,mtd->bmd', encoded, kernel) + bias
        return known * (jax.nn.relu(out) if config.numeric_encoding == 'periodic' else out)
