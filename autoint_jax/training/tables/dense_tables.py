"""Advice for runs whose tables are so large that dense Adam, which updates every row at every step, is slow."""

from collections.abc import Mapping

from autoint_jax.config.configuration import Config
from autoint_jax.models.layers.tables import TableSpec

# With fewer rows, an update of the whole table moves a few megabytes, which takes little time beside a step of a model.
MANY_ROWS = 100_000
# A sparse optimizer sorts the row numbers of the batch and gathers rows one by one. For each row that takes several
# times as long as a sweep through the whole table. So a table is large if it has several times the rows that a batch
# can name.
TIMES_THE_BATCH = 4


def advice(config: Config, specs: Mapping[str, TableSpec]) -> str | None:
    """Returns a sentence that suggests deferred Adam if a table is large, else None.

    Args:
      config: configuration of the run. There is no suggestion if its table optimizer is not 'adam', or if it uses
        `optimizer.l2_tables` or `optimizer.tables_weight_decay`, which need 'adam'.
      specs: the tables of its model, by name.
    """
    of_all_rows = config.optimizer.l2_tables or config.optimizer.tables_weight_decay
    if config.optimizer.tables != 'adam' or of_all_rows or not specs:
        return None
    table = max(specs.values(), key=lambda spec: spec.rows * spec.width)
    named = config.training.batch_size * len(table.columns)
    if table.rows < max(MANY_ROWS, TIMES_THE_BATCH * named):
        return None
    return (
        f"every step updates all {table.rows:,} rows of the embeddings (optimizer.tables 'adam'), of which a batch of "
        f'{config.training.batch_size:,} rows reads {named:,} at most: --config.optimizer.tables=deferred_adam follows '
        'the same Adam and updates only the rows that are read'
    )
