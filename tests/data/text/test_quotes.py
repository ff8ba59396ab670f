"""Quotes enclose values, also over line ends. A stray quote costs its own line and no other."""

import random
import re

import pytest
from text_cases import COLUMNS, ROWS, SOUND, read_text

from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError


@pytest.mark.parametrize('block_bytes', [5, 40, 1000])
@pytest.mark.parametrize(
    'line, row',
    [
        ('0,5" phone,v,1', (0, '5" phone', 'v', 1)),
        ('0,a "b" c,5",1', (0, 'a "b" c', '5"', 1)),
        ('0,  "a, b"  , c ,1', (0, 'a, b', 'c', 1)),
        ('0,"say ""hi""","",1', (0, 'say "hi"', None, 1)),
        ('0,"""",\'v\',"1"', (0, '"', "'v'", 1)),
    ],
)
def test_quotes_within_a_line(tmp_path, line, row, block_bytes):
    rows, bad, _ = read_text(tmp_path, '\n'.join([*ROWS, line, *ROWS, '']), block_bytes=block_bytes)
    assert (rows, bad) == ([*SOUND, row, *SOUND], [])


@pytest.mark.parametrize('block_bytes', [5, 40, 1000])
@pytest.mark.parametrize(
    'lines, reason',
    [
        (['1,"a"b,v,1'], 'neither a separator nor a line end follows the closing quote'),
        (['1,"12 inch,b0,0.5', *ROWS * 30, '0,"a 5"" screen",b1,0.4'], 'neither a separator nor a line end follows'),
        (['1,"12 inch,b0,0.5', *ROWS * 30, '0,5",b1,0.4'], 'lines after it are rows by themselves'),
        (['1,"12 inch,b0,0.5', '0,5",b1,0.4'], 'lines after it are rows by themselves'),
    ],
)
def test_a_stray_quote_costs_its_own_line(tmp_path, lines, reason, block_bytes):
    """Lines after it that are rows are read, and none is merged with it."""
    whole = [*ROWS, *lines, *ROWS]
    rows, bad, tally = read_text(tmp_path, '\n'.join([*whole, '']), block_bytes=block_bytes)
    assert bad[0][0] == 3 and reason in bad[0][1]
    assert tally.rows + tally.bad == len(whole) and tally.spanning_rows == 0
    assert rows[:2] == rows[-2:] == SOUND and len(rows) >= len(whole) - 2


@pytest.mark.parametrize('seed', range(24))
def test_stray_quotes_cost_no_other_line(tmp_path, seed):
    """Quotes stand at random places of some lines. All other lines are read, or an error says what to do."""
    rng = random.Random(seed)
    lines, clean = [], []
    for number in range(rng.randint(1, 200)):
        quote = '"' if rng.random() < 0.3 else ''
        line = f'{number % 2},u{number},{quote}v {number}{quote},{number}'
        if rng.random() < 0.05:
            places = rng.sample(range(len(line) + 1), rng.randint(1, 3))
            line = ''.join('"' * (place in places) + character for place, character in enumerate(line + ' '))[:-1]
        else:
            clean.append((number % 2, f'u{number}', f'v {number}', number))
        lines.append(line)
    try:
        rows, _, tally = read_text(tmp_path, '\n'.join(lines), block_bytes=rng.choice([20, 500, 1 << 20]))
    except UsageError as error:
        assert re.search(r'line \d+ opens a quote " that is not closed .*write quote: none', str(error))
        line = lines[int(re.search(r'line (\d+)', str(error)).group(1)) - 1]
        assert ',"' in ',' + line
    else:
        assert tally.lines == len(lines) and tally.spanning_rows == 0
        assert [row for row in rows if row in set(clean)] == clean


@pytest.mark.parametrize('after', [0, 3, 5000])
def test_a_quote_that_never_closes_is_an_error_with_its_line(tmp_path, after):
    text = '\n'.join([*ROWS, '1,"a1,b0,0.2', *ROWS * after, ''])
    for block_bytes in (50, 1 << 20):
        with pytest.raises(UsageError, match='rows.csv line 3 opens a quote " that is not closed .*write quote: none'):
            read_text(tmp_path, text, block_bytes=block_bytes)
    rows, bad, _ = read_text(tmp_path, text, Layout(COLUMNS, separator=',', strip=True))
    assert bad == [] and rows[2] == (1, '"a1', 'b0', 0.2) and len(rows) == 3 + 2 * after


def test_rows_that_span_lines_are_read_and_said(tmp_path):
    rows, bad, tally = read_text(tmp_path, '0,"u\nsecond, line\n",v,0.5\n\n1,w,x,1.5\n1,"a\nb",c,2\n', block_bytes=9)
    assert rows == [(0, 'u\nsecond, line', 'v', 0.5), (1, 'w', 'x', 1.5), (1, 'a\nb', 'c', 2)] and bad == []
    assert (tally.lines, tally.row_lines, tally.blank, tally.spanning) == (7, 6, 1, [(1, 3), (6, 2)])
    assert (
        'rows.csv: 2 rows with a quoted value that goes on over line ends (lines 1 to 3, lines 6 to 7)'
        in tally.warnings()[0]
    )
