"""Single rows of a split, by the values of their fields and by what a run predicts for them."""

from collections.abc import Mapping, Set

import numpy as np

from autoint_jax.data.prepared import Columns, PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.explain.attention import of_rows
from autoint_jax.training.trained import TrainedRun


def rows_with(data: PreparedData, columns: Columns, values: Mapping[str, Set[str]]) -> np.ndarray:
    """Numbers of the rows whose fields have exactly these values, ascending; none where a value is not known.

    Args:
      data: the rows', for its schema and vocabularies.
      columns: a split of it.
      values: {field: values}; one value of a categorical field, all those of a multivalued one.

    Raises UsageError on a field that is not there or has no ids.
    """
    vocabularies, slots, first = data.vocabularies(), {}, 0
    for field in data.schema.id_fields:
        slots[field.name] = slice(first, first + field.max_values)
        first += field.max_values
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
    """The positive row with these values whose predicted probability is nearest to the one given; None where there is none.

    Raises UsageError as `rows_with` and `attention.of_rows` do.
    """
    rows = rows_with(run.data, columns, values)
    rows = rows[columns.labels[rows] > 0.5]
    if not len(rows):
        return None
    predicted = probabilities(of_rows(run.made, run.state, columns, rows.tolist()).logits)
    return int(rows[np.abs(predicted - probability).argmin()])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Logits [b] -> predicted probabilities of a click [b]."""
    return 1 / (1 + np.exp(-logits))
