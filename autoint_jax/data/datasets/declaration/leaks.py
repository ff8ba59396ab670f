"""Finds fields that would tell a model the label or the split of a row."""

from autoint_jax.data.datasets.declaration.split_plan import SplitPlan
from autoint_jax.errors import UsageError


def check_leaks(split: SplitPlan, path: object, columns: dict[str, list[str]], label: str) -> str | None:
    """Checks that neither the label nor the column of the split is a field.

    Args:
      split: the split of the table.
      path: the file of the declaration, for error messages.
      columns: names of the fields that are made of each column.
      label: the column of the label.

    Returns a warning if a field is made of the column of a split by time without `as_field`, else None. Raises
    UsageError if a field is made of the label or of the column of a split by column, or if the label decides the split.
    """
    if label in columns:
        raise UsageError(
            f'{path}: field {columns[label][0]!r} is made of column {label!r}, which is the label: a model would '
            'learn to copy it, so take the field out'
        )
    if split.column == label:
        raise UsageError(
            f'{path}: column {label!r} is both the label and the column of the split: rows must be split by another'
        )
    if split.column not in columns or split.as_field:
        return None
    field = columns[split.column][0]
    if split.kind == 'column':
        raise UsageError(
            f'{path}: field {field!r} is made of column {split.column!r}, whose values say the split, so no value of '
            'validation or test rows occurs in training: take the field out, or write as_field: true in split '
            'column if this is meant'
        )
    return (
        f'WARNING: {path}: field {field!r} is made of column {split.column!r}, by which the split is made, so times of '
        'validation and test rows hardly occur in training: take the field out, or write as_field: true in split time '
        'if this is meant'
    )
