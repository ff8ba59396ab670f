"""Drafts of declarations: what they guess of the header."""

import pytest
from draft_cases import ROWS, column, drafted, prepared, table

from autoint_jax.data.datasets.drafting.header import header_of
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.errors import UsageError

HEADERS = {
    'words above numbers': ('clicked,city,age', ROWS, True),
    'the first name is empty, as pandas writes an index': (
        ',clicked,age',
        [[i, *row[::2]] for i, row in enumerate(ROWS)],
        True,
    ),
    'names that repeat': ('clicked,city,city', ROWS, True),
    'numbers of columns as names': ('0,1,2', ROWS, True),
    'numbers of columns from 1': ('1,2,3,4', [[*row, row[1]] for row in ROWS], True),
    'an index and numbers of columns': (',0,1,2', [[i, *row] for i, row in enumerate(ROWS)], True),
    'years as names beside a word': ('label,2019,2020', [[i % 2, i * 7 % 13, i * 5 % 11] for i in range(60)], True),
    'words only': ('sex,job,buys', [['fm'[i % 2], f'j{i % 5}', ['no', 'yes'][i % 3 == 0]] for i in range(60)], True),
    'a row of data': ('1,c0,3.5', ROWS, False),
    'a row of data with a missing number': ('1,c0,?', ROWS, False),
    'a row of data with an empty cell': ('1,c0,', ROWS, False),
    'a row of words that repeat': (
        'f,j1,no',
        [['fm'[i % 2], f'j{i % 5}', ['no', 'yes'][i % 3 == 0]] for i in range(60)],
        False,
    ),
    'numbers only': ('1,2,4', [[i % 2, i * 7 % 13, i * 5 % 11] for i in range(60)], False),
}


@pytest.mark.parametrize('case', HEADERS)
def test_the_header_is_told_by_the_rows_below_it(case):
    first, rows, expected = HEADERS[case]
    cells = first.split(',')
    columns = [column(cell, texts) for cell, texts in zip(cells, zip(*rows, strict=True), strict=True)]
    found = header_of(cells, columns)
    assert found.present == expected, found.reason
    assert found.reason


@pytest.mark.parametrize(
    'first, names',
    [
        ('clicked,city,city', ['clicked', 'city', 'city_3']),
        (',city,age', None),
        ('clicked,,', ['clicked', 'column_2', 'column_3']),
        ('clicked,city', ['clicked', 'city', 'column_3']),
    ],
)
def test_a_header_whose_names_cannot_be_used_gives_a_draft_that_prepares(tmp_path, first, names):
    """Names that repeat, are empty or too few are replaced; the header is skipped and never read as a row."""
    rows = ROWS if names else [[i, *row[:2]] for i, row in enumerate(ROWS)]
    first, names = (first, names) if names else (',clicked,city', ['column_1', 'clicked', 'city'])
    text, schema = drafted(tmp_path, 'a.csv', first + '\n' + table(*[rows[0], rows[1:]]))
    assert list(schema.columns) == names and 'in place of the names in the file' in text
    data = prepared(tmp_path)
    assert (
        sum(split['rows'] for split in data.manifest['splits'].values()) == len(rows) and not data.manifest['bad_rows']
    )


def test_names_in_place_of_those_of_a_header(tmp_path):
    """Declared names are those of the columns at their places.

    Another header in a second file, and these names in another order, are errors.
    """
    declare = lambda columns: (tmp_path / 'draft.yaml').write_text(  # noqa: E731
        f'files: [a.csv, b.csv]\nheader: true\n{columns}label: {{column: y}}\nfields: [{{name: city}}]\n'
    )
    for name in ('a', 'b'):
        (tmp_path / f'{name}.csv').write_text('y,x,x\n' + table(ROWS[0], ROWS[1:]))
    declare('columns: [y, city, age]\n')
    data = prepared(tmp_path)
    assert sum(split['rows'] for split in data.manifest['splits'].values()) == 120 and not data.manifest['bad_rows']
    (tmp_path / 'new.csv').write_text('x,x\nc1,2.5\n')
    assert encode_files(data, [tmp_path / 'new.csv']).columns.ids.tolist() == [[2]]
    declare('')
    with pytest.raises(
        UsageError, match=r"a.csv has two columns named 'x'.*header: true, as in columns: \[\"y\", \"x\", \"x_3\"\]"
    ):
        prepared(tmp_path)
    declare('columns: [y, city, age]\n')
    (tmp_path / 'b.csv').write_text('y,city,age\n' + table(ROWS[0], ROWS[1:]))
    with pytest.raises(UsageError, match='b.csv has another header than .*a.csv'):
        prepared(tmp_path)
    (tmp_path / 'a.csv').write_text('y,age,city\n' + table(ROWS[0], ROWS[1:]))
    with pytest.raises(
        UsageError, match='a.csv has the columns that the declaration names, but in another order: y, age, city'
    ):
        prepared(tmp_path)
