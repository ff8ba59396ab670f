"""Assigns rows to splits, and checks that labels are as declared and that each split has rows of both classes."""

from collections.abc import Callable, Collection, Mapping

import numpy as np
import polars as pl

from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.raw.labels import HALF, LabelPlan
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.spool import Spool
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

MANY_BUCKETS = 1_000_000  # there is no warning about fewer buckets
MOST_SPELLINGS = 1000  # spellings of a label that are counted
_SHOWN = 8
_ROWS_AT_ONCE = 1 << 22


def assigned(
    split: Callable[[np.ndarray, pl.Series | None], np.ndarray],
    labels: np.ndarray,
    column: pl.Series | None,
    plan: TablePlan,
    spool: Spool,
    names: Mapping[str, str],
    say: Callable[[str], None],
) -> np.ndarray:
    """Returns the number of the split of each row, int8 [n].

    Args:
      split: (labels uint8 [n], raw column [n] or None) -> numbers of splits int8 [n].
      labels: uint8 [n].
      column: the raw column that `split` needs, if any.
      plan: of the table.
      spool: the rows.
      names: {split: its name in messages, with its files if it has files of its own}.
      say: is told of declarations that are probably mistakes, but may be meant.

    Raises:
      UsageError: labels or splits are not as declared, a split is empty, or it has rows of one class only.
    """
    for remark in (*_unused_missing_values(plan, spool), *_idle_buckets(plan, len(labels))):
        say(remark)
    split_of = split(labels, column)
    if plan.label.positive:
        _check_spellings(plan.label, _spellings(plan.label.column, spool, split_of), names)
    _check_classes(plan.label, labels, split_of, names)
    return split_of


def unseen(missing: Collection[str]) -> list[str]:
    """Returns a sentence about declared missing values that occur in no row, if there are any."""
    return [f'WARNING: no row holds {_list(sorted(missing))}, listed under missing'] if missing else []


def _unused_missing_values(plan: TablePlan, spool: Spool) -> list[str]:
    """Returns a sentence for each field that declares `missing_values` which occur in no row."""
    remarks = []
    for field in plan.fields:
        waiting = set(field.missing_values) - {''}
        for block in spool.column(field.column) if waiting else ():
            kind = block.dtype
            waiting = {
                value for value in waiting if not (block == (value if kind == pl.String else float(value))).any()
            }
            if not waiting:
                break
        if waiting:
            remarks.append(
                f'WARNING: field {field.name!r}: no row of column {field.column!r} holds {_list(sorted(waiting))}, '
                'listed under missing_values'
            )
    return remarks


def _idle_buckets(plan: TablePlan, rows: int) -> list[str]:
    """Returns a sentence for each field that has far more hash buckets than the table has rows."""
    return [
        f'WARNING: field {field.name!r} has {field.buckets:,} hash buckets, but the table has {rows:,} rows: most '
        'embeddings would take memory and never be trained, so give fewer buckets'
        for field in plan.fields
        if field.transform == 'hash' and field.buckets > max(MANY_BUCKETS, 10 * rows)
    ]


def _spellings(column: str, spool: Spool, split_of: np.ndarray) -> dict[str, np.ndarray]:
    """Returns {spelling of the label: its rows in each split, int64 [splits]}. Counting ends after MOST_SPELLINGS."""
    found: dict[str, np.ndarray] = {}
    start = 0
    for block in spool.column(column):
        rows = slice(start, start + len(block))
        start = rows.stop
        frame = pl.DataFrame({'value': block.cast(pl.String), 'split': split_of[rows]})
        for value, split, count in frame.group_by('value', 'split').len().iter_rows():
            if value not in found:
                if len(found) > MOST_SPELLINGS:
                    return found
                found[value] = np.zeros(len(SPLITS), np.int64)
            found[value][split] += count
    return found


def _check_spellings(label: LabelPlan, found: dict[str, np.ndarray], names: Mapping[str, str]) -> None:
    """Raises UsageError if a declared spelling does not occur, or if the negative spellings are unclear."""
    where = f'the label, column {label.column!r},'
    holds = f'it holds {_counted(found, names)}'
    for key, values in (('positive', label.positive), ('negative', label.negative)):
        absent = [value for value in values if value not in found]
        if absent and len(found) <= MOST_SPELLINGS:
            raise UsageError(f'{where} is {_list(absent)} in no row, but label lists it under {key}: {holds}')
    others = [value for value in found if value not in label.positive]
    if len(others) > 1 and not label.negative:
        many = f'more than {MOST_SPELLINGS:,}' if len(found) > MOST_SPELLINGS else f'{len(found)}'
        raise UsageError(
            f'{where} has {many} spellings, and label lists {_list(label.positive)} as positive: list the negative '
            f'spellings, too, under negative; rows with any other spelling are bad rows; {holds}'
        )


def _check_classes(label: LabelPlan, labels: np.ndarray, split_of: np.ndarray, names: Mapping[str, str]) -> None:
    """Raises UsageError if a split has no row, or rows of one class only."""
    counts = np.zeros((len(SPLITS), 2), np.int64)
    for start in range(0, len(labels), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        places = split_of[rows] * np.int8(2) + labels[rows].astype(np.int8)
        counts += np.bincount(places, minlength=counts.size).reshape(counts.shape)
    rule = (
        f'above {label.above:g}'
        if label.above is not None
        else f'above {HALF:g}'
        if label.soft
        else f'one of {_list(label.positive)}'
        if label.positive
        else '1'
    )
    for value, row_rule in ((1, f'is {rule} in no row'), (0, f'is {rule} in every row')):
        if not counts[:, value].any():
            raise UsageError(
                f'the label, column {label.column!r}, {row_rule} of {counts.sum():,}: a model needs rows of both '
                'classes'
            )
    for name, (negative, positive) in zip(SPLITS, counts.tolist(), strict=True):
        if not negative + positive:
            raise UsageError(
                f'the split {names[name]} has no row: choose the split so that training, validation and test all have '
                f'rows of both classes'
            )
        if not negative or not positive:
            raise UsageError(
                f'the split {names[name]} has {counted(negative + positive, "row")}, of which '
                f'{"all" if positive else "none"} are positive, so a model cannot learn or be measured on it: '
                f'choose the split so that training, validation and test all have rows of both classes'
            )


def _counted(found: dict[str, np.ndarray], names: Mapping[str, str]) -> str:
    """The most frequent spellings in words, each with its number of rows and its splits."""
    common = sorted(found, key=lambda value: (-found[value].sum(), value))[:_SHOWN]
    told = [
        f'{value[:40]!r} ({counted(found[value].sum(), "row")}: '
        + ', '.join(names[name] for name, count in zip(SPLITS, found[value].tolist(), strict=True) if count)
        + ')'
        for value in common
    ]
    return ', '.join(told) + (', ...' if len(found) > _SHOWN else '')


def _list(values: list[str] | tuple[str, ...]) -> str:
    """The first values, in words."""
    return ', '.join(repr(value[:40]) for value in values[:_SHOWN]) + (', ...' if len(values) > _SHOWN else '')
