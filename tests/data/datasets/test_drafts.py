"""Drafts of declarations: what they guess of the header, the label, kinds and times, each on small tables."""

import re

import numpy as np
import pytest
from draft_cases import ROWS, column, drafted, prepared, table

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting import labels
from autoint_jax.data.datasets.drafting.fields import kind_of
from autoint_jax.data.datasets.drafting.header import header_of
from autoint_jax.data.datasets.drafting.words import label_rank, names_a_measure, names_a_time, names_ids
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.errors import UsageError

# --- The header.

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
    """They name the columns at their places. A header in another order, or of another file, is an error."""
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


# --- The label.


@pytest.mark.parametrize(
    'values, rule',
    [
        ('0 1 0 0', ''),
        ('0.0 1.0 0.0', ''),
        ('1 1 1 0', ''),
        ('-1 1 -1', ', above: 0'),
        ('-1 +1 -1', ', above: 0'),
        ('no yes no', ', positive: ["yes"], negative: ["no"]'),
        ('yes yes yes no', ', positive: ["yes"], negative: ["no"]'),
        ('False True', ', positive: ["True"], negative: ["False"]'),
        ('n y n', ', positive: ["y"], negative: ["n"]'),
        ('<=50K >50K <=50K', ', positive: [">50K"], negative: ["<=50K"]'),
        ('<=50K >50K. >50K <=50K. <=50K', ', positive: [">50K", ">50K."], negative: ["<=50K", "<=50K."]'),
        ('Yes no YES No no no', ', positive: [YES, Yes], negative: [No, no]'),
        ('click noclick click', ', positive: [click], negative: [noclick]'),
        ('2 1 1 1', ', positive: ["2"], negative: ["1"]'),
        ('1 2 2 2', ', positive: ["1"], negative: ["2"]'),
        ('good bad bad good good', ', positive: [good], negative: [bad]'),
        ('non oui oui', ', positive: [oui], negative: [non]'),
        ('nein ja ja', ', positive: [ja], negative: [nein]'),
        ('a a b a', ', positive: [b], negative: [a]'),
        ('x x y y z', ', positive: [z], negative: [x, "y"]'),
    ],
)
def test_the_rarer_class_is_positive_unless_its_word_says_otherwise(values, rule):
    found = labels.found([column('label', values.split())], named=True)
    assert found.rule.replace('"', '') == f'{{column: label{rule}}}'.replace('"', '')


@pytest.mark.parametrize(
    'names, label',
    [
        (['click_count', 'click'], 'click'),
        (['user_label_id', 'label'], 'label'),
        (['is_weekend', 'is_click'], 'is_click'),
        (['gender', 'converted'], 'converted'),
        (['clicks_total', 'Purchased'], 'Purchased'),
        (['smoker', 'isClicked'], 'isClicked'),
        (['installed', 'install_time'], 'installed'),
        (['SEX', 'default.payment.next.month'], 'default.payment.next.month'),
        (['x', 'Y'], 'Y'),
        (['last_click', 'has_bought'], 'has_bought'),
    ],
)
def test_the_label_is_told_by_its_words(names, label):
    assert labels.found([column(name, [0, 1, 0] * 10) for name in names], named=True).column == label


def test_a_label_with_two_values_comes_before_a_name_with_many():
    titanic = [column('class', [1, 2, 3] * 20), column('survived', [0, 1, 0] * 20)]
    assert labels.found(titanic, named=True).column == 'survived'
    stars = labels.found([column('gender', list('mf') * 30), column('rating', [1, 2, 3, 4, 5, 5] * 10)], named=True)
    assert stars.rule == '{column: rating, above: 3}' and 'a guess' in stars.reason


@pytest.mark.parametrize(
    'columns, label',
    [
        ([('c1', 'ab' * 9), ('c2', '01' * 9)], 'c2'),
        ([('c1', '01' * 9), ('c2', '010' * 6)], 'c1'),
        ([('c1', 'abc' * 6), ('c2', 'ab' * 9)], 'c2'),
    ],
)
def test_without_names_a_column_with_two_values_is_a_guess(columns, label):
    found = labels.found([column(name, texts) for name, texts in columns], named=False)
    assert found.column == label and 'a guess' in found.reason


def test_counts_are_a_label_if_nothing_else_is():
    clicks = column('clicks', [0, 0, 0, 2, 1] * 9)
    assert labels.found([clicks, column('cost', [1.5, 2] * 22 + [3])], named=True).rule == '{column: clicks, above: 0}'
    assert labels.found([clicks, column('converted', [0, 1, 0] * 15)], named=True).column == 'converted'


def test_other_outcomes_are_pointed_out(tmp_path):
    rows = [[f'u{i % 7}', i % 2, int(i % 5 == 0)] for i in range(90)]
    text, schema = drafted(tmp_path, 'a.csv', table(['user', 'is_click', 'is_like'], rows))
    assert schema.plan.label.column == 'is_click'
    assert re.search(
        r'name: is_like, .*its name is that of a label, too: leave it out if it is known only afterwards', text
    )


def test_numbers_with_a_unit_are_pointed_out():
    for texts in (['$92.13', '$7'], ['12%', '7.5%'], ['3 €', '4,50 €']):
        assert 'numbers with a unit' in kind_of(column('x', texts * 20)).reason
    for texts in (['3b', '7c'], ['10:30', '11:00'], ['a', '$']):
        assert 'numbers with a unit' not in kind_of(column('x', texts * 20)).reason


def test_no_label_is_said_where_none_is_found(tmp_path):
    rows = [[f'u{i % 7}', f'i{i % 11}', 1 + i % 5, 880000000 + 977 * i] for i in range(90)]
    text, schema = drafted(tmp_path, 'u.data.tsv', table(rows[0], rows[1:], '\t'))
    assert schema is None and '# No label found' in text and '# label: {column: column_3, above: 3}' in text
    (tmp_path / 'draft.yaml').write_text(
        text.replace('# label: {column: column_3', 'label: {column: column_3').replace(
            '- {name: column_3', '# - {name: column_3'
        )
    )
    assert prepared(tmp_path).schema.names == ['column_1', 'column_2']
    (tmp_path / 'draft.yaml').write_text(text)
    with pytest.raises(UsageError, match="has no 'label'"):
        load(tmp_path / 'draft.yaml')


def test_a_copy_of_the_label_is_no_field(tmp_path):
    rows = [[i % 2, f'c{i % 3}', ['no', 'yes'][i % 2]] for i in range(60)]
    text, schema = drafted(tmp_path, 'a.csv', table(['click', 'city', 'bought'], rows))
    assert [field.name for field in schema.plan.fields] == ['city']
    assert 'left out: it tells the label, click, in every row' in text


def test_a_copy_of_a_column_is_no_field(tmp_path):
    text, schema = drafted(
        tmp_path, 'a.csv', table(['click', 'city', 'town'], [[i % 2, f'c{i % 3}', f'c{i % 3}'] for i in range(60)])
    )
    assert [field.name for field in schema.plan.fields] == ['city'] and 'it is the same as city in every row' in text


def test_labels_that_are_missing_are_said(tmp_path):
    rows = [['' if i % 10 == 0 else i % 2, f'c{i % 3}'] for i in range(200)]
    text, _ = drafted(tmp_path, 'a.csv', table(['click', 'city'], rows))
    (share,) = re.findall(r'20 rows have none and are bad: allow them by --max_bad_share=([\d.]+)', text)
    assert prepared(tmp_path, float(share)).manifest['bad_rows'] == 20


def test_few_rows_of_a_class_get_larger_shares(tmp_path):
    rows = [[int(i % 9 == 0), f'c{i % 3}'] for i in range(60)]
    text, _ = drafted(tmp_path, 'a.csv', table(['click', 'city'], rows))
    assert 'random: {valid: 0.15, test: 0.15, seed: 0}' in text and 'only 7 of the rarer class' in text
    assert all(split['positives'] for split in prepared(tmp_path).manifest['splits'].values())


# --- Kinds.


@pytest.mark.parametrize(
    'name, texts, kind',
    [
        ('user_id', [1000 + i % 40 for i in range(120)], 'categorical'),
        ('uid', [i % 40 for i in range(120)], 'categorical'),
        ('userId', [i % 40 for i in range(120)], 'categorical'),
        ('itemid', [i % 40 for i in range(120)], 'categorical'),
        ('zip', [10000 + 37 * (i % 90) for i in range(120)], 'categorical'),
        ('adid', [i % 40 for i in range(120)], 'categorical'),
        ('x', [f'{i % 40:05d}' for i in range(120)], 'categorical'),
        ('pid', [f'430{i % 30}_1007' for i in range(120)], 'categorical'),
        ('x', [7 + i % 9 for i in range(120)], 'categorical'),
        ('C14', [15000 + i % 22 for i in range(200)], 'categorical'),
        ('movie', [1.0 * (i % 40) for i in range(120)], 'categorical'),
        ('hour', [i % 24 for i in range(120)], 'categorical'),
        ('age', [17 + i % 60 for i in range(1200)], 'numeric'),
        ('item_price', [i % 60 for i in range(1200)], 'numeric'),
        ('bid', [0.1 * (i % 7) for i in range(120)], 'numeric'),
        ('x', [1.37 * i for i in range(120)], 'numeric'),
        ('salary', [1000 * i for i in range(120)], 'numeric'),
        ('num_views', [i * i % 97 for i in range(500)], 'numeric'),
        ('user_count', [i % 40 for i in range(1000)], 'numeric'),
        ('x', ['1e-3', '2.5E4', '-7.5', '.5'] * 30, 'numeric'),
        ('x', [i * i % 9973 for i in range(120)], 'numeric'),
        ('counts', [1, 2, 3, *range(0, 5000, 37)] * 3, 'numeric'),
        ('city', ['New York', 'Rome', "L'Aquila"] * 20, 'categorical'),
        ('tags', ['a|b', 'a', 'b|c'] * 20, 'multivalued'),
        ('tags', ['a, b', 'a', 'b, c', 'c, a'] * 20, 'multivalued'),
        ('tags', ['a\x02b', 'a'] * 20, 'multivalued'),
        ('place', [f'City{i % 50}, Land{i % 2}' for i in range(200)], 'categorical'),
        ('flag', ['true', 'false'] * 30, 'categorical'),
        ('when', ['12/01/2013'] * 60, None),
        ('x', [''] * 60, None),
        ('row', range(60), None),
        ('id', [97 * i % 1009 for i in range(100)], None),
        ('text', [f'{i} ' + 'word ' * 20 for i in range(60)], None),
    ],
)
def test_kinds_of_columns(name, texts, kind):
    found = kind_of(column(name, texts))
    assert (found.rule and re.match(r'kind: (\w+)', found.rule)[1]) == kind, found
    assert found.reason


def test_words_of_names():
    assert all(
        map(
            names_ids,
            ['user', 'user_id', 'userId', 'userid', 'UserID', 'item_code', 'zip', 'ad', 'adid', 'pid', 'device_type'],
        )
    )
    assert not any(
        map(
            names_ids,
            ['paid', 'bid', 'grid', 'valid', 'humid', 'covid', 'age', 'user_age', 'item_count', 'x', '', '42'],
        )
    )
    assert all(map(names_a_measure, ['age', 'itemPrice', 'num_views', 'n_rooms', 'click_rate']))
    assert all(map(names_a_time, ['timestamp', 'time_stamp', 'created_at', 'eventTime', 'date', 'ts', 'when']))
    assert not any(map(names_a_time, ['time_count', 'play_duration', 'status', 'data']))
    ranks = {'Label': 0, 'is_click': 0, 'click_label': 1, 'click_count': None, 'rating': 2, 'x': None}
    assert {name: label_rank(name) for name in ranks} == ranks


def test_words_for_missing_values_are_told(tmp_path):
    rows = [[i % 2, ['?', 'NA', 'a', 'b'][i % 4], ['-', 'n.a.'][i % 2] if i % 25 == 0 else 1.5 * i] for i in range(200)]
    text, schema = drafted(tmp_path, 'a.csv', table(['click', 'city', 'x'], rows))
    assert set(schema.layout.missing) == {'?', 'NA', '-', 'n.a.'}
    assert [field.kind for field in schema.plan.fields] == ['categorical', 'numeric']
    data = prepared(tmp_path)
    assert data.vocabularies()['city'].values == ('a', 'b') and not data.manifest['bad_rows']


def test_a_class_of_the_label_is_no_missing_value(tmp_path):
    rows = [[['None', 'Bought'][i % 3 == 0], ['None', 'a', 'b'][i % 3]] for i in range(90)]
    text, schema = drafted(tmp_path, 'a.csv', table(['outcome', 'city'], rows))
    assert schema.plan.label.positive == ('Bought',) and schema.plan.label.negative == ('None',)
    assert sum(split['rows'] for split in prepared(tmp_path).manifest['splits'].values()) == 90


def test_infinite_numbers_are_told(tmp_path):
    rows = [[i % 2, 'inf' if i == 7 else 1.5 * i] for i in range(100)]
    text, schema = drafted(tmp_path, 'a.csv', table(['click', 'x'], rows))
    assert schema.layout.infinite == 'missing' and 'holds "inf"' in text
    assert np.isfinite(prepared(tmp_path).split('train').numeric).mean() > 0.9


# --- Times.


@pytest.mark.parametrize(
    'name, times, form',
    [
        ('ts', [1_700_000_000 + 61 * i for i in range(90)], None),
        ('x', [1_700_000_000_123 + 61 * i for i in range(90)], None),
        ('day', [f'2024-{1 + i // 28:02d}-{1 + i % 28:02d}' for i in range(90)], None),
        ('t', [f'2024-01-{1 + i // 24:02d} {i % 24:02d}:30:00' for i in range(90)], None),
        ('t', [f'2024-01-{1 + i // 24:02d}T{i % 24:02d}:30:00Z' for i in range(90)], None),
        ('when', [f'{1 + i // 28:02d}/{1 + i % 28:02d}/2013' for i in range(90)], '%m/%d/%Y'),
        ('when', [f'{1 + i % 28:02d}.{1 + i // 28:02d}.2013' for i in range(90)], '%d.%m.%Y'),
        ('when', [f'{1 + i % 28:02d}/{1 + i // 28:02d}/2013 {i % 24:02d}:05' for i in range(90)], '%d/%m/%Y %H:%M'),
        ('hour', [14102100 + 100 * (i // 24) + i % 24 for i in range(90)], None),
        ('order', list(range(5, 95)), False),
        ('when', list(range(5, 95)), None),
        ('price', [1_700_000_000.5 + i for i in range(90)], False),
    ],
)
def test_a_column_of_times_offers_a_split_by_time(tmp_path, name, times, form):
    rows = [[i * 7 % 2, f'c{i % 3}', time] for i, time in enumerate(times)]
    text, _ = drafted(tmp_path, 'a.csv', table(['click', 'city', name], rows))
    offer = re.search(r'^  # (time: \{.*?\})  #', text, re.MULTILINE)
    if form is False:
        assert offer is None
        return
    assert (f'format: "{form}"' in offer[1]) == (form is not None)
    (tmp_path / 'draft.yaml').write_text(
        text.replace('  random: {valid: 0.2, test: 0.2, seed: 0}\n', '')
        .replace('  random: {valid: 0.1, test: 0.1, seed: 0}\n', '')
        .replace(f'  # {offer[1]}', f'  {offer[1]}')
    )
    assert load(tmp_path / 'draft.yaml').split.kind == 'time'
    data = prepared(tmp_path)
    latest = len(data.split('test'))
    assert 0 < latest < 40 and data.split('test').labels.tolist() == [float(row[0]) for row in rows[-latest:]]


def test_missing_times_are_provided_for(tmp_path):
    rows = [[i % 2, f'c{i % 3}', '' if i % 9 == 0 else f'2024-01-{1 + i // 4:02d}'] for i in range(100)]
    text, _ = drafted(tmp_path, 'a.csv', table(['click', 'city', 'day'], rows))
    assert re.search(r'# time: \{column: day, .*missing_time: train\}', text)
