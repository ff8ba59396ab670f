"""The options of the mesh of devices that train a run."""

import dataclasses
import math

from autoint_jax.config.options import check, option

TABLE_DEVICES = (1, 2, 4, 8, 16, 32, 64)  # numbers of devices that can split tables, which are stored in blocks of 64
AUTOMATIC, GATHERED, ALL_TO_ALL = EXCHANGES = ('automatic', 'gathered', 'all_to_all')


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
      exchange: how rows of split tables and their gradients reach other devices (`training/step/exchange_form.py`).
      capacity: in the all-to-all form, the most rows that a device asks of another one, as a multiple of the mean.
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
    exchange: str = option(
        AUTOMATIC,
        'how rows of split tables reach other devices: gathered (all devices learn all row numbers and gradients), '
        'all_to_all (each device asks each other one for distinct rows), or automatic (all_to_all if a device looks up '
        '5,000 rows of each table, or 300 for each device that splits it)',
    )
    capacity: float = option(
        1.0,
        'rows that a device asks of each other one at most in the all-to-all form, as a multiple of its lookups / '
        'mesh.table; a step that needs more takes the gathered form',
    )
    ordered_sums: bool = option(
        False,
        'sum gradients over slices in the order of the batch, so that any number of CPU devices gives the same bits '
        '(needs execution.slice_rows; moves the gradients of every slice)',
    )

    def __post_init__(self):
        check(self.table in (0, *TABLE_DEVICES), 'mesh.table', self.table, f'0, {shown_table_devices()}')
        check(0 <= self.data <= 1 << 20, 'mesh.data', self.data, 'at least 0 and at most 1,048,576')
        check(self.exchange in EXCHANGES, 'mesh.exchange', self.exchange, f'{AUTOMATIC}, {GATHERED} or {ALL_TO_ALL}')
        check(0 < self.capacity < math.inf, 'mesh.capacity', self.capacity, 'above 0 and finite')
        only_gathered = (
            'mesh.table=1, which does not split tables'
            if self.table == 1
            else 'mesh.ordered_sums, because each device sums gradients first in the all-to-all form'
            if self.ordered_sums
            else ''
        )
        check(
            not only_gathered or self.exchange != ALL_TO_ALL,
            'mesh.exchange',
            self.exchange,
            f'{AUTOMATIC} or {GATHERED} with {only_gathered}',
        )
        only_gathered = only_gathered or ('mesh.exchange=gathered' if self.exchange == GATHERED else '')
        check(not only_gathered or self.capacity == 1, 'mesh.capacity', self.capacity, f'1.0 with {only_gathered}')
