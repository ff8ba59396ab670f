"""The options of the mesh of devices that train a run."""

import dataclasses

from autoint_jax.config.options import check, option

TABLE_DEVICES = (1, 2, 4, 8, 16, 32, 64)  # numbers of devices that can split tables, which are stored in blocks of 64


def shown_table_devices() -> str:
    """Returns the numbers of devices that can split tables, for sentences."""
    return f'{", ".join(map(str, TABLE_DEVICES[:-1]))} or {TABLE_DEVICES[-1]}'


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """The options of how devices share a run. Only `ordered_sums` is part of its identity: a run may resume on another
    mesh.

    Attributes:
      table: number of devices over which each table and its optimizer are split; 0 for all.
      data: number of groups of such devices, each of which holds all tables; 0 for as many as there are devices for.
      ordered_sums: whether gradients are summed over slices in the order of the batch, so that all meshes round alike.
    """

    table: int = option(
        1,
        'devices over which each table and the state of its optimizer are split by rows (1 = each device holds them '
        'whole, 0 = all devices)',
    )
    data: int = option(
        0,
        'groups of mesh.table devices that share a batch, each with all tables (0 = as many as there are devices for)',
    )

    ordered_sums: bool = option(
        False,
        'sum gradients over slices in the order of the batch, so that any number of CPU devices gives the same bits '
        '(needs execution.slice_rows; moves the gradients of every slice)',
    )

    def __post_init__(self):
        check(self.table in (0, *TABLE_DEVICES), 'mesh.table', self.table, f'0, {shown_table_devices()}')
        check(0 <= self.data <= 1 << 20, 'mesh.data', self.data, 'at least 0 and at most 1,048,576')
