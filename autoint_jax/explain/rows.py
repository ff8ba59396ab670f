"""Single rows of a split, found by the values of their fields and by the prediction of a run."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.explain.attention import of_rows
from autoint_jax.training.trained import TrainedRun

MOST_ROWS = 100  # the most single rows that a command is asked for


def row_numbers(texts: Sequence[str], rows: int) -> list[int]:
    """Reads row numbers: ['0', '17'] -> [0, 17], each once.

    Args:
      texts: numbers of rows, counted from 0.
      rows: number of rows of the split.

    Raises:
      UsageError: a text is not a number, the split has no such row, or there are more than MOST_ROWS.
    """
    for text in texts:
        if not (text.strip().isascii() and text.strip().isdigit()):
            raise UsageError(
                f'--rows={",".join(texts)[:200]} is not a list of row numbers such as 0,17,42, counted from 0: '
                f'{text[:80]!r} is not a number'
            )
        if len(text.strip()) > 18 or int(text) >= rows:
            raise UsageError(
                f'row {text.strip()[:80]} is not in this split: it has '
                + (f'rows 0 to {rows - 1}' if rows else 'no rows')
            )
    found = list(dict.fromkeys(map(int, texts)))
    if len(found) > MOST_ROWS:
        raise UsageError(
            f'--rows names {len(found)} rows, more than a reader looks at: name at most {MOST_ROWS} at a time'
        )
    return found


def rows_with(data: PreparedData, columns: Columns, values: Mapping[str, Set[str]]) -> np.ndarray:
    """Returns the numbers of the rows whose fields have exactly these values, ascending; empty if a value is unknown.

    Args:
      data: the prepared data, for its schema and vocabularies.
      columns: a split of it.
      values: {field: values}: one value of a categorical field, all values of a multivalued field.

    Raises:
      UsageError: there is no such field, or it is numeric.
    """
    vocabularies, slots = data.vocabularies(), data.schema.slots
    chosen = np.ones(len(columns), bool)
    for name, wanted in values.items():
        if name not in slots:
            raise UsageError(f'there is no field {name!r} with values in {data.folder}: it has {", ".join(slots)}')
        known = vocabularies[name].encode(sorted(wanted))
        ids = np.sort(np.asarray(columns.ids[:, slots[name]]), 1)
        padded = np.sort(np.pad(known, (max(0, ids.shape[1] - len(known)), 0)))
        chosen &= bool(known.all()) and len(padded) == ids.shape[1] and (ids == padded).all(1)
    return np.flatnonzero(chosen)


def nearest_row(run: TrainedRun, columns: Columns, values: Mapping[str, Set[str]], probability: float) -> int | None:
    """Returns the positive row with these values whose prediction is nearest to `probability`; None if there is no such
    row.

    Raises:
      UsageError: as `rows_with` and `attention.of_rows` do.
    """
    rows = rows_with(run.data, columns, values)
    rows = rows[columns.labels[rows] > 0.5]
    if not len(rows):
        return None
    predicted = probabilities(of_rows(run.setup, run.state, columns, rows.tolist()).logits)
    return int(rows[np.abs(predicted - probability).argmin()])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Turns logits [b] into predicted probabilities of a click [b]."""
    return 1 / (1 + np.exp(-logits))
