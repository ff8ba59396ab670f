"""What every model is: schema + configuration -> tables to look up, and rows of a batch -> logits."""

import flax.linen as nn

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.embedding import embedding_tables
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.schema import Schema


class Model(nn.Module):
    """A CTR model. A new one is a subclass in a file of its own and a line in `registry.MODELS`.

    Besides what stands here it has `__call__(rows, batch, *, training)`, which gives the logits [b] of a batch:
      rows: of its tables, {name: [b, slots, d]}, from `tables.lookup`.
      batch: the rows' ids and numeric values; labels and weights are not read.
      training: what training adds, such as dropout (`dropout.Training`); None at evaluation.

    Attributes:
      config: of which it reads OPTIONS only.
      schema: the fields.
      form: option `execution.form`, which a model with HAS_FORMS reads.
    """

    config: ModelConfig
    schema: Schema
    form: str = AUTOMATIC

    # The options of ModelConfig that the model reads; setting another one is refused.
    OPTIONS = ()
    # Those of them, widths all, that must be given, because their default, none, would leave nothing of the model.
    NEEDS = ()
    # The model has interacting layers, which can be computed in several forms.
    HAS_FORMS = False
    # The model sows 'attention', the weights of its layers over fields, [b, l, n, f, g], in the collection 'intermediates'.
    ATTENTION = False

    @staticmethod
    def check(config: ModelConfig) -> None:
        """Raises UsageError where options do not go together."""

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        """The tables that the model looks up, by name: embeddings of all fields, unless a model says otherwise."""
        return embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        """Values of the largest array that one row passes through, by which slices of a batch are cut: its embeddings."""
        return len(schema.fields) * config.embedding_dim
