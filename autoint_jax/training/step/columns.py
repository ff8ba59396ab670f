"""The columns of a split on the devices.

`Columns` is one pytree from the disk to the step: ids, numeric values and labels of rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.step import aligned
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, is_shared, replicate

jax.tree_util.register_dataclass(Columns, ['ids', 'numeric', 'labels'], [])


def bytes_per_row(schema: Schema) -> int:
    """Returns the bytes of a row: its ids, numeric values and label."""
    return 4 * (schema.num_slots + len(schema.numeric_fields) + 1)


def resident_columns(columns: Columns, mesh: Mesh) -> Columns:
    """Copies the columns of a split from disk to every device of the mesh; the CPU devices of a process share one copy.

    Processes with one device each read a share each. A process with several devices reads all rows, so that these can
    share them.
    """
    if is_shared(mesh) and len(mesh.local_devices) == 1:
        return SharedRows(columns, mesh).all()
    return replicate(jax.tree.map(aligned.copy, columns), mesh)


def rows_from_disk(columns: Columns, rows: np.ndarray) -> Columns:
    """Returns rows [n] of memory-mapped columns, read into memory."""
    return jax.tree.map(lambda column: np.take(column, rows, axis=0, mode='clip'), columns)


class SharedRows:
    """Rows of columns on disk, of which each process reads its share before they go to all devices of a mesh.

    A process that trains alone reads all of them.
    """

    def __init__(self, columns: Columns, mesh: Mesh):
        """Takes memory-mapped columns, which are the same in every process."""
        self._columns, self._mesh = columns, mesh
        self._split, everywhere = NamedSharding(mesh, BY_ROW), NamedSharding(mesh, EVERYWHERE)
        self._joined = jax.jit(
            lambda columns, count: jax.tree.map(lambda column: column[:count], columns),
            static_argnums=1,
            out_shardings=everywhere,
        )

    def read(self, rows: np.ndarray) -> Columns:
        """Returns this process' share of rows [n] of the columns, in memory. It may be called from a thread.

        Without other processes n is any number, otherwise a multiple of the number of devices.
        """
        if not is_shared(self._mesh):
            return rows_from_disk(self._columns, rows)
        each = len(rows) // self._mesh.size
        mine = {device.id for device in self._mesh.local_devices}
        parts = [number for number, device in enumerate(self._mesh.devices.flat) if device.id in mine]
        return rows_from_disk(self._columns, rows.reshape(-1, each)[parts].reshape(-1))

    def all(self) -> Columns:
        """Returns all rows on every device of the mesh. All processes must call it, in the same order."""
        count = len(self._columns)
        padded = -(-count // self._mesh.size) * self._mesh.size
        rows = np.minimum(np.arange(padded), count - 1)  # the last row fills up
        return self.on_devices(self.read(rows), padded, count)

    def on_devices(self, share: Columns, size: int, count: int | None = None) -> Columns:
        """Returns rows of which this process has read a share, on every device of the mesh.

        All processes must call it, in the same order.

        Args:
          share: from `read`.
          size: the number of rows that all processes have read together.
          count: how many of them are returned, from the first one on; by default all.
        """
        if not is_shared(self._mesh):
            return replicate(share, self._mesh)
        return self._joined(
            jax.tree.map(
                lambda column: jax.make_array_from_process_local_data(self._split, column, (size, *column.shape[1:])),
                share,
            ),
            count,
        )


def gathered(columns: Columns, rows: jax.Array) -> Batch:
    """Returns rows [b] of columns on the devices as a batch; row -1 stands for padding and has weight 0."""
    present = jnp.maximum(rows, 0)
    return Batch(
        columns.ids[present], columns.numeric[present], columns.labels[present], (rows >= 0).astype(jnp.float32)
    )
