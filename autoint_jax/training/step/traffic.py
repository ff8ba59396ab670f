"""The bytes that a training step moves between devices, by formula.

A mesh of N = D T devices has D rows, along `data`, and T columns, along `table`. A device looks up n rows of a table
for its part of the batch: its rows of data times the slots of the table's fields. A row has d values of 4 bytes. With P
parameters, the results of the collective operations of a step have, on each device:

    numbers of data  4 b N       all-gather over the mesh, of the numbers of the b rows of data that a device takes
    rows of data     4 b w       reduce-scatter over the mesh, of rows with w ids, numbers and labels
    row numbers      4 n N       all-gather over the mesh
    rows             4 n d       reduce-scatter over T devices, if T > 1; its input is T times as large
    row gradients    4 n d N     all-gather over the mesh
    parameters       4 (P + 1)   all-reduce over the mesh, of gradients and the loss

The first two are those of `row_fetch.py`, which moves the rows of several steps at once; streamed rows are not moved.
The others are the gathered form of the exchange (`exchange.py`). Its numbers and gradients grow with the whole batch, n
N, however many devices share it. In the all-to-all form a device asks each of T devices for at most C distinct rows:

    row numbers      4 T C       all-to-all over T devices; if D > 1, also 4 D T C, an all-gather over D devices
    rows             4 T C d     all-to-all over T devices
    row gradients    4 T C d     all-to-all over T devices; if D > 1, also 4 D T C d, an all-gather over D devices

`tests/training/step/test_traffic.py` compares the formulas with compiled programs.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.config.mesh_config import ALL_TO_ALL
from autoint_jax.training.step.columns import bytes_per_row
from autoint_jax.training.step.exchange_form import is_all_to_all, most_asked
from autoint_jax.training.step.placement import batch_devices, table_parts
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, state_shapes

DATA_NUMBERS, DATA_ROWS = 'row numbers of the data', 'rows of the data'
ROW_NUMBERS, ROWS, ROW_GRADIENTS = 'row numbers', 'rows of tables', 'gradients of rows'
PARAMETERS, STATISTICS = 'gradients of parameters', 'statistics of batches'
WEIGHTS, FINITE, OVERFLOWED = 'weights of a batch', 'flag of finite values', 'flag of overflow'
WORD = 4  # bytes of a number: int32 or float32


class Collective(NamedTuple):
    """A collective operation of a step.

    Attributes:
      moved: what it moves.
      operation: 'all-gather', 'reduce-scatter', 'all-reduce' or 'all-to-all', as in the programs of XLA.
      devices: the number of devices that exchange with each other.
      result: bytes of its result on each device.
    """

    moved: str
    operation: str
    devices: int
    result: int

    @property
    def sent(self) -> int:
        """Bytes that each device sends, and receives as many, if no byte takes a detour: devices in a ring do so.

        An all-gather sends all of the result but the device's own part. A reduce-scatter sends all of its input, which
        is as many times the result as there are devices, but the device's own part. An all-reduce is both in turn.
        """
        others = self.devices - 1
        if self.operation == 'reduce-scatter':
            return self.result * others
        return self.result * others * (2 if self.operation == 'all-reduce' else 1) // self.devices


def of_data(rows: int, words: int, devices: int) -> list[Collective]:
    """Returns the operations that fetch rows of the data from the devices that hold them.

    Args:
      rows: the rows that a device takes of a batch, b.
      words: the ids, numbers and labels of a row, w.
      devices: the devices of the mesh, N.
    """
    if devices == 1:
        return []
    return [
        Collective(DATA_NUMBERS, 'all-gather', devices, WORD * rows * devices),
        Collective(DATA_ROWS, 'reduce-scatter', devices, WORD * rows * words),
    ]


def gathered(slots: int, width: int, data: int, table: int) -> list[Collective]:
    """Returns the operations of the gathered exchange of a table.

    Args:
      slots: rows of the table that a device looks up for its part of a batch, n.
      width: values of a row, d.
      data: devices of the mesh along `data`, D.
      table: devices along `table`, T.
    """
    devices = data * table
    if devices == 1:
        return []
    numbers = WORD * slots * devices
    found = [Collective(ROW_NUMBERS, 'all-gather', devices, numbers)]
    if table > 1:
        found.append(Collective(ROWS, 'reduce-scatter', table, WORD * slots * width))
    return [*found, Collective(ROW_GRADIENTS, 'all-gather', devices, numbers * width)]


def all_to_all(slots: int, width: int, data: int, table: int, capacity: float) -> list[Collective]:
    """Returns the operations of the all-to-all exchange of a table; none if one device holds the table.

    Args:
      slots: rows of the table that a device looks up for its part of a batch, n.
      width: values of a row, d.
      data: devices of the mesh along `data`, D.
      table: devices along `table`, T.
      capacity: the most distinct rows that a device asks of each other one, as a multiple of n / T.
    """
    if table == 1:
        return []
    numbers = WORD * table * most_asked(slots, table, capacity)
    found = [Collective(ROW_NUMBERS, 'all-to-all', table, numbers)]
    if data > 1:
        found.append(Collective(ROW_NUMBERS, 'all-gather', data, data * numbers))
    found += [Collective(moved, 'all-to-all', table, numbers * width) for moved in (ROWS, ROW_GRADIENTS)]
    if data > 1:
        found.append(Collective(ROW_GRADIENTS, 'all-gather', data, data * numbers * width))
    return found


def of_parameters(parameters: int, devices: int, ordered_slices: int = 0) -> list[Collective]:
    """Returns the operations that sum the loss and the gradients of parameters over devices.

    Args:
      parameters: the number of parameters, P.
      devices: the devices of the mesh, N.
      ordered_slices: with mesh.ordered_sums the slices of the whole batch, of each of which every device gets the sums.
    """
    if devices == 1:
        return []
    weights = Collective(WEIGHTS, 'all-reduce', devices, WORD)
    result = WORD * (parameters + 1)
    if ordered_slices:
        return [Collective(PARAMETERS, 'all-gather', devices, result * ordered_slices), weights]
    return [Collective(PARAMETERS, 'all-reduce', devices, result), weights]


def of_step(setup: Setup, mesh: Mesh, cut: Cut, *, streamed: bool = False, form: str | None = None) -> list[Collective]:
    """Returns the collective operations of a training step; none for one device.

    Args:
      setup: the setup of the run.
      mesh: the devices.
      cut: how a batch is cut.
      streamed: whether rows are read from disk.
      form: how rows of split tables are exchanged, 'gathered' or 'all_to_all'; by default as in the run. If a step in
        the all-to-all form overflows, the operations of the gathered form come on top.
    """
    devices = batch_devices(mesh)
    if devices == 1:
        return []
    taken = form == ALL_TO_ALL if form else is_all_to_all(setup, mesh, cut.padded_batch // devices)
    data = of_data(cut.padded_batch // devices, bytes_per_row(setup.schema) // WORD, devices)
    return [*([] if streamed else data), *_of_step(setup, mesh, cut, taken)]


def _of_step(setup: Setup, mesh: Mesh, cut: Cut, swapped: bool) -> Iterator[Collective]:
    """Yields the collective operations of a training step of several devices, besides those that fetch its rows."""
    devices, parts, state = batch_devices(mesh), table_parts(mesh), state_shapes(setup)
    named = set()
    for name in state.tables:
        spec = setup.table_specs[name]
        slots = cut.padded_batch // devices * len(spec.columns)
        if swapped:
            of_table = all_to_all(slots, spec.width, devices // parts, parts, setup.config.mesh.capacity)
        else:
            of_table = gathered(slots, spec.width, devices // parts, parts)
        numbers = [each for each in of_table if each.moved == ROW_NUMBERS]
        if (spec.columns, spec.offsets) not in named:  # tables of the same fields have the same row numbers
            yield from numbers
            if setup.skips and parts > 1:  # rows to update are named after those to read: none if the step is skipped
                yield numbers[0]
            named.add((spec.columns, spec.offsets))
        yield from (each for each in of_table if each.moved != ROW_NUMBERS)
    ordered = setup.config.mesh.ordered_sums
    slices = cut.padded_batch // cut.slice_rows if ordered else 0
    yield from of_parameters(_values(state.params), devices, slices)
    if state.statistics:  # means and variances are summed over devices, and so are the gradients of both
        yield Collective(STATISTICS, 'all-reduce', devices, 2 * WORD * _values(state.statistics))
    if swapped:
        yield Collective(OVERFLOWED, 'all-reduce', devices, WORD)
    if setup.skips:
        yield Collective(FINITE, 'all-reduce', devices, WORD)


def _values(tree: object) -> int:
    """Returns the number of values of a tree of arrays, which may be shapes."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
