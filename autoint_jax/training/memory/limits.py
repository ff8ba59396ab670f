"""The largest numbers that compiled programs count: ids, rows, steps and places of a batch are 32-bit integers."""

from jax.sharding import Mesh

from autoint_jax.errors import UsageError
from autoint_jax.training.step import order, slices
from autoint_jax.training.step.state import Setup
from autoint_jax.units import counted

INT32 = 2**31
EVALUATED_ROWS = 2**30  # `evaluation.metrics` counts pairs of rows in two halves of 32 bits


def check(setup: Setup, rows: dict[str, int], mesh: Mesh) -> None:
    """Raises UsageError if a run would count beyond a limit.

    Args:
      setup: the setup of the run.
      rows: {split: number of rows}; empty if unknown.
      mesh: the devices.
    """
    config, schema = setup.config, setup.schema
    for name, spec in setup.table_specs.items():
        _below(
            spec.rows,
            INT32,
            f'ids in the fields of the table {name!r}',
            'take fewer hash buckets, a cap or a higher min_count',
        )
    for split, count in rows.items():
        _below(count, INT32 if split == 'train' else EVALUATED_ROWS, f'rows in the {split} split', 'prepare fewer rows')
    train = rows.get('train', config.training.batch_size)
    batch_size = min(config.training.batch_size, train)
    padded = slices.cut(batch_size, setup, mesh).padded_batch
    places = padded * max(1, schema.num_slots)
    _below(places, INT32, f'ids in a batch of {counted(padded, "row")}', 'take a smaller training.batch_size')
    if rows:
        epoch_steps = order.steps_per_epoch(train, batch_size)
        _below(
            config.training.epochs * epoch_steps,
            INT32,
            f'steps in {config.training.epochs:,} epochs',
            'take fewer training.epochs',
        )


def _below(count: int, limit: int, counted: str, advice: str) -> None:
    """Raises UsageError, with the thing counted and advice, unless `count` is below `limit`."""
    if count >= limit:
        raise UsageError(
            f'{count:,} {counted} are more than 32-bit numbers count here, at most {limit - 1:,}: {advice}'
        )
