"""FM, the factorization machine of order two (Rendle, 2010), and its pairwise part."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables, num_features
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


def bi_interaction(x: jax.Array) -> jax.Array:
    """Returns sum_{i<j} x_i * x_j = ((sum_i x_i)^2 - sum_i x_i^2) / 2, element by element, in O(f d).

    Its sum over d is FM's pairwise part. The identity is Lemma 3.1 of Rendle (2010); He and Chua (2017, Eqs. 3 and 4)
    gave the operation its name.

    Args:
      x: field or feature embeddings [b, f, d].

    Returns:
      [b, d]
    """
    return (jnp.square(x.sum(1)) - jnp.square(x).sum(1)) / 2


class FM(Model):
    """FM adds the products of all pairs of features to a linear model: w_0 + w^T x + sum_{i<j} <e_i, e_j>.

    This is Eq. 1 of Rendle (2010), with e_i = x_i v_i for single features. A multivalued field of q values has q
    features, each with x_i = 1 / q, or x_i = 1 if `combiner` is 'sum'; pairs of them are summed too. Dropout, which the
    paper does not have, acts on the summed products, as He and Chua (2017) regularise FM.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout')

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema) | embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return num_features(schema) * config.embedding_dim

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        bias = self.param('bias', nn.initializers.zeros, ())
        embedded = FieldEmbedding(self.config, self.schema, pooled=False, name='embedding')(
            rows, batch
        )  # [b, features, d]
        pairs = dropped_embeddings(bi_interaction(embedded), self.config, training)
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + pairs.sum(1) + bias
