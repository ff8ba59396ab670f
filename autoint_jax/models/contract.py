"""The contract of every model: it names the tables that it looks up, and turns the rows of a batch into logits."""

from typing import ClassVar

import flax.linen as nn

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.embedding import embedding_tables
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.schema import Schema

# Which summand of the logits a model with `deep_apart` returns.
WHOLE, DEEP, REST = 'whole', 'deep', 'rest'
# The rules by which training reads the logits of a model's branches (`training/step/loss.py`).
ADD_WORSE, IMITATE = 'add_worse', 'imitate'


class Model(nn.Module):
    """A CTR model. To add one, write a subclass in a file of its own and add a line to `registry.MODELS`.

    A subclass defines `__call__(rows, batch, *, training)`, which returns the logits [b] of a batch:
      rows: the rows of its tables, {name: [b, slots, d]}, from `layers.tables.lookup`.
      batch: ids and numeric values of the rows; a model reads neither labels nor weights.
      training: what only training needs, such as dropout (`layers.dropout.Training`); None at evaluation.

    Attributes:
      config: the options of models; a model reads only those in OPTIONS.
      schema: the fields.
      form: the form of its interacting layers, which `registry.build` chooses; '' for a model without HAS_FORMS.
    """

    config: ModelConfig
    schema: Schema
    form: str = ''

    # The options of ModelConfig that the model reads. Setting any other option is an error.
    OPTIONS: ClassVar[tuple[str, ...]] = ()
    # Those of OPTIONS that must be set. All are lists of widths, and without them nothing would be left of the model.
    NEEDS: ClassVar[tuple[str, ...]] = ()
    # Whether the model has interacting layers, which can be computed in several forms.
    HAS_FORMS: ClassVar[bool] = False
    # Whether the model sows 'attention', the attention weights of its layers over fields [b, l, n, f, g], in
    # 'intermediates', and multiplies them by the variable 'attention' of the collection 'factors' if that is given.
    ATTENTION: ClassVar[bool] = False

    @staticmethod
    def check(config: ModelConfig) -> None:
        """Raises UsageError if options contradict each other."""

    @staticmethod
    def deep_apart(config: ModelConfig) -> bool:
        """Returns whether logits are those of a deep network plus the rest, which can be had apart.

        `__call__` of such a model has an argument `part`: WHOLE, DEEP for the logits of the deep network, or REST. The
        model has no statistics.
        """
        return False

    @staticmethod
    def branch_loss(config: ModelConfig) -> str:
        """Returns what training adds to the log loss for the branches of the model: ADD_WORSE, IMITATE, or '' for
        nothing.

        A model with such a rule sows 'branches', the logits of its branches [b, branches], in 'intermediates'. It has
        no `deep_apart`.
        """
        return ''

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        """Returns whether the model has layers that are computed in the form `execution.dense_form`."""
        return bool(config.deep_hidden)

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        """Returns the tables that the model looks up, by name. By default they are embeddings of all fields."""
        return embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        """Returns the number of values in the largest array that the model makes of one row; it decides the size of
        slices.

        By default that array is the embeddings of the row.
        """
        return len(schema.fields) * config.embedding_dim
