"""Drafts of declarations: what they guess of the kinds of columns, missing values and times."""

import re

import numpy as np
import pytest
from draft_cases import column, drafted, prepared, table

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting.fields import kind_of
from autoint_jax.data.datasets.drafting.words import label_rank, names_a_measure, names_a_time, names_ids


def test_numbers_with_a_unit_are_pointed_out():
    for texts in (['$92.13', '$7'], ['12%', '7.5%'], ['3 €', '4,50 €']):
        assert 'numbers with a unit' in kind_of(column('x', texts * 20)).reason
    for texts in (['3b', '7c'], ['10:30', '11:00'], ['a', '$']):
        assert 'numbers with a unit' not in kind_of(column('x', texts * 20)).reason


def test_a_copy_of_a_column_is_no_field(tmp_path):
    text, schema = drafted(
        tmp_path, 'a.csv', table(['click', 'city', 'town'], [[i % 2, f'c{i % 3}', f'c{i % 3}'] for i in range(60)])
    )
    assert [field.name for field in schema.plan.fields] == ['city'] and 'it is the same as city in every row' in text


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


def test_infinite_numbers_are_told(tmp_path):
    rows = [[i % 2, 'inf' if i == 7 else 1.5 * i] for i in range(100)]
    text, schema = drafted(tmp_path, 'a.csv', table(['click', 'x'], rows))
    assert schema.layout.infinite == 'missing' and 'holds "inf"' in text
    assert np.isfinite(prepared(tmp_path).split('train').numeric).mean() > 0.9


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
