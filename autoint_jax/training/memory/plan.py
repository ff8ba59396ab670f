"""The plan of the memory and disk space that a run will use, made before anything is allocated.

Tables, parameters and optimizers are counted exactly, from the shapes that training will make; batches, activations and
what is held for a while only are estimated by the formulas that stand beside them.
"""

import math
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.schema import Schema
from autoint_jax.training.checkpoints.checkpoints import SPARE_BYTES
from autoint_jax.training.memory import limits
from autoint_jax.training.memory.activations import activations
from autoint_jax.training.step import feed, order, scoring, slices
from autoint_jax.training.step.columns import bytes_per_row
from autoint_jax.training.step.placement import platform, table_parts
from autoint_jax.training.step.state import Setup, TrainState, make_setup, state_shapes

# Number of arrays [b * slots, d] of a step: looked-up rows, their gradients and sums, and slots of the optimizer.
ROW_ARRAYS = {'adam': 3, 'deferred_adam': 6, 'lazy_adam': 6, 'rowwise_adagrad': 4}
# Logits, the two sorts of `evaluation.sums` and their running counts, float32 or uint32 each.
EVALUATION_BYTES_PER_ROW = 32
CHECKPOINTS = 6  # the last two evaluations, the best one, two between evaluations, and one that is being written
# Arrays as large as a table while its initial values are drawn: random bits, normal values and the table.
DRAWING_ARRAYS = 4
# Bytes that libraries and compiled programs will take beyond those they have when a plan is made; 0.2 GB were measured
# for small models.
PROGRAMS_BYTES = 250_000_000


class Item(NamedTuple):
    """A part of a plan that takes memory or disk space.

    Attributes:
      name: name of the part, for sentences.
      bytes: bytes on one device, or on the host.
      counted: says how the bytes were counted.
      change: options to change for fewer bytes; '' if the bytes follow from other parts.
      estimated: whether the bytes are an estimate from above.
      shared: whether all CPU devices share one, as they share columns and orders.
    """

    name: str
    bytes: int
    counted: str
    change: str
    estimated: bool = False
    shared: bool = False


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
    whole = _nbytes(state)
    held = _nbytes(state._replace(tables={}, slots={})) + _nbytes((state.tables, state.slots)) // parts
    batch_size = min(config.training.batch_size, train)
    cut = slices.cut(batch_size, setup, mesh)
    device = [*_state_items(state, config, on_device, at_once, parts), *_step_items(setup, cut, at_once, compiling)]
    if rows:
        places = order.steps_per_epoch(train, batch_size) * cut.padded_batch
        device += _data_items(schema, rows, on_device * places, cut, shared=copies == 1, streamed=streamed)
    copying = 'one state, while a checkpoint is written' + ('' if on_cpu else ' or the best one read')
    device.append(Item('second copy of the state', on_device * held, copying, ''))
    tables = _nbytes(state.tables)
    drawing = (
        (DRAWING_ARRAYS - 1) * tables
        - _nbytes(state.slots)
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
    if not on_cpu:
        host.append(Item('checkpoint being written', copies * whole, 'one state', ''))
        host.append(
            Item(
                'largest split, on its way to the devices',
                0 if streamed else max(rows.values(), default=0) * bytes_per_row(schema),
                _row_formula(schema),
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


def _nbytes(tree: Any) -> int:
    """Returns the bytes of the arrays of a tree, which may be shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _state_items(state: TrainState, config: Config, on_device: int, at_once: int, parts: int) -> list[Item]:
    """Returns the items of the state for `on_device` copies on a device, `at_once` of which take a step at a time.

    Tables are in `parts` parts, of which a device holds one.
    """
    shapes = ', '.join(f'{table.shape[0]:,} x {table.shape[1]}' for table in state.tables.values())
    smaller, optimizer = 'model.embedding_dim', config.optimizer.tables
    many = f', {on_device} copies' if on_device > 1 else f', split over {parts} devices' if parts > 1 else ''
    found = [
        Item(
            'tables',
            on_device * _nbytes(state.tables) // parts,
            f'{shapes} float32{many}' if shapes else 'all fields are numeric',
            smaller,
        ),
        Item(
            "state of the tables' optimizer",
            on_device * _nbytes(state.slots) // parts,
            optimizer + many,
            smaller if optimizer == 'rowwise_adagrad' else "optimizer.tables to 'rowwise_adagrad'",
        ),
    ]
    if optimizer == 'adam':
        found.append(
            Item(
                'gradient of whole tables',
                at_once * _nbytes(state.tables) // parts,
                'as the tables, for adam',
                "optimizer.tables to 'deferred_adam'",
            )
        )
    return found + [
        Item(
            'parameters and their optimizer',
            on_device * _nbytes((state.params, state.optimizer)),
            config.optimizer.name + many,
            'model.num_layers, model.head_dim or model.deep_hidden',
        )
    ]


def _step_items(setup: Setup, cut: slices.Cut, at_once: int, compiling: bool) -> list[Item]:
    """Returns the items that a step takes for the rows of a batch and the activations of a slice."""
    arrays = ROW_ARRAYS[setup.config.optimizer.tables]
    values = sum(len(spec.columns) * spec.width for spec in setup.table_specs.values())
    bytes_of_slice, counted = activations(setup, cut.slice_rows, compiling=compiling)
    return [
        Item(
            'rows of a batch',
            at_once * arrays * cut.padded_batch * values * 4,
            f'{arrays} x batch {cut.padded_batch} x {values} float32',
            'training.batch_size',
            estimated=True,
        ),
        Item(
            'activations of a slice',
            at_once * bytes_of_slice,
            counted,
            'training.batch_size' if setup.config.model.deep_batch_norm else 'execution.slice_rows',
            estimated=True,
        ),
    ]


def _row_formula(schema: Schema) -> str:
    """Returns the formula of the bytes of rows."""
    return f'rows x ({schema.num_slots} ids + {len(schema.numeric_fields)} numbers + 1 label) x 4 bytes'


def _data_items(
    schema: Schema, rows: dict[str, int], places: int, cut: slices.Cut, *, shared: bool, streamed: bool
) -> list[Item]:
    """Returns the items of rows, of an order with `places` places, and of evaluation."""
    evaluated = max((count for split, count in rows.items() if split != 'train'), default=0)
    total, change, row_bytes = sum(rows.values()), 'the number of rows', bytes_per_row(schema)
    if streamed:
        chunk = max(feed.CHUNK_BYTES, cut.padded_batch * row_bytes)
        held = max((feed.READ_AHEAD + 3) * chunk, 2 * scoring.BLOCK_ROWS * row_bytes)
        data = Item(
            'rows read ahead',
            min(held, 2 * total * row_bytes),
            f'{feed.READ_AHEAD} chunks, and those in use',
            'training.batch_size',
        )
    else:
        data = Item(
            'data', total * row_bytes, f'{total:,} {_row_formula(schema)}', 'execution.streaming to true', shared=True
        )
    return [
        data,
        Item('order of rows', 2 * places * 4, 'this epoch and the next, int32', change, shared=shared),
        Item(
            'evaluation',
            evaluated * EVALUATION_BYTES_PER_ROW,
            f'{evaluated:,} rows x {EVALUATION_BYTES_PER_ROW} bytes',
            change,
        ),
    ]
