"""HOFM, the higher-order factorization machine (Blondel et al., 2016)."""

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


def anova_kernel(x: jax.Array, order: int) -> jax.Array:
    """Sums the products of `order` different fields over all such subsets, element by element: [b, f, d] -> [b, d].

    This is dynamic programming over the last field j of a subset: A_m(j) = x_j * sum_{i<j} A_{m-1}(i), with A_1 = x.
    One product with a triangular matrix of ones gives all fields of an order; with tens of fields that is faster than a
    recursion over fields.
    """
    earlier = jnp.tri(x.shape[1], k=-1, dtype=x.dtype)  # [f, g], 1 where g < f
    subsets = x
    for _ in range(order - 1):
        subsets = x * jnp.einsum('fg,bgd->bfd', earlier, subsets)
    return subsets.sum(1)


def order_tables(order: int) -> dict[int, str]:
    """Returns the name of each order's table: 'embedding' for order 2 as in FM, then 'embedding_order_3' and so on."""
    return {number: 'embedding' if number == 2 else f'embedding_order_{number}' for number in range(2, order + 1)}


class HOFM(Model):
    """HOFM is an FM of any order: w_0 + w^T x + sum_{m=2..order} sum_{i_1<...<i_m} <e^m_{i_1}, ..., e^m_{i_m}>.

    Source: Blondel et al., 2016. e_i = x_i v_i for single features, as in `FM`. Every order has its own embeddings, all
    of the same dimension. Gradients train all orders at once, where the paper uses coordinate descent. Dropout, which
    the paper does not have, acts on the summed products of each order, as in `FM`.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'order')

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        specs = linear_tables(schema)
        for table in order_tables(config.order).values():
            specs |= embedding_tables(config, schema, table)
        return specs

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return (config.order - 1) * num_features(schema) * config.embedding_dim

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        bias = self.param('bias', nn.initializers.zeros, ())
        kernels = []
        for order, table in order_tables(config.order).items():
            embedded = FieldEmbedding(config, self.schema, table, pooled=False, name=f'order_{order}_embedding')(
                rows, batch
            )
            kernels.append(anova_kernel(embedded, order))
        products = jnp.concatenate(kernels, 1)  # [b, orders * d]
        products = dropped_embeddings(products, config, training)
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + products.sum(1) + bias
