"""Times as numbers, ISO dates or in a format, decided over all rows."""

import datetime

import polars as pl
import pytest

from autoint_jax.data.raw.times import formats_that_fit, read_times
from autoint_jax.errors import UsageError


def times(values, format=None, dtype=pl.String):
    return read_times(pl.Series(values, dtype=dtype), 'when', format).to_list()


@pytest.mark.parametrize(
    'values, expected',
    [
        (['10', '9', None, '-1'], [10, 9, None, -1]),
        (
            ['9007199254740993', '9007199254740992'],
            [9007199254740993, 9007199254740992],
        ),  # a float would make them equal
        (['99999999999999999999', '99999999999999999998', '1'], [3, 2, 1]),
        (['1.5', '10', '2e0'], [1, 3, 2]),
        (['20130101', '20131201', '20130431'], [20130101, 20131201, 20130431]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_numbers_are_whole_or_ranks(values, expected):
    assert times(values) == expected


@pytest.mark.parametrize(
    'values',
    [
        ['2024-01-31', '2024-02-01', '2023-12-31'],
        ['2024-01-31 12:00', '2024-01-31T12:00:01', '2024-01-31', '2024-01-31 12:00:00.5'],
        [
            '2024-01-31T10:00:00Z',
            '2024-01-31T10:00:00+02:00',
            '2024-01-31T10:30:00.25-05:30',
            '2024-01-31 10:00:01 +0000',
        ],
        ['0001-01-01', '9999-12-31 23:59:59.999999'],
        ['2024-01-31 00:00:00.123456789', '2024-01-31 00:00:00.123456788'],
    ],
)
def test_iso_dates_have_the_order_of_time(values):
    found = times(values)
    assert sorted(range(len(values)), key=found.__getitem__) == sorted(
        range(len(values)),
        key=lambda row: (datetime.datetime.fromisoformat(values[row].replace(' +', '+')), values[row]),
    )


@pytest.mark.parametrize(
    'form', ['%m/%d/%Y', '%d.%m.%Y %H:%M', '%y%m%d%H', '%d/%b/%Y:%H:%M:%S %z', '%I:%M %p %m-%d-%Y']
)
def test_formats_are_pythons(form):
    moments = [
        datetime.datetime(2013, 12, 1, 13, tzinfo=datetime.UTC) + datetime.timedelta(hours=37 * row)
        for row in range(50)
    ]
    found = times([moment.strftime(form) for moment in moments], form)
    assert found == sorted(found) and found[-1] > found[0]


@pytest.mark.parametrize(
    'values, form, message',
    [
        (
            ['12/01/2013', '12/13/2013'],
            None,
            "'12/01/2013', which is neither a number nor an ISO date.*write format: '%m/%d/%Y' in",
        ),
        (
            ['12/01/2013', '12/03/2013'],
            None,
            "write format: '%m/%d/%Y' or '%d/%m/%Y' \\(the values fit both: choose\\)",
        ),
        (
            ['1', '2', 'unknown'],
            None,
            "holds 'unknown', beside '1', which is neither .* list values that mean missing under missing",
        ),
        (['1', '2024-01-01'], None, "numbers, such as '1', and dates, such as '2024-01-01'"),
        (['2024-01-01', '2024-02-30'], None, "'2024-02-30', which is not a time"),
        (['2024-01-01T00:00:00Z', '2024-01-01T00:00:00'], None, 'with a zone'),
        (['01122013', '01132014'], None, "not in the order of time: write format: '%m%d%Y'"),
        (['1e400', '1'], None, "'1e400', which is too large"),
        (['12/01/2013', '13/13/2013'], '%m/%d/%Y', "'13/13/2013', which is not written in the format '%m/%d/%Y'"),
        (['12/01/2013'], '%m/%d/%Q', "'Q' is a bad directive"),
    ],
)
def test_other_times_are_refused_with_what_to_write(values, form, message):
    with pytest.raises(UsageError, match=message):
        times(values, form)


def test_columns_that_have_a_type():
    assert times([2**63 + 5, 1], dtype=pl.UInt64) == [2, 1]
    assert times([3, None, 1], dtype=pl.Int32) == [3, None, 1]
    moments = [datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 1)]
    assert times(moments, dtype=pl.Datetime) == sorted(times(moments, dtype=pl.Datetime), reverse=True)


def test_formats_that_fit():
    assert formats_that_fit(['31.12.2013 23:59']) == ['%d.%m.%Y %H:%M']
    assert formats_that_fit(['2024-01-31 1:05 PM']) == ['%Y-%m-%d %I:%M %p']
    assert formats_that_fit(['2024-01', '2024-12']) == ['%Y-%m']
    assert formats_that_fit(['1.1']) == []
