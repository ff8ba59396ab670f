"""LR: logistic regression on one-hot features."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class LR(Model):
    """Logistic regression: w^T x + b (AutoInt paper, section 5.1.3)."""

    OPTIONS = ('combiner',)

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return schema.num_slots + len(schema.numeric_fields)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        bias = self.param('bias', nn.initializers.zeros, ())
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + bias
