"""When dense Adam, which updates every row of a table at every step, costs more than it needs to."""

from collections.abc import Mapping

from autoint_jax.config.configuration import Config
from autoint_jax.models.layers.tables import TableSpec

# Below this many rows a whole update moves a few megabytes, which is nothing beside a step of a model.
MANY_ROWS = 100_000
# A sparse optimizer sorts the batch's row numbers and gathers rows one by one, which costs a row several times what a sweep through
# the whole table costs it. So tables are large where they have several times the rows that a batch can name.
TIMES_THE_BATCH = 4


def advice(config: Config, specs: Mapping[str, TableSpec]) -> str | None:
    """A sentence that suggests deferred Adam where tables are large, else None.

    Args:
      config: of the run. With another optimizer of tables, or with `optimizer.l2_tables`, which needs the dense one, there is nothing
        to suggest.
      specs: the tables of its model.
    """
    if config.optimizer.tables != 'adam' or config.optimizer.l2_tables or not specs:
        return None
    table = max(specs.values(), key=lambda spec: spec.rows * spec.width)
    named = config.training.batch_size * len(table.columns)
    if table.rows < max(MANY_ROWS, TIMES_THE_BATCH * named):
        return None
    return (
        f"every step updates all {table.rows:,} rows of the embeddings (optimizer.tables 'adam'), of which a batch of "
        f'{config.training.batch_size:,} rows reads {named:,} at most: --config.optimizer.tables=deferred_adam follows the same Adam '
        'and updates only the rows that are read'
    )
