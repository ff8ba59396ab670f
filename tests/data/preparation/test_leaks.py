"""Labels and splits that cannot be meant: each is an error that names places and values, or one loud sentence."""

import numpy as np
import polars as pl
import pytest
from heard import Heard

from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation import assignment
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.store.spool import Spool
from autoint_jax.errors import UsageError

FIELDS = 'fields: [{name: a}]\n'


class HeardOfTables(Heard):
    """Leaves out what became of the lines of files."""

    def say(self, sentence):
        if not sentence.startswith('a.'):
            super().say(sentence)


@pytest.fixture
def folder(tmp_path):
    lines = ['y,a,part,day,stars,answer']
    lines += [
        f'{row % 2},a{row % 3},{"ttttttvs"[row % 8]},{20240101 + row},{row % 5},{("no", "yes")[row % 2]}'
        for row in range(80)
    ]
    # The parts alternate with eight rows, so that v and s have one class each, unless the label is another.
    (tmp_path / 'a.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def prepare(folder, text):
    path, heard = folder / 'mine.yaml', HeardOfTables()
    path.write_text(text if text.startswith('files') else 'files: a.csv\n' + text)
    data = prepare_own(path, None, folder / 'out', dataset='csv', recipe='mine', max_bad_share=0.001, progress=heard)
    return data, heard.sentences


COLUMN = 'split: {column: {name: part, train: [t], valid: [v], test: [s]}}\n'
REFUSED = [
    ('label: y\nfields: [{name: a}, {name: y}]', "mine.yaml: field 'y' is made of column 'y', which is the label"),
    ('label: y\nfields: [{name: b, column: y, kind: numeric}]', "field 'b' is made of column 'y', which is the label"),
    (
        'label: {column: stars, above: 2}\nfields: [{name: stars, transform: quantiles, buckets: 3}]',
        "column 'stars', which is the label",
    ),
    (
        f'label: y\n{COLUMN}fields: [{{name: part}}]',
        "field 'part' is made of column 'part', whose values say the split",
    ),
    (f'label: part\n{COLUMN}{FIELDS}', "column 'part' is both the label and the column of the split"),
    (
        f'label: {{column: day, above: 9}}\nsplit: {{time: {{column: day}}}}\n{FIELDS}',
        "column 'day' is both the label and",
    ),
    # values that no row has
    (
        f'label: {{column: answer, positive: [Yes]}}\n{FIELDS}',
        "the label, column 'answer', is 'Yes' in no row, but label lists it under positive: it holds 'no' \\(40 rows: "
        "train, valid, test\\), 'yes' \\(40 rows",
    ),
    (f'label: {{column: answer, positive: [yes, Y]}}\n{FIELDS}', "is 'Y' in no row"),
    (
        f'label: {{column: answer, positive: [yes], negative: [no, NO]}}\n{FIELDS}',
        "is 'NO' in no row, but label lists it under neg",
    ),
    (
        'label: y\n' + COLUMN.replace('[v]', '[v, w]') + FIELDS,
        "the split column 'part' holds 'w' in no row, but a split lists it",
    ),
    (
        'label: y\n' + COLUMN.replace('[v]', '[w]') + FIELDS,
        "'part' holds 'v', which is a value of no split, in 10 rows",
    ),
    # spellings
    (
        f'label: {{column: stars, positive: [3, 4]}}\n{FIELDS}',
        "has 5 spellings, and label lists '3', '4' as positive: list the negative spellings, too, under negative; "
        "rows with any other spelling are bad rows; it holds '0' \\(16 rows",
    ),
    (
        f'label: {{column: day, positive: [20240101]}}\n{FIELDS}',
        "has 80 spellings, and label lists '20240101' as positive",
    ),
    # classes
    (
        f'label: {{column: stars, above: 4}}\n{FIELDS}',
        "column 'stars', is above 4 in no row of 80: a model needs rows of both classes",
    ),
    (f'label: {{column: stars, above: -1}}\n{FIELDS}', "column 'stars', is above -1 in every row of 80"),
    (f'label: {{column: stars, positive: [0, 1, 2, 3, 4]}}\n{FIELDS}', 'in every row of 80'),
    (f'label: y\n{COLUMN}{FIELDS}', 'the split valid has 10 rows, of which none are positive'),
    (
        'label: y\n' + COLUMN.replace('[v]', '[s]').replace('[s]}}', '[v]}}') + FIELDS,
        'the split valid has 10 rows, of which all are',
    ),
    (
        f'label: {{column: stars, above: 2}}\nsplit: {{random: {{valid: 0.001}}}}\n{FIELDS}',
        'the split valid has no row',
    ),
    (
        f'label: {{column: stars, above: 2}}\nsplit: {{time: {{column: day, valid: 0.01, test: 0.001}}}}\n{FIELDS}',
        'the split',
    ),
    (
        f'label: {{column: stars, above: 2}}\nsplit: {{time: {{column: part, valid: 0.01, test: 0.001}}}}\n{FIELDS}',
        "'part'",
    ),
]


@pytest.mark.parametrize('text, sentence', REFUSED, ids=[sentence[:50] for _, sentence in REFUSED])
def test_what_cannot_be_meant_is_refused(folder, text, sentence):
    with pytest.raises(UsageError, match=sentence):
        prepare(folder, text)
    assert not (folder / 'out').exists()


@pytest.mark.parametrize('where', ['train', 'valid', 'test'])
def test_rows_without_a_time_go_where_it_is_said(folder, where):
    lines = (folder / 'a.csv').read_text().splitlines()
    lines += [f'{row % 2},new{row},t,,{row % 5},no' for row in range(6)]
    (folder / 'a.csv').write_text('\n'.join(lines) + '\n')
    text = (
        f'label: y\nsplit: {{time: {{column: day, missing_time: {where}}}}}\nfields: [{{name: stars, kind: numeric}}]\n'
    )
    data, _ = prepare(folder, text)
    expected = {'train': 64, 'valid': 8, 'test': 8}
    expected[where] += 6
    assert {split: len(data.split(split)) for split in expected} == expected
    assert data.split(where).numeric[-6:, 0].tolist() == [0, 1, 2, 3, 4, 0]
    with pytest.raises(UsageError, match='the time that the split needs, is missing'):
        prepare(folder, text.replace(f', missing_time: {where}', ''))


def test_rows_of_one_time_only(folder):
    (folder / 'a.csv').write_text('y,a,day\n' + '1,b,7\n0,c,7\n' * 20)
    with pytest.raises(UsageError, match='the split train has no row'):
        prepare(folder, f'label: y\nsplit: {{time: {{column: day}}}}\n{FIELDS}')


def test_labels_that_are_all_one(folder):
    (folder / 'a.csv').write_text('y,a\n' + '1,b\n' * 40)
    with pytest.raises(UsageError, match="the label, column 'y', is 1 in every row of 40"):
        prepare(folder, f'label: y\n{FIELDS}')


@pytest.mark.parametrize(
    'split, key', [('column: {name: part, train: [t], valid: [v], test: [s]', 'part'), ('time: {column: day', 'day')]
)
def test_the_column_of_the_split_may_be_a_field_if_that_is_said(folder, split, key):
    label = 'label: {column: stars, above: 2}\n'
    data, said = prepare(folder, f'{label}split: {{{split}, as_field: true}}}}\nfields: [{{name: {key}}}]')
    assert data.schema.names == [key] and said == []
    if key == 'day':
        _, said = prepare(folder, f'{label}split: {{{split}}}}}\nfields: [{{name: day}}]')
        assert len(said) == 1 and "field 'day' is made of column 'day'" in said[0] and 'as_field: true' in said[0]
        assert _.hash != data.hash  # what is declared is part of the identity


def test_missing_values_that_no_row_has_are_said(folder):
    text = (
        'label: y\nfields:\n- {name: a, missing_values: [a1, NA, "?"]}\n'
        '- {name: stars, kind: numeric, missing_values: [4, -1]}\n'
    )
    data, said = prepare(folder, text)
    assert said == [
        "WARNING: field 'a': no row of column 'a' holds '?', 'NA', listed under missing_values",
        "WARNING: field 'stars': no row of column 'stars' holds '-1', listed under missing_values",
    ]
    numeric = np.concatenate([data.split(split).numeric[:, 0] for split in ('train', 'valid', 'test')])
    assert np.isnan(numeric).sum() == 16
    assert prepare(folder, text.replace(', NA, "?"', '').replace(', -1', ''))[1] == []


@pytest.mark.parametrize('form', ['csv', 'parquet', 'libsvm'])
def test_values_that_mean_missing_and_occur_nowhere_are_said(folder, form):
    text = f'form: {form}\nmissing: [a1, NA, "-", ""]\nlabel: y\nfields: [{{name: a, missing: value}}]\n'
    if form == 'parquet':
        pl.read_csv(folder / 'a.csv').write_parquet(folder / 'a.parquet')
    elif form == 'libsvm':
        (folder / 'a.libsvm').write_text(''.join(f'{row % 2} 1:1\n' for row in range(80)))
        text = text.replace('label: y', 'label: label').replace('name: a,', 'name: a, column: 1,')
    text = text if form == 'csv' else text.replace('form', f'files: a.{form}\nform')
    data, said = prepare(folder, text)
    absent = "'-', 'NA', 'a1'" if form == 'libsvm' else "'-', 'NA'"
    assert said == [f'WARNING: no row holds {absent}, listed under missing']
    if form != 'libsvm':
        assert data.vocabularies()['a'].values == ('', 'a0', 'a2')


def test_buckets_that_most_rows_cannot_fill_are_said(folder):
    text = 'label: y\nfields: [{name: a, transform: hash, buckets: 2e9}]\n'
    assert prepare(folder, text)[1] == [
        "WARNING: field 'a' has 2,000,000,000 hash buckets, but the table has 80 rows: most embeddings would take "
        'memory and '
        'never be trained, so give fewer buckets'
    ]
    assert prepare(folder, text.replace('2e9', '1e6'))[1] == []


def test_missing_values_of_quantiles_are_missing(folder):
    data, _ = prepare(
        folder, 'label: y\nfields: [{name: stars, transform: quantiles, buckets: 4, missing_values: [4]}]'
    )
    ids = np.concatenate([data.split(split).ids[:, 0] for split in ('train', 'valid', 'test')])
    assert np.count_nonzero(ids == 0) == 16


def test_named_negatives_make_other_labels_bad_rows(folder):
    lines = (folder / 'a.csv').read_text().splitlines()
    bad = [lines[1].replace('no', 'maybe'), lines[1].removesuffix('no')]
    (folder / 'a.csv').write_text('\n'.join([lines[0], *lines[1:] * 30, *bad]) + '\n')
    data, _ = prepare(folder, f'label: {{column: answer, positive: [yes], negative: [no]}}\n{FIELDS}')
    assert data.manifest['bad_rows'] == 2 and [row['reason'] for row in data.manifest['first_bad_rows']] == [
        "its label, column 'answer', is 'maybe', "
        "which is listed neither under positive nor under negative: 'yes', 'no'",
        "its label, column 'answer', is missing",
    ]


def test_labels_that_are_words_are_told_to_be_listed(folder):
    with pytest.raises(
        UsageError, match="column 'answer' holds 'no', not a number .* labels that are words under positive: and"
    ):
        prepare(folder, f'label: answer\n{FIELDS}')


def test_a_label_of_very_many_spellings_is_counted_in_bounded_memory(folder, monkeypatch):
    monkeypatch.setattr(assignment, 'MOST_SPELLINGS', 30)
    with pytest.raises(
        UsageError, match="column 'day', has more than 30 spellings, and label lists '20240101' as positive"
    ):
        prepare(folder, f'label: {{column: day, positive: [20240101]}}\n{FIELDS}')
    with pytest.raises(UsageError, match='more than 30 spellings'):
        prepare(folder, f'label: {{column: day, positive: [20999999]}}\n{FIELDS}')


def test_classes_are_counted_over_all_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(assignment, '_ROWS_AT_ONCE', 7)
    labels, split_of = np.array([0, 1] * 30, np.uint8), np.repeat(np.arange(3, dtype=np.int8), 20)
    names = dict.fromkeys(('train', 'valid', 'test'), 's')
    arguments = labels, None, TablePlan((), LabelPlan('y')), Spool(tmp_path / 'spool'), names, print
    np.testing.assert_array_equal(assignment.assigned(lambda *_: split_of, *arguments), split_of)
    labels[40:] = 0
    with pytest.raises(UsageError, match='the split s has 20 rows, of which none are positive'):
        assignment.assigned(lambda *_: split_of, *arguments)
