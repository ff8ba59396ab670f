"""Field embeddings: the rows of a batch -> one vector for each field (paper section 4.3, Eqs. 2-4).

A field may have its own embedding dimension, narrower than the model's. A matrix of the field then projects its
embedding to the model's dimension (mixed dimension embeddings, Ginart et al., 2019). Fields of one width share a table.
"""

import itertools
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.numeric import NumericEmbedding
from autoint_jax.models.layers.tables import Rows, TableSpec, table_of
from autoint_jax.schema import CATEGORICAL, NUMERIC, Batch, FieldSpec, Schema

EMBEDDING_OPTIONS = (
    'embedding_dim',
    'embedding_stddev',
    'combiner',
    'width_scale',
    'width_power',
    'numeric_encoding',
    'numeric_bins',
    'periodic_scale',
)


def field_widths(config: ModelConfig, schema: Schema) -> dict[str, int]:
    """Returns the embedding dimension of every id field: the schema's, else that of the rule `width_scale`, else the
    model's.

    The rule is width_scale * cardinality^width_power, rounded up to a power of two, so that few tables serve all
    fields.

    Raises:
      UsageError: the schema asks for more than the model's embedding_dim.
    """
    widths = {}
    for field in schema.id_fields:
        width = config.embedding_dim
        if field.embedding_dim is not None:
            width = field.embedding_dim
            if not 1 <= width <= config.embedding_dim:
                raise UsageError(
                    f'field {field.name!r} has embedding_dim {width} of its own: it must be at least 1 and at most '
                    f'model.embedding_dim, {config.embedding_dim}'
                )
        elif config.width_scale:
            ruled = max(1, round(config.width_scale * field.cardinality**config.width_power))
            width = min(1 << (ruled - 1).bit_length(), config.embedding_dim)
        widths[field.name] = width
    return widths


def embedding_tables(config: ModelConfig, schema: Schema, table: str = 'embedding') -> dict[str, TableSpec]:
    """Returns the tables of `FieldEmbedding` by name: `table`, and `table_W` for fields of a narrower width W."""
    widths = field_widths(config, schema)
    return {
        table if width == config.embedding_dim else f'{table}_{width}': table_of(
            schema, width, config.embedding_stddev, [name for name, own in widths.items() if own == width]
        )
        for width in sorted({config.embedding_dim, *widths.values()})
        if width in widths.values() or not widths
    }


def combined_values(rows: jax.Array, ids: jax.Array, combiner: str) -> jax.Array:
    """Combines the embeddings of a multivalued field's values into their 'mean' (Eq. 3) or 'sum', [b, d]; zero without
    values.

    Args:
      rows: [b, m, d].
      ids: int32 [b, m], 0 = padding.
    """
    present = (ids > 0).astype(rows.dtype)[:, :, None]  # [b, m, 1]
    total = (rows * present).sum(1)  # [b, d]
    return total if combiner == 'sum' else total * _share(present.sum(1))


def weighted_values(rows: jax.Array, ids: jax.Array, combiner: str) -> jax.Array:
    """Returns the summands of `combined_values`, x_i v_i, [b, m, d]: x_i is 1 / q in a mean of q values, 1 in a sum, 0
    for padding.
    """
    present = (ids > 0).astype(rows.dtype)[:, :, None]
    return rows * present if combiner == 'sum' else rows * present * _share(present.sum(1, keepdims=True))


def _share(counts: jax.Array) -> jax.Array:
    """Returns 1 / q for counts q of values, 1 for no values.

    To multiply by it rounds alike in every program, which a division would not (`softmax.py`).
    """
    return 1 / jnp.maximum(counts, 1)


def embedded_runs(
    fields: Sequence[FieldSpec], rows: jax.Array, ids: jax.Array, combiner: str, *, pooled: bool
) -> list[jax.Array]:
    """Returns the embeddings of id fields in pieces [b, run, d], a piece for each run of neighbouring fields of one
    kind.

    A piece for each field would cost more than the layers of a small model.

    Args:
      fields: the id fields whose slots `rows` and `ids` hold, in this order.
      rows: [b, slots, d].
      ids: int32 [b, slots], 0 = padding in multivalued fields.
      combiner: 'mean' or 'sum'.
      pooled: whether a multivalued field is one vector, the mean or sum of its values; if not, it has a vector for each
        slot.
    """
    pieces, slot = [], 0
    for (kind, single), grouped in itertools.groupby(fields, lambda field: (field.kind, field.max_values == 1)):
        run = list(grouped)
        if single:
            slots = slice(slot, slot + len(run))
            pieces.append(rows[:, slots] if kind == CATEGORICAL else rows[:, slots] * (ids[:, slots, None] > 0))
            slot += len(run)
        else:
            for field in run:
                slots = slice(slot, slot + field.max_values)
                values = rows[:, slots], ids[:, slots]
                pieces.append(
                    combined_values(*values, combiner)[:, None] if pooled else weighted_values(*values, combiner)
                )
                slot += field.max_values
    return pieces


class FieldEmbedding(nn.Module):
    """Rows of a batch -> field embeddings [b, f, d], in the schema's order.

    It owns the parameters of numeric fields and the projections of narrow fields.

    Attributes:
      table: name of its tables, as given to `embedding_tables`.
      pooled: whether there is one vector for each field. If not, there is one for each feature, [b, slots + numeric,
        d]: each value of a multivalued field is a feature of its own, times 1 / q for `combiner` 'mean' of q values, or
        1 for 'sum'.
    """

    config: ModelConfig
    schema: Schema
    table: str = 'embedding'
    pooled: bool = True

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch) -> jax.Array:
        config, widths = self.config, field_widths(self.config, self.schema)
        # For each field, the arrays [b, fields, d] that hold its vectors, and the vectors' places in them.
        sources: dict[str, list[tuple[jax.Array, int]]] = {}
        if self.schema.numeric_fields:
            numeric = NumericEmbedding(config, self.schema, config.embedding_dim, name='numeric')(batch.numeric)
            sources |= {field.name: [(numeric, place)] for place, field in enumerate(self.schema.numeric_fields)}
        for width in sorted(set(widths.values())):
            fields = [field for field in self.schema.id_fields if widths[field.name] == width]
            if width == config.embedding_dim:
                pieces = embedded_runs(
                    fields, rows[self.table], self._slots(batch.ids, fields), config.combiner, pooled=self.pooled
                )
            else:
                embedded = jnp.concatenate(
                    embedded_runs(
                        fields,
                        rows[f'{self.table}_{width}'],
                        self._slots(batch.ids, fields),
                        config.combiner,
                        pooled=self.pooled,
                    ),
                    1,
                )
                glorot = nn.initializers.variance_scaling(
                    1.0, 'fan_avg', 'uniform', in_axis=1, out_axis=2, batch_axis=0
                )
                projection = self.param(f'projection_{width}', glorot, (len(fields), width, config.embedding_dim))
                if not self.pooled:
                    projection = projection[np.repeat(np.arange(len(fields)), [field.max_values for field in fields])]
                pieces = [jnp.einsum('bfw,fwd->bfd', embedded, projection)]
            places = ((piece, place) for piece in pieces for place in range(piece.shape[1]))
            for field in fields:
                sources[field.name] = [next(places) for _ in range(1 if self.pooled else field.max_values)]
        return in_order([source for name in self.schema.names for source in sources[name]])

    def _slots(self, ids: jax.Array, fields: list[FieldSpec]) -> jax.Array:
        """Returns the id slots of some fields, [b, slots]."""
        if len(fields) == len(self.schema.id_fields):
            return ids
        columns = table_of(self.schema, 1, 0.0, [field.name for field in fields]).columns
        return ids[:, np.asarray(columns)]  # a NumPy index, because rows may be NumPy arrays while shapes are traced


def num_features(schema: Schema) -> int:
    """Returns the number of vectors of a `FieldEmbedding` that is not pooled."""
    return schema.num_slots + len(schema.numeric_fields)


def present_features(schema: Schema, batch: Batch) -> jax.Array:
    """Returns which features a row has, bool [b, slots + numeric], in the order of a `FieldEmbedding` that is not
    pooled.
    """
    columns, slots, numeric_columns = [], schema.slots, schema.numeric_columns
    for field in schema.fields:
        if field.kind == NUMERIC:
            columns.append(~jnp.isnan(batch.numeric[:, numeric_columns[field.name]]))
        else:
            ids = batch.ids[:, slots[field.name]]
            columns.append(jnp.ones_like(ids, bool) if field.kind == CATEGORICAL else ids > 0)
    return jnp.concatenate(columns, 1)


def in_order(sources: list[tuple[jax.Array, int]]) -> jax.Array:
    """Joins vectors, each given as (array [b, fields, d], place in it), to [b, f, d]; neighbours of one array stay one
    piece.
    """
    pieces, first = [], 0
    while first < len(sources):
        array, place = sources[first]
        last = first
        while (
            last + 1 < len(sources)
            and sources[last + 1][0] is array
            and sources[last + 1][1] == place + last + 1 - first
        ):
            last += 1
        pieces.append(array[:, place : place + last + 1 - first])
        first = last + 1
    return jnp.concatenate(pieces, 1)
