"""The columns of a split on the devices.

`Columns` is one pytree from the disk to the step: ids, numeric values and labels of rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.step import aligned
from autoint_jax.training.step.placement import replicate

jax.tree_util.register_dataclass(Columns, ['ids', 'numeric', 'labels'], [])


def bytes_per_row(schema: Schema) -> int:
    """Returns the bytes of a row: its ids, numeric values and label."""
    return 4 * (schema.num_slots + len(schema.numeric_fields) + 1)


def resident_columns(columns: Columns, mesh: Mesh) -> Columns:
    """Copies the columns of a split from disk to every device of the mesh; CPU devices share one copy."""
    return replicate(jax.tree.map(aligned.copy, columns), mesh)


def rows_from_disk(columns: Columns, rows: np.ndarray) -> Columns:
    """Returns rows [n] of memory-mapped columns, read into memory."""
    return jax.tree.map(lambda column: np.take(column, rows, axis=0, mode='clip'), columns)


def gathered(columns: Columns, rows: jax.Array) -> Batch:
    """Returns rows [b] of columns on the devices as a batch; row -1 stands for padding and has weight 0."""
    present = jnp.maximum(rows, 0)
    return Batch(
        columns.ids[present], columns.numeric[present], columns.labels[present], (rows >= 0).astype(jnp.float32)
    )
