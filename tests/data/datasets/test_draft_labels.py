"""Drafts of declarations: what they guess of the label."""

import re

import pytest
from draft_cases import column, drafted, prepared, table

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting import labels
from autoint_jax.errors import UsageError


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


def test_a_class_of_the_label_is_no_missing_value(tmp_path):
    rows = [[['None', 'Bought'][i % 3 == 0], ['None', 'a', 'b'][i % 3]] for i in range(90)]
    text, schema = drafted(tmp_path, 'a.csv', table(['outcome', 'city'], rows))
    assert schema.plan.label.positive == ('Bought',) and schema.plan.label.negative == ('None',)
    assert sum(split['rows'] for split in prepared(tmp_path).manifest['splits'].values()) == 90
