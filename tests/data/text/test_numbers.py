"""Numbers are read with the declared marks of decimals and thousands; others are bad rows or missing."""

import pytest
from text_cases import read_text

from autoint_jax.data.text.layout import Layout

NUMBERS = Layout((('y', 'integer'), ('x', 'real')), separator=';', strip=True)


@pytest.mark.parametrize(
    'decimal, thousands, values, expected',
    [
        (',', '', ['1,5', '-0,25', ',5', '7', '1e3'], [1.5, -0.25, 0.5, 7, 1000]),
        (',', '.', ['1.234,5', '12.345.678', '1234,5', '0,5'], [1234.5, 12345678, 1234.5, 0.5]),
        ('.', ',', ['1,234.5', '12,34,567', '1234'], [1234.5, 1234567, 1234]),
        ('.', "'", ["1'234.5"], [1234.5]),
        (',', ' ', ['1 234,5', '1\u00a0234,5', '1\u202f234'], [1234.5, 1234.5, 1234]),
    ],
)
def test_decimal_and_thousands_marks(tmp_path, decimal, thousands, values, expected):
    layout = Layout(NUMBERS.columns, separator=';', strip=True, decimal=decimal, thousands=thousands)
    rows, bad, _ = read_text(tmp_path, ''.join(f'1;{value}\n' for value in values), layout)
    assert bad == [] and [x for _, x in rows] == expected


@pytest.mark.parametrize(
    'decimal, thousands, value',
    [
        ('.', '', '1,5'),
        ('.', '', '1.234.567'),
        (',', '.', '12.5'),
        (',', '.', '1.23,5'),
        ('.', ',', '1,23'),
        (',', '', '1.5'),
        ('.', ',', '1234,567,8'),
    ],
)
def test_numbers_with_other_marks_are_bad_rows(tmp_path, decimal, thousands, value):
    layout = Layout(NUMBERS.columns, separator=';', strip=True, decimal=decimal, thousands=thousands)
    _, bad, _ = read_text(tmp_path, f'1;{value}\n', layout)
    assert [line for line, _ in bad] == [1] and f'holds {value!r}, not a number' in bad[0][1] and 'decimal' in bad[0][1]


@pytest.mark.parametrize('strip', [False, True])
def test_infinite_numbers_are_bad_or_missing(tmp_path, strip):
    values = ['1', 'inf', '-Infinity', '1e39', '-3.5e38', 'nan', '', '3.4e38']
    text = ''.join(f'1;{value}\n' for value in values)
    rows, bad, _ = read_text(tmp_path, text, Layout(NUMBERS.columns, separator=';', strip=strip))
    assert rows == [(1, 1.0), (1, None), (1, None), (1, 3.4e38)]
    assert [line for line, _ in bad] == [2, 3, 4, 5]
    assert "column 'x' holds '1e39', which is infinite or too large for float32 (infinite: missing" in bad[2][1]
    rows, bad, _ = read_text(tmp_path, text, Layout(NUMBERS.columns, separator=';', strip=strip, infinite='missing'))
    assert bad == [] and [x for _, x in rows] == [1.0, None, None, None, None, None, None, 3.4e38]
