"""Columns of Parquet files of every type: read as what they mean, or refused in a sentence."""

import concurrent.futures
import datetime
import decimal

import polars as pl
import pytest

from autoint_jax.data.raw.parquet_files import ParquetSource
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError

DAY, MOMENT = datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31, 12, 0, 5)


def read(tmp_path, values, kind='text', separators=None):
    """Returns a column of a file, read as a type of the layout. All values of the other column are 'a'."""
    path = tmp_path / 'table.parquet'
    pl.DataFrame({'x': values, 'a': ['a'] * len(values)}).write_parquet(path)
    source = ParquetSource([path], Layout((('x', kind), ('a', 'text')), strip=True), ['x', 'a'], separators or {})
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        raws = [raw for raw, _ in source.rows(threads, None, lambda _, raw: raw)]
    assert [(tally.lines, tally.rows + tally.bad) for tally in source.tallies] == [(len(values), len(values))]
    return [value for raw in raws for value in raw.frame['x']], [
        (row.line, row.reason) for raw in raws for row in raw.bad
    ]


@pytest.mark.parametrize(
    'values, expected',
    [
        (pl.Series([1, None], dtype=pl.Int8), ['1', None]),
        (pl.Series([True, False, None]), ['true', 'false', None]),
        (pl.Series([DAY, None]), ['2024-01-31', None]),
        (pl.Series([MOMENT]), ['2024-01-31 12:00:05.000000']),
        (pl.Series([datetime.time(1, 2)]), ['01:02:00']),
        (pl.Series([decimal.Decimal('1.50')]), ['1.50']),
        (pl.Series([b'caf\xc3\xa9', None]), ['café', None]),
        (pl.Series(['x', 'y'], dtype=pl.Categorical), ['x', 'y']),
        (pl.Series([None, None]), [None, None]),
    ],
)
def test_plain_types_as_text(tmp_path, values, expected):
    assert read(tmp_path, values) == (expected, [])


def test_plain_types_as_numbers(tmp_path):
    assert read(tmp_path, pl.Series([True, False, None]), 'real') == ([1, 0, None], [])
    assert read(tmp_path, pl.Series([decimal.Decimal('1.50')]), 'real') == ([1.5], [])
    values, bad = read(tmp_path, pl.Series([1.5, float('inf'), float('nan'), None, -1e300]), 'real')
    assert (
        values == [1.5, None, None] and [line for line, _ in bad] == [2, 5] and "'inf', which is infinite" in bad[0][1]
    )


def test_floats_in_columns_of_whole_numbers(tmp_path):
    """pandas holds whole numbers as floats if some are missing."""
    given = [7.0, float('nan'), None, -3.0, 2.5, float('inf'), 2.0**53, 2.0**60]
    values, bad = read(tmp_path, pl.Series(given), 'integer')
    assert values == [7, None, None, -3, 2**53] and [line for line, _ in bad] == [5, 6, 8]
    assert read(tmp_path, pl.Series([7.0, None], dtype=pl.Float32), 'unsigned')[0] == [7, None]
    assert read(tmp_path, pl.Series([7.0]), 'text')[0] == ['7.0']


@pytest.mark.parametrize(
    'values, expected',
    [
        (pl.Series([[1, 2], [], None]), ['1,2', None, None]),
        (pl.Series([['a', None, 'b'], ['c']]), ['a,b', 'c']),
        (pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)), ['1,2', '3,4']),
    ],
)
def test_lists_of_multivalued_fields(tmp_path, values, expected):
    assert read(tmp_path, values, separators={'x': ','}) == (expected, [])


@pytest.mark.parametrize(
    'values, separators, message',
    [
        (
            pl.Series([[1, 2]]),
            {},
            r"column 'x' holds lists \(List\(Int64\)\), so its field must have kind: multivalued",
        ),
        (pl.Series([['a,b']]), {'x': ','}, "holds lists with 'a,b', which has the separator ',' of its field in it"),
        (pl.Series([[[1]]]), {'x': ','}, r'of the type List\(List\(Int64\)\), which is not a value of a field'),
        (pl.Series([{'p': 1}]), {}, 'of the type Struct'),
        (pl.Series([[{'key': 'a', 'value': 1}]]), {'x': ','}, r'of the type List\(Struct'),
        (pl.Series([datetime.timedelta(1)]), {}, 'of the type Duration'),
        (pl.Series([b'\xff\xfe']), {}, r"column 'x' \(Binary\) holds bytes that are not UTF-8"),
    ],
)
def test_other_types_are_refused(tmp_path, values, separators, message):
    with pytest.raises(UsageError, match=message):
        read(tmp_path, values, separators=separators)


def test_a_damaged_file_is_named(tmp_path):
    read(tmp_path, pl.Series([f'{row * row}' for row in range(20_000)]))
    path = tmp_path / 'table.parquet'
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + bytes(2000) + whole[3000:])
    source = ParquetSource([path], Layout((('x', 'text'),)), ['x'], {})
    with (
        concurrent.futures.ThreadPoolExecutor(1) as threads,
        pytest.raises(UsageError, match='cannot be read as Parquet'),
    ):
        list(source.rows(threads, None, lambda _, raw: raw))
