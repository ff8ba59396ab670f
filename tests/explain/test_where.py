"""Rows are found by raw values, values are written as they were read, and a mistake is one sentence."""

import numpy as np
import pytest

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError
from autoint_jax.explain import where
from autoint_jax.explain.texts import ValueTexts, number_text
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (
        FieldSpec('sex', CATEGORICAL, 3),
        FieldSpec('size', NUMERIC),
        FieldSpec('tags', MULTIVALUED, 5, max_values=2),
        FieldSpec('sex=', CATEGORICAL, 3),
        FieldSpec('hashed', CATEGORICAL, 9),
    )
)
VOCABULARIES = {
    'sex': Vocabulary(('F', 'M')),
    'tags': Vocabulary(('<unknown>', '', 'old', 'new')),
    'sex=': Vocabulary(('', 'x=y')),
}
ROWS = Columns(
    np.array([[1, 3, 4, 1, 7], [2, 4, 0, 2, 8], [0, 0, 0, 0, 1], [2, 1, 2, 2, 7]], np.int32),
    np.array([[1.5], [np.nan], [0.1234567], [2]], np.float32),
    np.zeros(4, np.float32),
)


def test_rows_are_written_as_they_were_read():
    texts = ValueTexts(SCHEMA, VOCABULARIES)
    assert [texts.row(ROWS, row) for row in range(4)] == [
        ['F', '1.5', 'old | new', '(missing)', 'bucket 7'],
        ['M', '(missing)', 'new', 'x=y', 'bucket 8'],
        ['(unknown)', '0.123457', '(missing)', '(unknown)', 'bucket 1'],
        ['M', '2', '(unknown) | (missing)', 'x=y', 'bucket 7'],
    ]
    assert number_text(1e10) == '1e+10'


@pytest.mark.parametrize(
    'texts, rows',
    [
        ([], [0, 1, 2, 3]),
        (['sex=M'], [1, 3]),
        (['sex=(unknown)'], [2]),
        (['tags=new'], [0, 1]),
        (['tags=new', 'sex=M'], [1]),
        (['tags=(missing)'], [2, 3]),
        (['sex==x=y'], [1, 3]),
        (['tags=old', 'sex=M'], []),
        (['hashed=bucket 7'], [0, 3]),
        (['size=0.123457'], [2]),
        (['size=0.1234567'], [2]),
        (['size=0.12346'], []),
        (['size=1.5..2'], [0, 3]),
        (['size=0.1..1.5', 'sex=F'], [0]),
        (['size=(missing)'], [1]),
        (['size=-1..0'], []),
    ],
)
def test_conditions_choose_rows(texts, rows, monkeypatch):
    monkeypatch.setattr(where, 'AT_ONCE', 3)
    wanted = where.conditions(texts, SCHEMA, VOCABULARIES)
    np.testing.assert_array_equal(where.matching(ROWS, SCHEMA, wanted), rows)


def test_conditions_are_said_in_words():
    wanted = where.conditions(['sex=M', 'tags=old'], SCHEMA, VOCABULARIES)
    assert where.sentence(wanted) == 'sex is M and tags is old' and where.sentence([]) == ''
    assert where.sentence(where.conditions(['size=-1..2'], SCHEMA, VOCABULARIES)) == 'size is -1 to 2'


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('sex', '--where=sex is not FIELD=VALUE'),
        ('sey=M', "no field 'sey' .did you mean 'sex'.*there are sex, size, tags"),
        ('tags=odl', "'tags' has no value 'odl' .did you mean 'old'.*it has old, new"),
        (
            'size=big',
            "'size' is numeric: give a number as reports show it, a range such as size=1..3, or size=.missing",
        ),
        ('size=1..', "'size' is numeric"),
        ('size=nan', "'size' is numeric"),
        ('size=3..1', 'the range ends before it begins: write size=1..3'),
        ('hashed=7', "'hashed' has no value '7'; it has bucket 1, bucket 2"),
    ],
)
def test_mistakes_are_one_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        where.conditions([text], SCHEMA, VOCABULARIES)
