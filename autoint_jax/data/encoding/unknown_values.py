"""How many values of each field are unknown or missing in each split: what a model cannot learn from, or is tested without."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.errors import shown
from autoint_jax.schema import CATEGORICAL, NUMERIC, Schema

VALUES_KEY = 'values'  # of the manifest's preparation: {field: {split: {rows, values, unknown, missing}}}
_COUNTED = ('rows', 'values', 'unknown', 'missing')
LARGE = (
    0.2  # share of unknown values that is a warning where it is larger than in training by MORE; also a difference of
)
MORE = 0.1  # shares of missing values
SHOWN = 10  # fields in the table
WARNED = 5  # fields
_CALLED = {'valid': 'validation', 'test': 'test'}
_WIDEST = 30  # characters of a field's name

Record = dict[str, dict[str, dict[str, int]]]


class BlockSplits:
    """Which split each row of a block belongs to."""

    def __init__(self, split_of: np.ndarray):
        """`split_of` are numbers of splits, int8 [n]."""
        self._masks = [split_of == number for number in range(len(SPLITS))]
        self.rows = np.array([np.count_nonzero(mask) for mask in self._masks])

    def count(self, what: np.ndarray | None) -> np.ndarray:
        """Sums over the rows of each split, int64 [splits], of a count of each row or a mask [n]; None counts nothing."""
        if what is None:
            return np.zeros(len(SPLITS), np.int64)
        if what.dtype == bool:  # some times faster than picking rows
            return np.array([np.count_nonzero(what & mask) for mask in self._masks])
        return np.array([what[mask].sum(dtype=np.int64) for mask in self._masks])


class Counts:
    """Counts, by field and split, as blocks of rows come. Each field is counted by one thread at a time."""

    def __init__(self, fields: Iterable[str]):
        self._counts = {name: np.zeros((len(SPLITS), 4), np.int64) for name in fields}

    def add(self, name: str, rows: np.ndarray, values: np.ndarray, unknown: np.ndarray, missing: np.ndarray) -> None:
        """Adds the counts of a block, all int64 [splits]: its rows, its values, those that are unknown, rows without a value."""
        self._counts[name] += np.stack([rows, values, unknown, missing], 1)

    def record(self) -> Record:
        return {
            name: {
                split: dict(zip(_COUNTED, of_split, strict=True))
                for split, of_split in zip(SPLITS, counts.tolist(), strict=True)
            }
            for name, counts in self._counts.items()
        }


def of_columns(schema: Schema, splits: Mapping[str, Columns]) -> Record:
    """Counts of encoded columns. Id 0 of a categorical field counts as unknown, whether the value was missing or not; unknown
    values of a multivalued field are not to be told from none."""
    record: Record = {}
    slots, numeric_columns = schema.slots, schema.numeric_columns
    for field in schema.fields:
        record[field.name] = {}
        for split, columns in splits.items():
            rows = len(columns)
            if field.kind == NUMERIC:
                missing = int(np.isnan(columns.numeric[:, numeric_columns[field.name]]).sum())
                found = [rows, rows - missing, 0, missing]
            else:
                ids = columns.ids[:, slots[field.name]]
                found = (
                    [rows, rows, int((ids == 0).sum()), 0]
                    if field.kind == CATEGORICAL
                    else [rows, int((ids > 0).sum()), 0, int((ids == 0).all(1).sum())]
                )
            record[field.name][split] = dict(zip(_COUNTED, found, strict=True))
    return record


def lines(record: Record) -> list[str]:
    """A short table of the most affected fields, and a loud line for each field in which much is unknown or missing."""
    fields = {
        name: {split: _Shares(**counts) for split, counts in of_split.items()} for name, of_split in record.items()
    }
    affected = sorted(
        (name for name, shares in fields.items() if any(one.unknown or one.missing for one in shares.values())),
        key=lambda name: _weight(fields[name]),
        reverse=True,
    )
    if not affected:
        return ['no field has unknown or missing values'] if fields else []
    names = {name: _short(name) for name in affected[:SHOWN]}
    width = max(map(len, names.values()))
    found = [
        'values without an id of their own, and rows without a value, by field:',
        f'  {"":{width}}  '
        + ''.join(f'{f"unknown in {split}":>18}' for split in SPLITS)
        + ''.join(f'{f"missing in {split}":>18}' for split in SPLITS),
    ]
    for name in names:
        shares = [fields[name][split] for split in SPLITS]
        found.append(
            f'  {names[name]:{width}}  '
            + ''.join(f'{_percent(one.unknown):>18}' for one in shares)
            + ''.join(f'{_percent(one.missing):>18}' for one in shares)
        )
    if len(affected) > SHOWN:
        rest = max(_most(fields[name]) for name in affected[SHOWN:])
        found.append(
            f'  and {len(affected) - SHOWN} fields more, each with at most {_percent(rest)} unknown or missing in a split'
        )
    warnings = [warning for name in affected for warning in _warnings(name, fields[name])]
    if len(warnings) > WARNED:
        warnings[WARNED:] = [f'WARNING: and {len(warnings) - WARNED} warnings more of this kind']
    return found + warnings


class _Shares:
    def __init__(self, rows: int, values: int, unknown: int, missing: int):
        self.unknown, self.missing, self.rows = unknown / max(values, 1), missing / max(rows, 1), rows
        # Shares of few rows differ by chance: two standard errors at most.
        self.chance = 1 / math.sqrt(max(rows, 1))


def _weight(shares: dict[str, _Shares]) -> tuple[float, float]:
    """By what fields are ordered: how much more is unknown or missing than in training, then how much is at most."""
    train, others = shares['train'], [shares[split] for split in SPLITS if split != 'train']
    return (
        round(max(max(one.unknown - train.unknown, abs(one.missing - train.missing)) for one in others), 1),
        _most(shares),
    )


def _most(shares: dict[str, _Shares]) -> float:
    return max(max(one.unknown, one.missing) for one in shares.values())


def _warnings(name: str, shares: dict[str, _Shares]) -> Iterable[str]:
    train = shares['train']
    said = f"WARNING: field '{_short(name)}'"
    worst = max(('test', 'valid'), key=lambda split: shares[split].unknown)
    if shares[worst].unknown > max(LARGE, train.unknown + MORE + shares[worst].chance):
        yield (
            f'{said}: {_percent(shares[worst].unknown)} of its {_CALLED[worst]} values are not known from training rows, or too '
            f'rare there; of its training values, {_percent(train.unknown)} are too rare'
        )
    if all(one.missing == 1 for one in shares.values() if one.rows):
        yield f'{said} has no value in any row'
        return
    worst = max(('test', 'valid'), key=lambda split: abs(shares[split].missing - train.missing))
    if abs(shares[worst].missing - train.missing) > LARGE + shares[worst].chance:
        yield (
            f'{said} has no value in {_percent(shares[worst].missing)} of {_CALLED[worst]} rows and in '
            f'{_percent(train.missing)} of training rows'
        )


def _short(name: str) -> str:
    name = shown(name)
    return name if len(name) <= _WIDEST else f'{name[: _WIDEST - 3]}...'


def _percent(share: float) -> str:
    """A share that is neither 0 nor 1 is not shown as if it were."""
    if 0 < share < 0.0005:
        return '< 0.1 %'
    return '> 99.9 %' if 0.9995 <= share < 1 else f'{share:.1%}'.replace('%', ' %')
