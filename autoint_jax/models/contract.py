"""What every model is: schema + configuration -> tables to look up, and rows of a batch -> logits."""

import flax.linen as nn
import jax

from autoint_jax.model_config import ModelConfig
from autoint_jax.models.dropout import Training
from autoint_jax.models.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class Model(nn.Module):
    """A CTR model. A new one is a subclass in a file of its own and a line in `registry.MODELS`.

    Attributes:
      config: of which it reads OPTIONS only.
      schema: the fields.
    """

    config: ModelConfig
    schema: Schema

    # The options of ModelConfig that the model reads; setting another one is refused.
    OPTIONS = ()
    # Those of them that must be given, because their default, none, would leave nothing of the model.
    NEEDS = ()

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        """The tables that the model looks up, by name."""
        raise NotImplementedError

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        """Values of the largest array that one row passes through; slices of a batch are cut by it."""
        raise NotImplementedError

    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        """Logits [b] of a batch.

        Args:
          rows: of its tables, {name: [b, slots, d]}, from `lookup`.
          batch: the rows' ids and numeric values; labels and weights are not read.
          training: what training adds, such as dropout; None at evaluation.
        """
        raise NotImplementedError
