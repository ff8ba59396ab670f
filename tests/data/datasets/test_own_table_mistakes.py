"""Mistakes in the declaration or the files of an own table are named."""

import pytest
from own_table_cases import DECLARATION, own_table, prepare

from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return own_table(tmp_path)


MISTAKES = {
    'unknown key': ('files:', 'file:', "unknown key 'file' \\(did you mean 'files'\\?\\)"),
    'unknown key of a field': (
        'cap: 21',
        'caps: 21',
        "line 11: unknown key 'caps' in field 'city' \\(did you mean 'cap'",
    ),
    'unknown kind': (
        'kind: multivalued, separator: ",", shares',
        'kind: multivalue, shares',
        "field 'likes', key 'kind' is 'multivalue' \\(did you mean 'multivalued'",
    ),
    'unknown transform': (
        'transform: standard',
        'transform: standart',
        "'transform' is 'standart' \\(did you mean 'standard'.* one of none",
    ),
    'no such column': (
        'name: hours',
        'name: hour',
        "uses column 'hour', which .*part-0.csv does not have \\(did you mean 'hours'",
    ),
    'no such file': (
        'part-*.csv',
        'parts-0.csv',
        "parts-0.csv, named in .*does not exist \\(did you mean 'part-0.csv'",
    ),
    'no buckets': ('transform: quantiles, buckets: 5', 'transform: quantiles', 'how many buckets'),
    'no such field to share': ('shares: tags', 'shares: tag', "shares 'tag'.*did you mean 'tags'"),
    'a field twice': ('name: town', 'name: city', "two fields are named 'city'"),
    'two splits': ('split: {column', 'split: {random: {}, column', 'split must be one of'),
    'a value of no split': (
        'train: [a, b]',
        'train: [a]',
        "split column 'part' holds 'b', which is a value of no split, in 169 rows",
    ),
    'not YAML': ('fields:', 'fields: [', 'neither YAML nor JSON'),
    'text as number': ('name: hours, kind', 'name: hours, column: city, kind', "'city' is used as numbers and as text"),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_mistakes_are_named(folder, mistake):
    old, new, message = MISTAKES[mistake]
    assert old in DECLARATION
    (folder / 'mine.yaml').write_text(DECLARATION.replace(old, new))
    with pytest.raises(UsageError, match=message):
        prepare(folder / 'mine.yaml')


def test_a_column_that_is_needed_must_have_a_name_of_its_own(folder):
    for number in range(2):
        path = folder / f'part-{number}.csv'
        path.write_text(path.read_text().replace('likes', 'hours', 1))
    with pytest.raises(UsageError, match="part-0.csv has two columns named 'hours'"):
        prepare(folder / 'mine.yaml')


def test_other_columns_in_a_second_file_are_named(folder):
    path = folder / 'part-1.csv'
    path.write_text(path.read_text().replace('gain', 'gains', 1))
    with pytest.raises(UsageError, match="part-1.csv has no column 'gain' \\(did you mean 'gains'"):
        prepare(folder / 'mine.yaml')
