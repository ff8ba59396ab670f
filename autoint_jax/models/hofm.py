"""HOFM: higher-order factorization machine (Blondel et al., 2016)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import EMBEDDING_SITE, Training, dropped
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables, num_features
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


def anova_kernel(x: jax.Array, order: int) -> jax.Array:
    """The sum of products of `order` different fields, over all such subsets, element by element: [b, f, d] -> [b, d].

    Dynamic programming over the last field j of a subset: A_m(j) = x_j * sum_{i<j} A_{m-1}(i), A_1 = x. All fields of an order
    are one product with a triangular matrix of ones, which for tens of fields is faster than a recursion over fields.
    """
    earlier = jnp.tri(x.shape[1], k=-1, dtype=x.dtype)  # [f, g], 1 where g < f
    subsets = x
    for _ in range(order - 1):
        subsets = x * jnp.einsum('fg,bgd->bfd', earlier, subsets)
    return subsets.sum(1)


def order_tables(order: int) -> dict[int, str]:
    """Tables by the order they serve: FM's 'embedding', then 'embedding_order_3' and so on."""
    return {number: 'embedding' if number == 2 else f'embedding_order_{number}' for number in range(2, order + 1)}


class HOFM(Model):
    """w_0 + w^T x + sum_{m=2..order} sum_{i_1<...<i_m} <e^m_{i_1}, ..., e^m_{i_m}> (Blondel et al., 2016).

    e_i = x_i v_i of single features, as in `FM`. Every order has embeddings of its own and the same dimension. They are trained by
    gradients of all orders at once, not by the paper's coordinate descent. Dropout, which the paper does not have, acts on each
    order's summed products as in `FM`.
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
        kernels = jnp.concatenate(kernels, 1)  # [b, orders * d]
        kernels = dropped(kernels, training, site=EMBEDDING_SITE, rate=config.embedding_dropout)
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + kernels.sum(1) + bias
