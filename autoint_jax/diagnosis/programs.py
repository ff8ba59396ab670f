"""Checks the compiled steps of training on this machine: copies that go together, and devices that share a batch."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.diagnosis.planned import schema_of
from autoint_jax.schema import Schema
from autoint_jax.training.copies import programs
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.columns import resident_columns, whole_columns
from autoint_jax.training.step.state import initial_state, make_setup

STEPS, BATCH, COPIES = 8, 64, 2
TABLE_FRACTION = 0.25  # of the growth of the tables: the most that the temporary memory of steps of copies may grow
SMALLER = 8  # so many times smaller is the table with which the growth is measured
BOUNDS = {'float32': 1e-4, 'bfloat16': 2e-2}  # of the relative difference of losses


class Program(NamedTuple):
    """The arguments that programs of steps share.

    Attributes:
      schema: the fields of random rows.
      columns: these rows.
      order: their batches [STEPS, BATCH].
    """

    schema: Schema
    columns: Columns
    order: np.ndarray


def random_rows(schema: Schema, rows: int, seed: int) -> Columns:
    """Returns random rows of categorical fields; a label is 1 more often if the first id is small."""
    rng, sizes = np.random.default_rng(seed), [field.cardinality for field in schema.fields]
    ids = np.stack([rng.integers(0, size, rows) for size in sizes], 1).astype(np.int32)
    labels = (rng.random(rows) < np.where(ids[:, 0] < sizes[0] / 2, 0.7, 0.2)).astype(np.float32)
    return Columns(ids, np.zeros((rows, 0), np.float32), labels)


def checks(table_rows: int) -> list[Check]:
    """Checks copies in float32 and bfloat16, and devices that share a batch; `table_rows` is the size of the table."""
    small, large = (_program(rows) for rows in (table_rows // SMALLER, table_rows))
    with jax.default_matmul_precision('highest'):
        return [_copies(small, large, dtype) for dtype in BOUNDS] + [_shared(large)]


def _program(table_rows: int) -> Program:
    schema = schema_of([3, 7, 101, table_rows])
    return Program(schema, random_rows(schema, STEPS * BATCH, 1), np.arange(STEPS * BATCH).reshape(STEPS, BATCH))


def _config(dtype: str, seed: int = 0) -> Config:
    return replace(
        Config(),
        {
            'model.num_layers': 1,
            'model.compute_dtype': dtype,
            'model.attention_dropout': 0.1,
            'optimizer.tables': 'deferred_adam',
            'optimizer.learning_rate': 0.01,
            'execution.tables_form': 'xla',
            'training.batch_size': BATCH,
            'seed': seed,
        },
    )


def _losses(made: Program, config: Config, devices: list[jax.Device]) -> np.ndarray:
    """Returns the losses of STEPS steps of a run alone on some devices."""
    setup, mesh = make_setup(config, made.schema, devices[0].platform), placement.data_mesh(devices)
    cut = slices.cut(BATCH, setup, mesh)
    order = np.full((STEPS, cut.padded_batch), -1, np.int32)
    order[:, :BATCH] = made.order
    state, resident = placement.replicate(initial_state(setup), mesh), resident_columns(made.columns, mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=STEPS)
    return np.asarray(chunk(state, resident, placement.replicate_array(order, mesh), 0, STEPS)[1])


class Together(NamedTuple):
    """What steps of copies that go together are like.

    Attributes:
      table_bytes: memory of the tables.
      temporary_bytes: memory that the steps take beside state and data.
      losses: the losses of the last copy [STEPS]; empty if the steps were only compiled.
    """

    table_bytes: int
    temporary_bytes: int
    losses: np.ndarray


def _together(made: Program, configs: list[Config], *, stepped: bool) -> Together:
    """Compiles steps of copies, and takes them if `stepped`."""
    device = jax.local_devices()[0]
    mesh = programs.replica_mesh(COPIES, [device])
    setups = [make_setup(config, made.schema, device.platform) for config in configs]
    cut = slices.cut(BATCH, setups[0], mesh)
    order = np.full((STEPS, cut.padded_batch), -1, np.int32)
    order[:, :BATCH] = made.order
    states = programs.stacked([initial_state(setup) for setup in setups], mesh)
    table_bytes = sum(table.nbytes for table in states.tables.values())
    chunk = programs.make_chunk(setups[0], mesh, cut, max_steps=STEPS, together=True)
    arguments = (
        states,
        {'seed': jnp.arange(COPIES, dtype=jnp.int32)},
        jnp.stack([jnp.asarray(order)] * COPIES),
        jnp.full(COPIES, STEPS, jnp.int32),
        whole_columns(made.columns, mesh),
        0,
    )
    compiled = chunk.lower(*arguments).compile()
    memory = compiled.memory_analysis()
    losses = np.asarray(compiled(*arguments)[1])[-1] if stepped else np.zeros(0)
    return Together(table_bytes, memory.temp_size_in_bytes if memory else 0, losses)


def _copies(small: Program, large: Program, dtype: str) -> Check:
    """Checks that steps of copies hold no second table, and that the last copy has the losses of its run alone.

    The temporary memory of steps also holds activations and the work space of libraries, which do not grow with the
    table.
    """
    configs = [_config(dtype, seed) for seed in range(COPIES)]
    with_small, with_large = _together(small, configs, stepped=False), _together(large, configs, stepped=True)
    device = jax.local_devices()[0]
    alone = _losses(large, configs[-1], [device])
    form = make_setup(configs[0], large.schema, device.platform).form
    return copies_judged(
        f'{COPIES} copies together, {dtype}, form {form!r}',
        held=(with_large.temporary_bytes - with_small.temporary_bytes)
        / (with_large.table_bytes - with_small.table_bytes),
        difference=float(np.abs(with_large.losses / alone - 1).max()),
        bound=BOUNDS[dtype],
    )


def copies_judged(name: str, *, held: float, difference: float, bound: float) -> Check:
    """Returns a check that is BAD if steps of copies hold TABLE_FRACTION of another table, or differ.

    Args:
      name: what was checked.
      held: by how many bytes the temporary memory of the steps grows with each byte of the tables.
      difference: the largest relative difference of a loss from that of a run alone.
      bound: the largest accepted difference.
    """
    text = f'{name}: losses differ from those of a run alone by {difference:.1e} (bound {bound:.0e}), '
    text += f'temporary memory grows by {held:.3f} of the tables'
    if not difference <= bound:
        return Check(BAD, f'{text}: this device computes wrong values with this jaxlib')
    if held > TABLE_FRACTION:
        return Check(BAD, f'{text}: whole tables are copied at every step, so copies will be slow with this jaxlib')
    return Check(OK, text)


def _shared(made: Program) -> Check:
    """Checks that all devices together have the losses of one device."""
    devices = jax.local_devices()
    if len(devices) == 1:
        return Check(NOTE, 'there is one device, so no batch is shared among devices')
    one, all_of_them = (_losses(made, _config('float32'), chosen) for chosen in (devices[:1], devices))
    difference = float(np.abs(all_of_them / one - 1).max())
    text = f'{len(devices)} devices share a batch: losses differ from those of one by {difference:.1e}'
    good = difference <= BOUNDS['float32']
    return Check(OK, text) if good else Check(BAD, f'{text}: sums over these devices are wrong with this jaxlib')
