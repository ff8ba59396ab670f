"""Field embeddings: the rows of a batch -> one vector a field (paper section 4.3, Eqs. 2-4)."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.schema import CATEGORICAL, NUMERIC, Batch, Schema


def mean_of_values(rows: jax.Array, ids: jax.Array) -> jax.Array:
    """Eq. 3: the mean of the embeddings of a multivalued field's values; zero where it has none.

    Args:
      rows: [b, m, d].
      ids: int32 [b, m], 0 = padding.
    """
    present = (ids > 0).astype(rows.dtype)[:, :, None]  # [b, m, 1]
    return (rows * present).sum(1) / jnp.maximum(present.sum(1), 1)  # [b, d]


def scaled_vectors(vectors: jax.Array, values: jax.Array) -> jax.Array:
    """Eq. 4: v_m * x_m; zero where the value is missing.

    Args:
      vectors: [numeric, d].
      values: [b, numeric], NaN = missing.
    """
    present = jnp.where(jnp.isnan(values), 0.0, values)
    return present[:, :, None] * vectors  # [b, numeric, d]


class FieldEmbedding(nn.Module):
    """Rows of a batch -> field embeddings [b, f, d], in the schema's order. Owns the vectors of numeric fields."""

    schema: Schema
    embedding_dim: int
    stddev: float

    @nn.compact
    def __call__(self, rows: jax.Array, batch: Batch) -> jax.Array:
        numeric = None
        if self.schema.numeric_fields:
            vectors = self.param('numeric_vectors', nn.initializers.normal(self.stddev),
                                 (len(self.schema.numeric_fields), self.embedding_dim))
            numeric = scaled_vectors(vectors, batch.numeric)
        # Neighbouring fields of one kind are taken in one piece: a piece a field costs more than the layers of a small model.
        pieces, slot, column = [], 0, 0
        for kind, run in itertools.groupby(self.schema.fields, lambda field: field.kind):
            run = list(run)
            if kind == NUMERIC:
                pieces.append(numeric[:, column:column + len(run)])
                column += len(run)
            elif kind == CATEGORICAL:
                pieces.append(rows[:, slot:slot + len(run)])
                slot += len(run)
            else:
                for field in run:
                    slots = slice(slot, slot + field.max_values)
                    pieces.append(mean_of_values(rows[:, slots], batch.ids[:, slots])[:, None])
                    slot += field.max_values
        return jnp.concatenate(pieces, 1)  # [b, f, d]
