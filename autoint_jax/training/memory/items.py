"""The items of a plan: what the state, a step, rows and an evaluation take in the memory of a device."""

import math
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax import units
from autoint_jax.config.configuration import Config
from autoint_jax.config.training_config import SKIP
from autoint_jax.schema import Schema
from autoint_jax.training.memory.activations import activations
from autoint_jax.training.step import exchange_form, feed, scoring, slices
from autoint_jax.training.step.columns import bytes_per_row, held_rows
from autoint_jax.training.step.placement import batch_devices, table_parts
from autoint_jax.training.step.state import Setup, TrainState

# Number of arrays [b * slots, d] of a step: looked-up rows, their gradients and sums, and slots of the optimizer.
ROW_ARRAYS = {'adam': 3, 'deferred_adam': 6, 'lazy_adam': 6, 'rowwise_adagrad': 4}
# Arrays [devices of `table` * capacity, d] of the all-to-all exchange: rows and summed gradients, as sent and received.
EXCHANGED_ARRAYS = 4
# Logits, the two sorts of `evaluation.sums` and their running counts, float32 or uint32 each.
EVALUATION_BYTES_PER_ROW = 32


class Item(NamedTuple):
    """A part of a plan that takes memory or disk space.

    Attributes:
      name: name of the part, for sentences.
      bytes: bytes on one device, or on the host.
      counted: says how the bytes were counted.
      change: options to change for fewer bytes; '' if the bytes follow from other parts.
      estimated: whether the bytes are an estimate from above.
      shared: whether all CPU devices of a process share one, as copies of a run share columns.
    """

    name: str
    bytes: int
    counted: str
    change: str
    estimated: bool = False
    shared: bool = False


def nbytes(tree: Any) -> int:
    """Returns the bytes of the arrays of a tree, which may be shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def state_items(
    state: TrainState, config: Config, on_device: int, at_once: int, parts: int, *, splittable: bool
) -> list[Item]:
    """Returns the items of the state on one device.

    Args:
      state: the state of one run, or its shapes.
      config: the configuration of the run.
      on_device: number of copies of the run that the device holds.
      at_once: number of copies that take a step at the same time.
      parts: number of parts of the tables, one of which the device holds.
      splittable: whether more devices could split the tables.
    """
    shapes = ', '.join(f'{table.shape[0]:,} x {table.shape[1]}' for table in state.tables.values())
    split, optimizer = 'mesh.table to more devices' if splittable else '', config.optimizer.tables
    smaller = split or 'model.embedding_dim'
    many = f', {on_device} copies' if on_device > 1 else f', split over {parts} devices' if parts > 1 else ''
    found = [
        Item(
            'tables',
            on_device * nbytes(state.tables) // parts,
            f'{shapes} float32{many}' if shapes else 'all fields are numeric',
            smaller,
        ),
        Item(
            "state of the tables' optimizer",
            on_device * nbytes(state.slots) // parts,
            optimizer + many,
            smaller if split or optimizer == 'rowwise_adagrad' else "optimizer.tables to 'rowwise_adagrad'",
        ),
    ]
    if optimizer == 'adam':
        for name, counted in _dense_items(config).items():
            found.append(
                Item(name, at_once * nbytes(state.tables) // parts, counted, "optimizer.tables to 'deferred_adam'")
            )
    return found + [
        Item(
            'parameters and their optimizer',
            on_device * nbytes((state.params, state.optimizer)),
            config.optimizer.name + (many if on_device > 1 else ''),
            'model.num_layers, model.head_dim or model.deep_hidden',
        )
    ]


def _dense_items(config: Config) -> dict[str, str]:
    """Returns {name: how it is counted} of what a step with dense Adam holds beside tables, each as large as these."""
    found = {'gradient of whole tables': 'as the tables, for adam'}
    if config.training.not_finite == SKIP:
        found['tables before a step'] = 'as the tables, for adam that may skip the step'
    return found


def step_items(setup: Setup, cut: slices.Cut, at_once: int, compiling: bool) -> list[Item]:
    """Returns the items of a step on one device: rows of a batch and activations of a slice.

    Args:
      setup: the setup of the run.
      cut: how a batch is cut into slices.
      at_once: number of copies of the run that take a step at the same time.
      compiling: whether activations without a formula are counted by compiling a step.
    """
    arrays = ROW_ARRAYS[setup.config.optimizer.tables]
    values = sum(len(spec.columns) * spec.width for spec in setup.table_specs.values())
    bytes_of_slice, counted = activations(setup, cut, compiling=compiling)
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


def exchange_items(setup: Setup, mesh: Mesh, cut: slices.Cut) -> list[Item]:
    """Returns the items of the all-to-all exchange of rows; the rows of a batch in `step_items` cover the gathered one.

    Args:
      setup: the setup of the run.
      mesh: the devices.
      cut: how a batch is cut.
    """
    parts, rows = table_parts(mesh), exchange_form.device_rows(cut, mesh)
    if not exchange_form.is_all_to_all(setup, mesh, rows):
        return []
    exchanged = sum(
        parts * exchange_form.capacity(setup.config.mesh, spec, parts, rows) * (spec.width + 1)
        for spec in setup.table_specs.values()
        if spec.rows
    )
    groups = batch_devices(mesh) // parts
    arrays = EXCHANGED_ARRAYS + (groups if groups > 1 else 0)  # a device gets the gradients of all groups
    return [
        Item(
            'rows exchanged all-to-all',
            4 * arrays * exchanged,
            f'{arrays} x {exchanged:,} numbers and values of 4 bytes',
            'mesh.capacity',
            estimated=True,
        )
    ]


def row_formula(schema: Schema) -> str:
    """Returns the formula of the bytes of rows, for sentences."""
    ids, numbers = units.counted(schema.num_slots, 'id'), units.counted(len(schema.numeric_fields), 'number')
    return f'rows x ({ids} + {numbers} + 1 label) x 4 bytes'


def data_items(
    setup: Setup, rows: dict[str, int], places: int, cut: slices.Cut, mesh: Mesh, *, divided: int, streamed: bool
) -> list[Item]:
    """Returns the items of rows, of their order unless rows are streamed, and of evaluation on one device.

    Args:
      setup: the setup of the run.
      rows: {split: number of rows}.
      places: number of places in the order of an epoch, of all copies on the device.
      cut: how a batch is cut into slices.
      mesh: the devices.
      divided: number of devices that divide rows and places; if it is 1, each device has all of them.
      streamed: whether rows are read from disk.
    """
    schema, parts = setup.schema, _split_over(divided)
    evaluated = max((count for split, count in rows.items() if split != 'train'), default=0)
    total, change, row_bytes = sum(rows.values()), 'the number of rows', bytes_per_row(schema)
    if streamed:
        chunk = max(feed.CHUNK_BYTES, cut.padded_batch * row_bytes)
        held = max((feed.READ_AHEAD + 3) * chunk, 2 * scoring.BLOCK_ROWS * row_bytes)
        data = Item(
            'rows read ahead',
            min(held, 2 * total * row_bytes) // divided,
            f'{feed.READ_AHEAD} chunks, and those in use{parts}',
            'training.batch_size',
        )
    else:
        held = sum(
            held_rows(count, divided, 1 if split == 'train' else scoring.scored_batch(setup, mesh, count).slice_rows)
            for split, count in rows.items()
        )
        counted, less = f'{total:,} {row_formula(schema)}{parts}', 'execution.streaming to true'
        data = Item('data', held * row_bytes, counted, less, shared=divided == 1)
    scores = f'{evaluated:,} rows x {EVALUATION_BYTES_PER_ROW} bytes'
    evaluation = Item('evaluation', evaluated * EVALUATION_BYTES_PER_ROW, scores, change)
    return [data, evaluation] if streamed else [data, order_item(places, divided), evaluation]


def order_item(places: int, divided: int) -> Item:
    """Returns the item of the order of an epoch and the next, with so many places, in one of `divided` equal parts."""
    counted = f'this epoch and the next, int32{_split_over(divided)}'
    return Item('order of rows', 2 * places * 4 // divided, counted, 'the number of rows')


def _split_over(devices: int) -> str:
    """Returns words that say that something is divided between so many devices; none for one device."""
    return f', split over {devices} devices' if devices > 1 else ''
