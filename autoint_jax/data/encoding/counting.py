"""Counts how often each value of a column occurs, exactly and in bounded memory."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import polars as pl

# Distinct values in memory; each takes about 12 bytes, and three times as many while tables are merged.
MOST_VALUES = 2_000_000
ROWS_AT_ONCE = 2_000_000


def counts(
    blocks: Callable[[], Iterable[pl.Series]],
    keep: Callable[[pl.DataFrame], pl.DataFrame] = lambda table: table,
    before: Callable[[], Iterable[pl.DataFrame]] = lambda: (),
) -> pl.DataFrame:
    """Returns a table of the values and their counts, columns `value` and `count`, sorted by value; null is left out.

    Most columns are read once. If a column has more than MOST_VALUES distinct values, those with an odd hash are left
    to another pass over the blocks, and if there are still too many, those with a 1 in the next bit of the hash, and so
    on. So a column in which every value differs does not fill the memory.

    Args:
      blocks: returns the column's values, block by block; it is called once for each pass.
      keep: the counts of some of the values -> the rows to keep of them.
      before: returns tables of values and their counts, columns `value` and `count`, to which these blocks add.
    """
    kept = []
    parts = [(1, 0)]  # (divisor, remainder) of the hashes of the values that a pass counts
    while parts:
        divisor, rest = parts.pop()
        tables: list[pl.DataFrame] = []
        counted: Iterator[pl.Series | pl.DataFrame] = itertools.chain(before(), _joined(blocks()))
        for found in counted:
            tables.append(_table(found, divisor, rest))
            # A table is merged only into one of at most twice its size, so that the work is O(n log n).
            while len(tables) > 1 and tables[-2].height <= 2 * tables[-1].height:
                tables.append(_merged([tables.pop(), tables.pop()]))
            while sum(table.height for table in tables) > MOST_VALUES:
                parts.append((2 * divisor, rest + divisor))
                divisor *= 2
                tables = [_part(table, divisor, rest) for table in tables]
        if tables:
            kept.append(keep(_merged(tables)))
    if not kept:
        return pl.DataFrame({'value': [], 'count': []})
    return pl.concat(kept).sort('value')


def _table(found: pl.Series | pl.DataFrame, divisor: int, rest: int) -> pl.DataFrame:
    """Values, or a table of values and counts -> a table of those whose value has a hash with that remainder."""
    if isinstance(found, pl.DataFrame):
        return _part(found, divisor, rest)
    values = found.alias('value').drop_nulls()
    return _counted(_part(values.to_frame(), divisor, rest)['value'])


def _part(table: pl.DataFrame, divisor: int, rest: int) -> pl.DataFrame:
    """The rows of a table whose value has a hash with that remainder."""
    return table if divisor == 1 else table.filter(pl.col('value').hash(0) % divisor == rest)


def _joined(blocks: Iterable[pl.Series]) -> Iterator[pl.Series]:
    """Joins blocks into larger ones of about ROWS_AT_ONCE rows."""
    waiting, rows = [], 0
    for block in blocks:
        waiting.append(block)
        rows += len(block)
        if rows >= ROWS_AT_ONCE:
            yield pl.concat(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pl.concat(waiting)


def _counted(values: pl.Series) -> pl.DataFrame:
    """Values -> a table of them and their counts.

    Integers are sorted, which is faster than hashing; so are their tables.
    """
    if not values.dtype.is_integer():
        return values.value_counts(name='count')
    distinct, number = np.unique(values.to_numpy(), return_counts=True)
    return pl.DataFrame({'value': distinct, 'count': number.astype(np.uint32)})


def _merged(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """One table of the values and their summed counts."""
    if len(tables) == 1:
        return tables[0]
    table = pl.concat(tables)
    if not table.height:
        return table
    if not table['value'].dtype.is_integer():
        return table.group_by('value').agg(pl.col('count').sum())
    order = np.argsort(table['value'].to_numpy(), kind='stable')  # a merge of sorted runs
    values = table['value'].to_numpy()[order]
    first = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return pl.DataFrame(
        {'value': values[first], 'count': np.add.reduceat(table['count'].to_numpy()[order], first, dtype=np.uint32)}
    )
