"""AFM, the attentional factorization machine (Xiao et al., 2017)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training, dropout_rate, dropped, dropped_embeddings, layer_site
from autoint_jax.models.layers.embedding import (
    EMBEDDING_OPTIONS,
    FieldEmbedding,
    embedding_tables,
    num_features,
    present_features,
)
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.softmax import softmax
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class AttentionalPairs(nn.Module):
    """The attentional pooling of pairs of features: [b, f, d] -> sum_{i<j} a_ij e_i * e_j, [b, d].

    `present` [b, f] says which features a row has; other pairs are left out. The weights a are a softmax over the pairs
    of h^T ReLU(W (e_i * e_j) + b). W and h are drawn as in the authors' code; b starts at zero and is not drawn.

    Attributes:
      width: width of the attention network.
      dropout: share of attention weights that is dropped in training.
    """

    width: int
    dropout: float | jax.Array

    @nn.compact
    def __call__(self, embedded: jax.Array, present: jax.Array, *, training: Training | None) -> jax.Array:
        first, second = np.triu_indices(embedded.shape[1], 1)
        products = embedded[:, first] * embedded[:, second]  # [b, pairs, d]
        kernel_init = nn.initializers.variance_scaling(1.0, 'fan_avg', 'normal')
        hidden = jax.nn.relu(nn.Dense(self.width, kernel_init=kernel_init, name='hidden')(products))  # [b, pairs, h]
        scores = hidden @ self.param('score', nn.initializers.normal(1.0), (self.width,))  # [b, pairs]
        scores = jnp.where(present[:, first] & present[:, second], scores, jnp.finfo(scores.dtype).min)
        weights = dropped(softmax(scores, 1), training, site=layer_site(0), rate=self.dropout)
        return jnp.einsum('bp,bpd->bd', weights, products)


class AFM(Model):
    """AFM is an FM whose pairs are weighted by attention: w_0 + w^T x + p^T sum_{i<j} a_ij e_i * e_j.

    Pairs are of single features, as in `FM`, and p starts at 1. Dropout acts as in the authors' code: on attention
    weights (`attention_dropout`), which drops whole pairs, and on the pooled vector (`embedding_dropout`). The paper's
    L2 penalty on W is left out.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'attention_dim', 'attention_dropout')

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema) | embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        features = num_features(schema)
        return max(features, features * (features - 1) // 2) * max(config.embedding_dim, config.attention_dim)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        bias = self.param('bias', nn.initializers.zeros, ())
        embedded = FieldEmbedding(config, self.schema, pooled=False, name='embedding')(rows, batch)  # [b, features, d]
        pooled = AttentionalPairs(
            config.attention_dim, dropout_rate('attention_dropout', config, training), name='pairs'
        )(embedded, present_features(self.schema, batch), training=training)
        pooled = dropped_embeddings(pooled, config, training)  # [b, d]
        projection = self.param('projection', nn.initializers.ones, (config.embedding_dim,))
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + pooled @ projection + bias
