"""Checks of the values of prepared data: each raises a sentence that names the file, the row and the value."""

import pathlib

import numpy as np

from autoint_jax.errors import UsageError
from autoint_jax.schema import ROW_WEIGHTS, SOFT_LABELS, Schema

AGAIN = 'prepare the data again with --overwrite'


def _check_ids(path: pathlib.Path, row: int, values: np.ndarray, schema: Schema) -> None:
    """Raises UsageError if an id is not within its field."""
    most = np.array([field.cardinality for field in schema.id_fields for _ in range(field.max_values)], np.uint32)
    # A negative id, read as an unsigned number, is larger than all cardinalities.
    if (_highest(values.view(np.uint32)) < most).all():
        return
    at, slot = np.argwhere(values.view(np.uint32) >= most)[0].tolist()
    owner = next(field for field in schema.id_fields if slot < schema.slots[field.name].stop)
    raise UsageError(
        f'{path} row {row + at}: field {owner.name!r} has the id {values[at, slot]}, but its ids are 0 to '
        f'{owner.cardinality - 1}: the file or the schema was changed or damaged; {AGAIN}'
    )


def _highest(values: np.ndarray) -> np.ndarray:
    """Values [n, columns] -> the largest value of each column, [columns].

    NumPy reduces short rows slowly, so 64 are taken as one.
    """
    at_once, columns = 64, values.shape[1]
    whole = len(values) // at_once * at_once
    highest = values[whole:].max(axis=0, initial=0)
    if whole:
        of_places = values[:whole].reshape(-1, at_once * columns).max(axis=0)
        highest = np.maximum(highest, of_places.reshape(at_once, columns).max(axis=0))
    return highest


def _check_numbers(path: pathlib.Path, row: int, values: np.ndarray, schema: Schema) -> None:
    """Raises UsageError if a number is infinite."""
    infinite = np.isinf(values)
    if infinite.any():
        at, column = np.argwhere(infinite)[0].tolist()
        raise UsageError(
            f'{path} row {row + at}: numeric field {schema.numeric_fields[column].name!r} has the value '
            f'{values[at, column]}: no number may be infinite; fix the raw file, then {AGAIN}'
        )


def _check_labels(path: pathlib.Path, row: int, values: np.ndarray, schema: Schema) -> None:
    """Raises UsageError if a label is neither 0 nor 1."""
    _check_all(path, row, values, (values == 0) | (values == 1), 'label', 'labels are 0 or 1')


def _check_row_weights(path: pathlib.Path, row: int, values: np.ndarray, schema: Schema) -> None:
    """Raises UsageError if a weight is negative or not finite."""
    _check_all(path, row, values, np.isfinite(values) & (values >= 0), 'weight', 'weights are finite and not negative')


def _check_soft_labels(path: pathlib.Path, row: int, values: np.ndarray, schema: Schema) -> None:
    """Raises UsageError if a soft label is not from 0 to 1."""
    _check_all(path, row, values, (values >= 0) & (values <= 1), 'soft label', 'soft labels are from 0 to 1')


def _check_all(path: pathlib.Path, row: int, values: np.ndarray, right: np.ndarray, what: str, rule: str) -> None:
    """Raises UsageError that names the first value that is not right, if there is one."""
    if not right.all():
        at = int(np.flatnonzero(~right)[0])
        raise UsageError(f'{path} row {row + at} has the {what} {values[at]}: {rule}; {AGAIN}')


# Checks of a block of values by the name of their column: (file, number of the first row, values [n, ...], schema).
CHECKS = {
    'ids': _check_ids,
    'numeric': _check_numbers,
    'labels': _check_labels,
    ROW_WEIGHTS: _check_row_weights,
    SOFT_LABELS: _check_soft_labels,
}
