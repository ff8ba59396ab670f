"""What a run will hold in memory and on disk, before anything is allocated.

Tables, parameters and optimizers are counted exactly, from the shapes that training will make (`jax.eval_shape`);
batches and activations are estimated by the formulas that stand beside them.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.config import Config
from autoint_jax.diagnosis.activations import activations
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check, shown_bytes
from autoint_jax.errors import UsageError
from autoint_jax.schema import Schema
from autoint_jax.training import devices, order
from autoint_jax.training.checkpoints import SPARE_BYTES
from autoint_jax.training.state import Setup, TrainState, initial_state, setup

# Arrays [b * slots, d] of a step: looked-up rows, their gradients and sums, and what the optimizer reads for a row.
ROW_ARRAYS = {'adam': 3, 'deferred_adam': 6, 'lazy_adam': 6, 'rowwise_adagrad': 4}
# Logits, the two sorts of `evaluation.metrics` and their running counts, float32 or uint32 each.
EVALUATION_BYTES_PER_ROW = 32
CHECKPOINTS = 3  # latest, best, and the one being written
NEARLY_FULL = 0.9


class Item(NamedTuple):
    """Bytes of one thing, how they were counted, and what to change for fewer ('' where they follow from others)."""

    name: str
    bytes: int
    counted: str
    change: str


class Plan(NamedTuple):
    """Attributes:
    device: what every device holds.
    host: what the host's RAM holds beside; where the devices are CPUs, the RAM holds the devices' items too.
    disk: what the run folder holds.
    """

    device: list[Item]
    host: list[Item]
    disk: list[Item]


def plan(config: Config, schema: Schema, rows: dict[str, int], mesh: Mesh) -> Plan:
    """The plan of a run.

    Args:
      config: of the run.
      schema: of its data.
      rows: of each split, {'train': 1000, ...}; empty where they are not known, then data is not counted.
      mesh: the devices; no memory of theirs is taken.

    Raises:
      UsageError: the model is unknown, or a table would have more rows than an int32 can count.
    """
    if schema.num_ids >= 2**31:
        raise UsageError(f'the schema has {schema.num_ids:,} ids in all, but row numbers are int32: keep them below '
                         f'{2**31:,}')
    made = setup(config, schema)
    state = jax.eval_shape(functools.partial(initial_state, made))
    on_cpu = mesh.devices.flat[0].platform == 'cpu'
    whole, train = _nbytes(state), rows.get('train', config.training.batch_size)
    batch_size = min(config.training.batch_size, train)
    cut = devices.cut(batch_size, config, schema, mesh)
    device = [*_state_items(state, config), *_step_items(made, cut)]
    if rows:
        device += _data_items(schema, rows, order.steps_per_epoch(train, batch_size) * cut.padded_batch)
    copying = 'one state, while a checkpoint is written' + ('' if on_cpu else ' or the best one read')
    device.append(Item('second copy of the state', whole, copying, ''))
    host = []
    if not on_cpu:
        host.append(Item('checkpoint being written', whole, 'one state', ''))
        host.append(Item('largest split, on its way to the devices', max(rows.values(), default=0) * _row_bytes(schema),
                         _row_formula(schema), 'the number of rows'))
    disk = [Item('checkpoints', CHECKPOINTS * (whole + SPARE_BYTES), f'{CHECKPOINTS} states: latest, best, the next',
                 'model.embedding_dim or optimizer.tables')]
    return Plan(device, host, disk)


def _nbytes(tree: Any) -> int:
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _state_items(state: TrainState, config: Config) -> list[Item]:
    shapes = ', '.join(f'{table.shape[0]:,} x {table.shape[1]}' for table in state.tables.values())
    smaller, optimizer = 'model.embedding_dim', config.optimizer.tables
    found = [Item('tables', _nbytes(state.tables), f'{shapes} float32' if shapes else 'all fields are numeric', smaller),
             Item("state of the tables' optimizer", _nbytes(state.slots), optimizer,
                  smaller if optimizer == 'rowwise_adagrad' else "optimizer.tables to 'rowwise_adagrad'")]
    if optimizer == 'adam':
        found.append(Item('gradient of whole tables', _nbytes(state.tables), 'as the tables, for adam',
                          "optimizer.tables to 'deferred_adam'"))
    return found + [Item('parameters and their optimizer', _nbytes((state.params, state.optimizer)),
                         config.optimizer.name, 'model.num_layers, model.head_dim or model.deep_hidden')]


def _step_items(made: Setup, cut: devices.Cut) -> list[Item]:
    arrays = ROW_ARRAYS[made.config.optimizer.tables]
    values = sum(len(spec.columns) * spec.width for spec in made.table_specs.values())
    bytes_of_slice, counted = activations(made, cut.slice_rows)
    return [Item('rows of a batch', arrays * cut.padded_batch * values * 4,
                 f'{arrays} x batch {cut.padded_batch} x {values} float32', 'training.batch_size'),
            Item('activations of a slice', bytes_of_slice, counted, 'training.slice_rows')]


def _row_bytes(schema: Schema) -> int:
    return 4 * (schema.num_slots + len(schema.numeric_fields) + 1)


def _row_formula(schema: Schema) -> str:
    return f'rows x ({schema.num_slots} ids + {len(schema.numeric_fields)} numbers + 1 label) x 4 bytes'


def _data_items(schema: Schema, rows: dict[str, int], places: int) -> list[Item]:
    evaluated = max((count for split, count in rows.items() if split != 'train'), default=0)
    total, change = sum(rows.values()), 'the number of rows'
    return [Item('data', total * _row_bytes(schema), f'{total:,} {_row_formula(schema)}', change),
            Item('order of rows', 2 * places * 4, 'this epoch and the next, int32', change),
            Item('evaluation', evaluated * EVALUATION_BYTES_PER_ROW,
                 f'{evaluated:,} rows x {EVALUATION_BYTES_PER_ROW} bytes', change)]


def checks(what: Plan, *, copies: int, on_cpu: bool, device_memory: int | None, ram: int | None,
           disk: int) -> list[Check]:
    """Each item, then for each place whether it fits.

    Args:
      what: the plan.
      copies: devices that share the RAM, where they are CPUs.
      on_cpu: the devices' memory is the RAM.
      device_memory: bytes a device has, None where not known; not read where they are CPUs.
      ram: free bytes of RAM, None where not known.
      disk: free bytes where the run folder will be.
    """
    found = [Check(OK, f'{item.name}: {shown_bytes(item.bytes)} ({item.counted})') for item in what.device]
    found += [Check(OK, f'{item.name}, host: {shown_bytes(item.bytes)} ({item.counted})') for item in what.host]
    found += [Check(OK, f'{item.name}, disk: {shown_bytes(item.bytes)} ({item.counted})') for item in what.disk]
    if on_cpu:
        shared = [item._replace(bytes=item.bytes * copies) for item in what.device]
        found.append(judged('RAM' + (f', {copies} devices' if copies > 1 else ''), shared + what.host, ram))
    else:
        found += [judged('memory of a device', what.device, device_memory), judged('RAM', what.host, ram)]
    return found + [judged('disk of the run folder', what.disk, disk)]


def judged(place: str, items: list[Item], available: int | None) -> Check:
    """Whether items fit into the available bytes; where not, the largest of those that can be made smaller."""
    total = sum(item.bytes for item in items)
    if available is None:
        return Check(NOTE, f'{place}: {shown_bytes(total)} needed, what is there is not known')
    needs = f'{place}: {shown_bytes(total)} needed, {shown_bytes(available)} there'
    if total <= NEARLY_FULL * available:
        return Check(OK, f'{needs}: fits')
    largest = max((item for item in items if item.change), key=lambda item: item.bytes)
    advice = f'the largest item is {largest.name} ({shown_bytes(largest.bytes)}): change {largest.change}'
    if total <= available:
        return Check(NOTE, f'{needs}: fits, barely; {advice}')
    return Check(BAD, f'{needs}: does not fit; {advice}')
