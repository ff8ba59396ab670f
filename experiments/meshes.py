"""The bits of training on several meshes of devices, beside those of one device.

Claim: with the same slices, one to a device, the losses of 200 steps and the state after them have the same bits on
8 x 1, 4 x 2, 2 x 4 and 1 x 8 devices as on one. With ordered sums they have them on 2, 4 and 8 devices, and so have the
scores of new rows. Without, the scores may differ by rounding, because each device scores its rows in one slice.

    python experiments/meshes.py
    python experiments/meshes.py --ordered
    python experiments/meshes.py --quick

AutoInt trains on made-up rows with the numbers of fields and ids of MovieLens-1M and of Criteo, there with 100,000 ids.
Devices are forced CPU devices of one process.

--ordered takes the cases with ordered sums only.

Time on two CPU cores: about ten minutes; three with --ordered, about one with --quick. The exit status is 3 if a mesh
differs from one device. Writes results/meshes.{json,csv} after each case, or meshes_ordered.{json,csv} with --ordered;
--quick writes nothing.
"""

import hashlib
import pathlib
import time
from typing import Any, NamedTuple

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_CASES = flags.DEFINE_list('cases', [], 'Numbers of the cases, from 0; by default all.')
_ORDERED = flags.DEFINE_boolean('ordered', False, 'Only the cases with ordered sums, in a record of their own.')
_QUICK = flags.DEFINE_boolean('quick', False, 'Only a few steps of two cases, and no record.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import jax
import numpy as np

from autoint_jax.benchmarks.shapes import SHAPES, criteo, made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.training.step import layout, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import make_setup

DEVICES, STEPS, QUICK_STEPS, SCORED_ROWS = 8, 200, 5, 1000
OPTIONS = {
    'training.batch_size': 1024,
    'execution.slice_rows': 128,
    'model.num_layers': 2,
    'optimizer.l2_rows': 0.01,
    'mesh.exchange': 'gathered',  # the all-to-all form sums the gradients of a repeated row on each device first
}
ALL_MESHES = ((8, 1), (4, 2), (2, 4), (1, 8))  # [data, table]
TWO_MESHES = ((8, 1), (2, 4))
FEWER_DEVICES = ((2, 1), (2, 2), (8, 1))


class Case(NamedTuple):
    """One configuration that trains on one device and on several meshes.

    Attributes:
      shape: 'ml1m' or 'criteo'.
      tables: optimizer.tables.
      form: execution.form.
      meshes: the meshes, [data, table] each.
      ordered: mesh.ordered_sums.
    """

    shape: str
    tables: str
    form: str = 'cpu_kernel'
    meshes: tuple[tuple[int, int], ...] = TWO_MESHES
    ordered: bool = False


CASES = (
    Case('ml1m', 'deferred_adam', meshes=ALL_MESHES),
    Case('ml1m', 'deferred_adam', meshes=FEWER_DEVICES, ordered=True),
    Case('criteo', 'deferred_adam', meshes=ALL_MESHES),
    Case('ml1m', 'adam', meshes=ALL_MESHES),
    Case('criteo', 'adam', meshes=ALL_MESHES),
    Case('ml1m', 'lazy_adam'),
    Case('ml1m', 'rowwise_adagrad'),
    Case('ml1m', 'adam', 'heads'),
    Case('ml1m', 'deferred_adam', 'heads'),
    Case('ml1m', 'lazy_adam', 'heads'),
    Case('ml1m', 'rowwise_adagrad', 'heads'),
    Case('criteo', 'deferred_adam', meshes=FEWER_DEVICES, ordered=True),
    Case('ml1m', 'deferred_adam', 'einsum', meshes=FEWER_DEVICES, ordered=True),
)
QUICK_CASES = 2


def main(argv: list[str]) -> int:
    try:
        cases = [CASES[int(number)] for number in _CASES.value] or CASES[: QUICK_CASES if _QUICK.value else None]
    except (ValueError, IndexError):
        raise UsageError(
            f'--cases={",".join(_CASES.value)} must be numbers from 0 to {len(CASES) - 1}, such as 0,2'
        ) from None
    if _ORDERED.value:
        cases = tuple(case for case in cases if case.ordered)
    jax.config.update('jax_num_cpu_devices', DEVICES)
    taken, rows, began = QUICK_STEPS if _QUICK.value else STEPS, [], time.time()
    for case in cases:
        whole = trained(case, (1, 1), taken)
        for mesh in case.meshes:
            found = trained(case, mesh, taken)
            row = {
                **case._asdict(),
                'meshes': f'{mesh[0]}x{mesh[1]}',
                **{
                    name: 'same' if found[name] == whole[name] else 'different'
                    for name in ('losses', 'state', 'scores')
                },
                'last_loss': found['last'],
                'difference_of_last_loss': found['last'] - whole['last'],
            }
            rows.append(row)
            print(*row.values(), flush=True)
        if not _QUICK.value:
            record(rows, taken, time.time() - began)  # after each case, so that those before a stop are kept
    comparison.show('meshes beside one device', list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    print(
        'quick: no record'
        if _QUICK.value
        else f'all meshes have the bits of one device: {comparison.verdict(passed(rows))}'
    )
    return 0 if passed(rows) else 3


def passed(rows: list[dict[str, Any]]) -> bool:
    """Returns whether all meshes have the bits of one device; scores count with ordered sums only."""
    return all(
        row['losses'] == row['state'] == 'same' and (row['scores'] == 'same' or not row['ordered']) for row in rows
    )


def record(rows: list[dict[str, Any]], taken: int, seconds: float) -> None:
    """Writes the record of the cases so far."""
    about = {
        'table': 'meshes beside one device',
        'options': OPTIONS,
        'steps': taken,
        'ids': {name: sum(shape.cardinalities) for name, shape in shapes().items()},
        'seconds': seconds,
        'verdict': comparison.verdict(passed(rows)),
    }
    name = 'meshes_ordered' if _ORDERED.value else 'meshes'
    write_table(pathlib.Path(_RESULTS_DIR.value) / name, rows, about)


def shapes() -> dict[str, Any]:
    """Returns the shapes of the made-up rows."""
    return {'ml1m': SHAPES['ml1m'], 'criteo': criteo(100_000)}


def trained(case: Case, sizes: tuple[int, int], count: int) -> dict[str, Any]:
    """Trains a case for some steps on a mesh. Returns hashes of what it leaves, and its last loss.

    Hashes are of the losses, of the flushed state with tables in the order of their rows, and of the logits of new
    rows.
    """
    options = {'optimizer.tables': case.tables, 'execution.form': case.form, 'mesh.ordered_sums': case.ordered}
    config, (data, table) = replace(Config(), OPTIONS | options), sizes
    mesh, batch = placement.run_mesh(MeshConfig(table=table, data=data)), config.training.batch_size
    schema, columns = made_up(shapes()[case.shape], STEPS * batch, seed=1)
    setup = make_setup(config, schema)
    cut = slices.cut(batch, setup, mesh)
    order = placement.split_order(batches_in_order(count * batch, batch, cut.padded_batch), mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=count)
    state, losses = chunk(layout.initial_state_on(setup, mesh), resident_columns(columns, mesh), order, 0, count)
    state = make_flush(setup, mesh)(state)
    few = scoring.scored_columns(setup, made_up(shapes()[case.shape], SCORED_ROWS, seed=2)[1], mesh)
    logits = scoring.make_scorer(setup, mesh)(state.variables, state.tables, few)
    rows = setup.table_specs['embedding'].rows
    whole = layout.of_rows_of_tables(
        lambda leaf: leaf[:rows] if leaf.ndim else leaf, layout.held(jax.device_get(state))
    )
    return {
        'losses': _hash([losses]),
        'state': _hash(jax.tree.leaves(whole)),
        'scores': _hash([logits]),
        'last': float(losses[-1]),
    }


def _hash(arrays: list[Any]) -> str:
    """Returns a hash of the bits of some arrays."""
    return hashlib.md5(b''.join(np.asarray(array).tobytes() for array in arrays)).hexdigest()


if __name__ == '__main__':
    command.run(main)
