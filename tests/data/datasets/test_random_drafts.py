"""Random tables are written in random forms, drafted, and prepared by the draft as it is."""

import random
import re

import pytest
from draft_cases import NASTY, drafted, packed, prepared


def random_table(rng: random.Random):
    """Returns names, rows of text, the positive rows, and the expected kind of each column that is sure."""
    rows = rng.randint(60, 300)
    positive = [rng.random() < 0.3 for _ in range(rows)]
    positive[:12] = [True, False] * 6
    words = rng.choice(
        [
            ('0', '1'),
            ('no', 'yes'),
            ('-1', '1'),
            ('False', 'True'),
            ('<=50K', '>50K'),
            ('-1', '+1'),
            ('N', 'Y'),
            ('0.0', '1.0'),
        ]
    )
    label = rng.choice(['label', 'click', 'is_click', 'Clicked', 'y', 'target', 'converted', 'class'])
    columns = {label: [words[own] for own in positive]}
    expected = {}
    makers = {
        'user_id': (lambda i: str(1000 + i * 7 % 37), 'categorical'),
        'zip': (lambda i: f'{i * 13 % 29:05d}', 'categorical'),
        'age': (lambda i: str(18 + i * 11 % 60), 'numeric'),
        'price': (lambda i: f'{rng.random() * 90:.2f}', 'numeric'),
        'big': (lambda i: f'{rng.random() * 1e4:.3f}', 'numeric'),
        'city': (lambda i: rng.choice(['Rome', 'New York', 'Cádiz', 'x']), 'categorical'),
        'tags': (lambda i: '|'.join(rng.sample(['red', 'green', 'blue'], rng.randint(1, 3))), 'multivalued'),
        'note': (lambda i: rng.choice(["it's", 'say "hi"', '5" phone', 'plain']), 'categorical'),
        'ts': (lambda i: str(1_700_000_000 + 37 * i), None),
        'day': (lambda i: f'2024-{1 + i // 28 % 12:02d}-{1 + i % 28:02d}', None),
        'row': (str, None),
        'empty': (lambda i: '', None),
        'same': (lambda i: 'a', None),
    }
    for name in rng.sample(list(makers), rng.randint(3, 8)):
        make, kind = makers[name]
        keep = rng.random() < 0.7 or kind == 'numeric' or name in ('user_id', 'ts')
        own = name if keep else rng.choice(NASTY[:-1]) + rng.choice(['', '_', name])
        if own not in columns and own.strip() == own and not re.fullmatch('y|target', own):
            columns[own], expected[own] = [make(i) for i in range(rows)], kind
    if not any(expected.values()):
        columns['city'], expected['city'] = [f'c{i % 3}' for i in range(rows)], 'categorical'
    for name, kind in expected.items():
        if kind is not None and rng.random() < 0.3:
            word = rng.choice(['', '?', 'NA'])
            columns[name] = [word if rng.random() < 0.1 else text for text in columns[name]]
    order = rng.sample(list(columns), len(columns))
    return order, [[columns[name][i] for name in order] for i in range(rows)], positive, expected


def written(rng: random.Random, names, rows, header_row: bool):
    """Writes a file with such rows and returns its name."""
    separator = rng.choice([',', ',', '\t', ';', '::', '||', '~'])
    separator = ',' if separator == '||' and any('|' in name for name in names) else separator  # |||a is ambiguous
    enclose = rng.choice(['needed', 'all'])
    ends, encoding = rng.choice(['\n', '\n', '\r\n', '\r']), rng.choice(['utf-8', 'utf-8-sig', 'utf-16', 'latin-1'])
    if any(ord(letter) > 255 for name in names for letter in name):
        encoding = 'utf-8'

    def cell(text):
        if enclose == 'all' or separator in text or '"' in text or text != text.strip():
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [separator.join(map(cell, row)) for row in ([names] if header_row else []) + rows]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(1, len(lines)), '')
    content = ends.join(lines).encode(encoding) + ('' if rng.random() < 0.3 else ends).encode(
        encoding.replace('-sig', '').replace('utf-16', 'utf-16-le')
    )
    kind = rng.choice(['', '', '.gz', '.zst', '.zip'])
    return f'table{rng.choice([".csv", ".txt", ".tsv", ".data"])}{kind}', packed(kind, content) if kind else content


@pytest.mark.parametrize('seed', range(40))
def test_drafts_of_random_tables_prepare(tmp_path, seed):
    rng = random.Random(seed)
    names, rows, positive, expected = random_table(rng)
    header_row = rng.random() < 0.8
    name, content = written(rng, names, rows, header_row)
    text, schema = drafted(tmp_path, name, content)
    expected_names = set(expected)
    if not header_row:
        names_now = [f'column_{number}' for number in range(1, len(names) + 1)]
        expected = {names_now[names.index(name)]: kind for name, kind in expected.items()}
        label = names_now[next(place for place, name in enumerate(names) if name not in expected_names)]
        if schema is None or schema.plan.label.column != label:
            assert '# No label found' in text or 'a guess' in text
            return
    data = prepared(tmp_path)
    splits = data.manifest['splits'].values()
    assert not data.manifest['bad_rows'], data.manifest['first_bad_rows']
    assert sum(split['rows'] for split in splits) == len(rows)
    assert sum(split['positives'] for split in splits) == sum(positive), text
    kinds = {field.column: field.kind for field in schema.plan.fields}
    if header_row:
        assert kinds == {name: kind for name, kind in expected.items() if kind}, text


def lines_with_marks(rng: random.Random):
    """Returns lines of a log, the number of those that are no rows, and the labels.

    Its numbers have marks, and some lines have stray quotes.
    """
    separator = rng.choice([',', '\t', ';', '|', '::', ' '])
    decimal = ',' if separator in ';\t|' and rng.random() < 0.5 else '.'
    thousands = {'.': ',', ',': '.'}[decimal]
    thousands = thousands if thousands != separator and rng.random() < 0.6 else ''
    labels = [True, False] * 5 + [rng.random() < 0.3 for _ in range(rng.choice([40, 120, 500]))]
    marks = str.maketrans({',': thousands, '.': decimal})
    columns = {
        'is_click': [str(int(label)) for label in labels],
        'amount': [f'{rng.random() * 5e4:,.2f}'.translate(marks) for _ in labels],
        'city': [rng.choice(['Rome', 'Oslo', 'Bern']) for _ in labels],
        'uid': [str(rng.randint(1, 30)) for _ in labels],
    }
    if separator != ' ':
        columns['note'] = [rng.choice(['a b', '5" tv', "it's", 'say "x" y']) for _ in labels]
    names = rng.sample(list(columns), len(columns))
    lines = [separator.join(names)] + [
        separator.join(columns[name][row] for name in names) for row in range(len(labels))
    ]
    bad = rng.choice([0, 0, 1, 2])
    for _ in range(bad):
        lines.insert(
            rng.randrange(5, len(lines)), rng.choice(['oops', separator.join('1' * (len(names) + 2)), '#end of part'])
        )
    return lines, bad, labels


@pytest.mark.parametrize('seed', range(20))
def test_drafts_of_tables_with_marks_and_bad_lines_prepare(tmp_path, seed):
    lines, bad, labels = lines_with_marks(random.Random(seed))
    text, schema = drafted(tmp_path, 'log.csv', '\n'.join(lines) + '\n')
    manifest = prepared(tmp_path).manifest
    assert manifest['bad_rows'] == bad, text
    assert sum(split['rows'] for split in manifest['splits'].values()) == len(labels)
    assert sum(split['positives'] for split in manifest['splits'].values()) == sum(labels)
    kinds = {field.column: field.kind for field in schema.plan.fields}
    assert kinds.pop('amount') == 'numeric' and set(kinds.values()) == {'categorical'}, text
