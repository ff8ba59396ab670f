"""The plan of the memory and disk space that a run will use, made before anything is allocated.

Tables, parameters and optimizers are counted exactly, from the shapes that training will make. Batches, activations and
what is held for a while only are estimated by formulas.
"""

from typing import NamedTuple

from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.config.mesh_config import TABLE_DEVICES
from autoint_jax.schema import Schema
from autoint_jax.training.checkpoints.checkpoints import SPARE_BYTES
from autoint_jax.training.memory import limits
from autoint_jax.training.memory.items import (
    Item,
    data_items,
    exchange_items,
    nbytes,
    order_item,
    row_formula,
    state_items,
    step_items,
)
from autoint_jax.training.step import order, slices
from autoint_jax.training.step.columns import bytes_per_row
from autoint_jax.training.step.placement import platform, table_parts
from autoint_jax.training.step.state import make_setup, state_shapes

CHECKPOINTS = 6  # the last two evaluations, the best one, two between evaluations, and one that is being written
# Arrays as large as a table while its initial values are drawn: random bits, normal values and the table.
DRAWING_ARRAYS = 4
# Bytes that libraries and compiled programs will take beyond those they have when a plan is made; 0.2 GB were measured
# for small models.
PROGRAMS_BYTES = 250_000_000


class MemoryPlan(NamedTuple):
    """The items that a run will hold in memory and on disk.

    Attributes:
      device: the items on every device.
      host: the other items in RAM. If the devices are CPUs, RAM holds the items of the devices too.
      disk: the items in the run folder.
    """

    device: list[Item]
    host: list[Item]
    disk: list[Item]


def plan(
    config: Config,
    schema: Schema,
    rows: dict[str, int],
    mesh: Mesh,
    *,
    copies: int = 1,
    streamed: bool = False,
    compiling: bool = True,
) -> MemoryPlan:
    """Returns the plan of a run, or of copies that train in one program. It allocates nothing on the devices.

    Args:
      config: the configuration of the run.
      schema: the fields of its data.
      rows: {split: number of rows}; empty if unknown, and then data is not counted.
      mesh: the devices.
      copies: number of copies of the run, which the devices divide.
      streamed: whether rows are read from disk.
      compiling: activations of models without a formula are counted by compiling them, which takes seconds; else
        roughly.

    Raises:
      UsageError: the model is unknown, or a number is above what the programs can count (`limits.check`).
    """
    setup = make_setup(config, schema, platform(mesh))
    limits.check(setup, rows, mesh)
    state, on_cpu = state_shapes(setup), setup.platform == 'cpu'
    on_device = -(-copies // mesh.devices.size) if copies > 1 else 1
    at_once = on_device if not on_cpu else 1  # copies of a CPU device take their steps one after the other
    parts, train = table_parts(mesh), rows.get('train', config.training.batch_size)
    splittable = copies == 1 and parts < min(mesh.size, max(TABLE_DEVICES))
    whole = nbytes(state)
    held = nbytes(state._replace(tables={}, slots={})) + nbytes((state.tables, state.slots)) // parts
    batch_size = min(config.training.batch_size, train)
    cut = slices.cut(batch_size, setup, mesh)
    device = state_items(state, config, on_device, at_once, parts, splittable=splittable)
    device += step_items(setup, cut, at_once, compiling)
    device += exchange_items(setup, mesh, cut)
    places = order.steps_per_epoch(train, batch_size) * cut.padded_batch
    if rows:
        divided = 1 if copies > 1 else mesh.size  # each device takes whole batches of its copies
        device += data_items(setup, rows, on_device * places, cut, mesh, divided=divided, streamed=streamed)
    copying = 'one state, while a checkpoint is written' + ('' if on_cpu else ' or the best one read')
    device.append(Item('second copy of the state', on_device * held, copying, ''))
    tables = nbytes(state.tables)
    drawing = (
        (DRAWING_ARRAYS - 1) * tables
        - nbytes(state.slots)
        - whole
        - (tables if config.optimizer.tables == 'adam' else 0)
    )
    if drawing > 0 and parts == 1:  # parts are drawn a few rows at a time
        device.append(
            Item(
                'drawing of initial tables',
                drawing,
                f'{DRAWING_ARRAYS} x tables, where that is more than the above',
                'model.embedding_dim',
            )
        )
    host = [
        Item('drawing the order of an epoch', 12 * rows.get('train', 0), 'training rows x 12 bytes', ''),
        Item('programs', PROGRAMS_BYTES, 'libraries and compiled programs, about', '', estimated=True),
    ]
    if rows and streamed:
        host.append(order_item(places, divided=1))
    if not on_cpu:
        here = len(mesh.local_devices)
        host.append(Item('checkpoint being written', copies * whole, 'one state', ''))
        host.append(
            Item(
                'largest split, on its way to the devices',
                0 if streamed else max(rows.values(), default=0) * bytes_per_row(schema) * here // mesh.size,
                row_formula(schema) + ('' if here == mesh.size else f', of {here} of {mesh.size} devices'),
                'the number of rows',
            )
        )
    disk = [
        Item(
            'checkpoints',
            copies * CHECKPOINTS * (whole + SPARE_BYTES),
            f'{CHECKPOINTS} states at most: two evaluations, the best, two between, the next',
            'model.embedding_dim or optimizer.tables',
        )
    ]
    return MemoryPlan(device, host, disk)
