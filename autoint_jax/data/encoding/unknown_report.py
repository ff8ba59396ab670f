"""The report on values that are unknown or missing: a table of the most affected fields, and warnings."""

import math
from collections.abc import Iterable

from autoint_jax.data.encoding.unknown_values import Record
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.terminal import shown
from autoint_jax.units import counted

# There is a warning if the share of unknown values in a split is above LARGE and exceeds the share in training by MORE,
# or if the shares of missing values in a split and in training differ by LARGE.
LARGE, MORE = 0.2, 0.1
SHOWN = 10  # most fields in the table
WARNED = 5  # most warnings
_CALLED = {'valid': 'validation', 'test': 'test'}
_WIDEST = 30  # most characters of a field's name


def lines(record: Record) -> list[str]:
    """Returns a table of the most affected fields, and warnings on those with many unknown or missing values."""
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
            f'  and {counted(len(affected) - SHOWN, "field")} more, each with at most {_percent(rest)} unknown or '
            'missing in a split'
        )
    warnings = [warning for name in affected for warning in _warnings(name, fields[name])]
    if len(warnings) > WARNED:
        warnings[WARNED:] = [f'WARNING: and {counted(len(warnings) - WARNED, "warning")} more of this kind']
    return found + warnings


class _Shares:
    """The shares of unknown and missing values of a field in a split.

    Attributes:
      unknown: unknown values, as a share of the values.
      missing: rows without a value, as a share of the rows.
      rows: number of rows.
      chance: by how much the shares may differ by chance in so few rows: at most two standard errors.
    """

    def __init__(self, rows: int, values: int, unknown: int, missing: int):
        self.unknown, self.missing, self.rows = unknown / max(values, 1), missing / max(rows, 1), rows
        self.chance = 1 / math.sqrt(max(rows, 1))


def _weight(shares: dict[str, _Shares]) -> tuple[float, float]:
    """The key that orders the fields: how far other splits differ from training, then the largest share of all."""
    train, others = shares['train'], [shares[split] for split in SPLITS if split != 'train']
    return (
        round(max(max(one.unknown - train.unknown, abs(one.missing - train.missing)) for one in others), 1),
        _most(shares),
    )


def _most(shares: dict[str, _Shares]) -> float:
    """The largest share of unknown or missing values in a split."""
    return max(max(one.unknown, one.missing) for one in shares.values())


def _warnings(name: str, shares: dict[str, _Shares]) -> Iterable[str]:
    """Yields the warnings about a field."""
    train = shares['train']
    said = f"WARNING: field '{_short(name)}'"
    worst = max(('test', 'valid'), key=lambda split: shares[split].unknown)
    if shares[worst].unknown > max(LARGE, train.unknown + MORE + shares[worst].chance):
        yield (
            f'{said}: {_percent(shares[worst].unknown)} of its {_CALLED[worst]} values are unknown, because they are '
            'absent from training rows or too rare there; of its training values, '
            f'{_percent(train.unknown)} are too rare'
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
    """A name cut to _WIDEST characters, harmless to a terminal."""
    name = shown(name)
    return name if len(name) <= _WIDEST else f'{name[: _WIDEST - 3]}...'


def _percent(share: float) -> str:
    """A share in per cent. A share that is not exactly 0 or 1 is not shown as 0 % or 100 %."""
    if 0 < share < 0.0005:
        return '< 0.1 %'
    return '> 99.9 %' if 0.9995 <= share < 1 else f'{share:.1%}'.replace('%', ' %')
