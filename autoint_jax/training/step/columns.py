"""The columns of a split on the devices of a mesh, which divide the rows between them.

`Columns` is one pytree from the disk to the step: ids, numeric values, labels and what else rows have. Each process
reads the rows of its own devices.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import ROW_COLUMNS, Batch, Schema
from autoint_jax.training.step import aligned
from autoint_jax.training.step.placement import BY_ROW, batch_devices, replicate


@dataclasses.dataclass(frozen=True)
class ResidentColumns(Columns):
    """The columns of a split on the devices of a mesh, each of which holds equally many successive rows.

    Attributes:
      count: the number of rows. The arrays may have more, on the last devices, which stand for no row.
    """

    count: int = dataclasses.field(kw_only=True)

    def __len__(self) -> int:
        return self.count


_ARRAYS = ['ids', 'numeric', 'labels', *ROW_COLUMNS]  # those that rows do not have are no leaves
jax.tree_util.register_dataclass(Columns, _ARRAYS, [])
jax.tree_util.register_dataclass(ResidentColumns, _ARRAYS, ['count'])


def bytes_per_row(schema: Schema) -> int:
    """Returns the bytes of a row: its ids, numeric values, label and what else rows have."""
    return 4 * (schema.num_slots + len(schema.numeric_fields) + 1 + len(schema.row_columns))


def held_rows(count: int, devices: int, multiple: int = 1) -> int:
    """Returns how many of `count` rows each device holds: if there are several, a multiple of `multiple`."""
    held = -(-count // devices)
    return held if devices == 1 else -(-held // multiple) * multiple


def resident_columns(columns: Columns, mesh: Mesh, multiple: int = 1) -> ResidentColumns:
    """Copies the columns of a split from disk to the devices of the mesh, which divide the rows between them.

    Args:
      columns: memory-mapped columns, which are the same in every process.
      mesh: the devices.
      multiple: if there are several devices, each holds a multiple of so many rows.
    """
    devices, sharding = batch_devices(mesh), NamedSharding(mesh, BY_ROW)
    held = held_rows(len(columns), devices, multiple)

    def on_devices(column: np.ndarray) -> jax.Array:
        def of_device(place: tuple[slice, ...] | None) -> np.ndarray:
            return part_from_disk(column, place[0].start or 0 if place else 0, held)

        return jax.make_array_from_callback((held * devices, *column.shape[1:]), sharding, of_device)

    return ResidentColumns(**vars(jax.tree.map(on_devices, columns)), count=len(columns))


def whole_columns(columns: Columns, mesh: Mesh) -> Columns:
    """Copies all columns of a split from disk to every device of a mesh; the CPU devices of a process share one copy.

    Copies of a run need them so, because each takes its batches on one device.
    """
    return replicate(jax.tree.map(aligned.copy, columns), mesh)


def part_from_disk(column: np.ndarray, first: int, held: int) -> np.ndarray:
    """Returns `held` rows of a memory-mapped column from row `first` on, in memory; the last row fills them up."""
    rows = column[min(first, len(column) - 1) : first + held]
    part = aligned.empty((held, *column.shape[1:]), column.dtype)
    part[: len(rows)], part[len(rows) :] = rows, column[-1]
    return part


def rows_from_disk(columns: Columns, rows: np.ndarray) -> Columns:
    """Returns rows [n] of columns, which may be memory-mapped, in memory."""
    if len(rows) and (np.diff(rows) == 1).all():
        # np.take first copies a column whole if its rows do not lie one after the other, as those of an encoder.
        successive = slice(rows[0], rows[-1] + 1)
        return jax.tree.map(lambda column: np.array(column[successive], order='C'), columns)
    return jax.tree.map(lambda column: np.take(column, rows, axis=0, mode='clip'), columns)


class SharedRows:
    """Rows of columns on disk, which the devices of a mesh divide. Each process reads the rows of its own devices."""

    def __init__(self, columns: Columns, mesh: Mesh):
        """Takes memory-mapped columns, which are the same in every process."""
        self._columns, self._mesh = columns, mesh

    def read(self, rows: np.ndarray) -> Columns:
        """Returns this process' share of rows [n] of the columns, in memory. It may be called from a thread.

        The first n / devices of `rows` are those of the first device of the mesh, and so on.
        """
        mine = {device.id for device in self._mesh.local_devices}
        parts = [number for number, device in enumerate(self._mesh.devices.flat) if device.id in mine]
        return rows_from_disk(self._columns, rows.reshape(self._mesh.size, -1)[parts].reshape(-1))

    def on_devices(self, share: Columns) -> Columns:
        """Returns the rows of which this process has read its share on the devices, [n] of all processes together."""
        sharding, parts = NamedSharding(self._mesh, BY_ROW), len(self._mesh.local_devices)

        def placed(column: np.ndarray) -> jax.Array:
            size = len(column) // parts * self._mesh.size
            return jax.make_array_from_process_local_data(sharding, column, (size, *column.shape[1:]))

        return jax.tree.map(placed, share)


def gathered(columns: Columns, rows: jax.Array) -> Batch:
    """Returns rows [b] of columns on this device as a batch; row -1 stands for padding and has weight 0.

    Its labels are soft labels where there are any.
    """
    present = jnp.maximum(rows, 0)
    labels = columns.labels if columns.soft_labels is None else columns.soft_labels
    return Batch(
        columns.ids[present],
        columns.numeric[present],
        labels[present],
        (rows >= 0).astype(jnp.float32),
        None if columns.row_weights is None else columns.row_weights[present],
    )
