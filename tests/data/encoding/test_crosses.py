"""Crossed fields, counted and hashed, against a naive reading of the encoded rows; new rows are crossed alike."""

import collections
import itertools
import json

import numpy as np
import pytest
from own_table_cases import DECLARATION, own_table, prepare

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.declaration.crosses import Crosses, load_crosses
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.datasets.row_plan import row_plan
from autoint_jax.data.encoding.cross_keys import hashed_keys
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.data.generated import shapes
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, MULTIVALUED

CROSSES = """crosses:
- {fields: [city, age_bucket], min_count: 2}
- {fields: [hours, tags, likes], name: three, cap: 41}
- {fields: [hashed, gain], buckets: 13, embedding_dim: 3}
"""


def parts(data, split, name, cuts):
    """The values of a field in each row, as a naive reader takes them: a list of ids, or one number of a bucket."""
    field = next(one for one in data.schema.fields if one.name == name)
    columns = data.split(split)
    if name in data.schema.slots:
        ids = np.array(columns.ids[:, data.schema.slots[name]]).tolist()
        return [[one for one in row if one] for row in ids] if field.kind == MULTIVALUED else ids
    values = np.array(columns.numeric[:, data.schema.numeric_columns[name]])[:, 0]
    return [[0 if np.isnan(value) else 1 + sum(bool(value >= cut) for cut in cuts[name])] for value in values]


def pairs(data, split, names, cuts):
    """The pairs of each row, in the order of the fields."""
    return [list(itertools.product(*row)) for row in zip(*(parts(data, split, n, cuts) for n in names), strict=True)]


def texts(data, names, pair):
    """The text of a pair in the vocabulary of its cross."""
    known = data.vocabularies()
    found = [
        None if not number else known[name].values[number - 1] if name in known else number
        for name, number in zip(names, pair, strict=True)
    ]
    return json.dumps(found, ensure_ascii=False)


def test_crosses_of_a_table_equal_a_naive_reading(tmp_path):
    folder = own_table(tmp_path)
    (folder / 'mine.yaml').write_text(DECLARATION + CROSSES)
    data, plan = prepare(folder / 'mine.yaml'), row_plan(prepare(folder / 'mine.yaml'))
    assert data.schema.names[-3:] == ['city x age_bucket', 'three', 'hashed x gain']
    counted, three, hashed = data.schema.fields[-3:]
    assert (counted.kind, three.kind, hashed.kind) == (CATEGORICAL, MULTIVALUED, CATEGORICAL)
    assert hashed.cardinality == 14 and hashed.embedding_dim == 3 and three.cardinality == 42
    cuts, numbers = plan.fitted.cuts, data.split('train').numeric
    for column, name in ((1, 'hours'), (2, 'gain')):
        values = numbers[:, column][~np.isnan(numbers[:, column])]
        assert cuts[name] == tuple(np.unique(np.quantile(values, np.arange(1, 10) / 10, method='lower')).tolist())
    for field, names, least, cap in (
        (counted, ('city', 'age_bucket'), 2, None),
        (three, ('hours', 'tags', 'likes'), 1, 41),
    ):
        counts = collections.Counter(pair for row in pairs(data, 'train', names, cuts) for pair in row)
        frequent = sorted((pair for pair in counts if counts[pair] >= least), key=lambda pair: (-counts[pair], pair))
        known = sorted(frequent[:cap])
        assert 5 < len(known) < len(counts)
        assert data.vocabularies()[field.name].values == tuple(texts(data, names, pair) for pair in known)
        for split in ('train', 'valid', 'test'):
            expected = np.zeros((len(data.split(split)), field.max_values), int)
            for row, own in enumerate(pairs(data, split, names, cuts)):
                ids = [known.index(pair) + 1 for pair in own if pair in known]
                expected[row, : len(ids)] = ids
            np.testing.assert_array_equal(data.split(split).ids[:, data.schema.slots[field.name]], expected)
    size = len(cuts['gain']) + 2
    keys = [own[0][0] * size + own[0][1] for own in pairs(data, 'test', ('hashed', 'gain'), cuts)]
    np.testing.assert_array_equal(
        data.split('test').ids[:, data.schema.slots['hashed x gain']][:, 0], 1 + hashed_keys(np.array(keys), 13)
    )
    unknown = data.preparation['values']['city x age_bucket']['valid']
    ids = data.split('valid').ids[:, data.schema.slots['city x age_bucket']]
    assert unknown == {'rows': len(ids), 'values': len(ids), 'unknown': np.count_nonzero(ids == 0), 'missing': 0}
    new = encode_files(data, [folder / 'part-0.csv', folder / 'part-1.csv']).columns
    whole = {split: np.array(data.split(split).ids) for split in ('train', 'valid', 'test')}
    assert sorted(new.ids.tolist()) == sorted(row for ids in whole.values() for row in ids.tolist())


def test_hashes_fill_all_buckets_evenly_and_never_change():
    keys = np.arange(200_000)
    counts = np.bincount(hashed_keys(keys, 1000), minlength=1000)
    assert 130 < counts.min() and counts.max() < 280  # 200 keys each, give or take
    counts = np.bincount(hashed_keys(keys * 2**40, 1000), minlength=1000)
    assert 130 < counts.min() and counts.max() < 280
    assert hashed_keys(np.array([0, 1, 2**31, 2**62 - 1]), 1000).tolist() == [0, 83, 441, 69]


@pytest.mark.parametrize(
    ('dataset', 'recipe', 'fields'),
    [
        ('movielens_1m', 'autoint_all_rows', ('Gender', 'Genre')),
        ('movielens_1m', 'with_ids', ('RequestTime', 'UserID')),
        ('criteo', 'bars', ('I1', 'C2')),
        ('criteo', 'autoint', ('I1', 'C2')),
    ],
)
def test_a_published_data_set_takes_crosses_from_a_file(tmp_path, dataset, recipe, fields):
    shapes.SHAPES[dataset](tmp_path / 'raw', 600, 3)
    (tmp_path / 'best.yaml').write_text(f'crosses:\n- {{fields: [{", ".join(fields)}], min_count: 2}}\n')
    crosses = load_crosses(tmp_path / 'best.yaml')
    options = registry.Options(crosses=crosses)
    data = registry.prepare(dataset, recipe, tmp_path / 'raw', tmp_path / 'data', options)
    assert data.folder == tmp_path / 'data' / dataset / f'{recipe}_best' and data.manifest['recipe'] == f'{recipe}_best'
    plain = registry.prepare(dataset, recipe, tmp_path / 'raw', tmp_path / 'data')
    assert data.hash != plain.hash and data.schema.fields[:-1] == plain.schema.fields
    plan = row_plan(data)
    assert plan.table.crosses == (CrossPlan(' x '.join(fields), fields, 2),)
    counts = collections.Counter(p for row in pairs(data, 'train', fields, plan.fitted.cuts) for p in row)
    known = sorted(pair for pair in counts if counts[pair] >= 2)
    assert known
    for split in ('train', 'test'):
        width = plain.schema.num_slots
        np.testing.assert_array_equal(data.split(split).ids[:, :width], plain.split(split).ids)
        for row, own in zip(
            data.split(split).ids[:, width:].tolist(), pairs(data, split, fields, plan.fitted.cuts), strict=True
        ):
            assert [one for one in row if one] == [known.index(pair) + 1 for pair in own if pair in known]


@pytest.mark.parametrize(
    ('crosses', 'sentence'),
    [
        ('[city]', "line 17: cross 1 is 'city': it takes a mapping with keys among fields, name,"),
        ('[{name: a}]', 'cross 1 has no fields: name two or three'),
        ('[{fields: [city]}]', "key 'fields' names 1 field: name two or three"),
        ('[{fields: [city, cty]}]', "names 'cty' (did you mean 'city'?), which is not a field"),
        ('[{fields: [city, city]}]', "lists 'city' twice: keep one"),
        ('[{fields: [city, tags], bucket: 5}]', "unknown key 'bucket' in cross 1 (did you mean 'buckets'?)"),
        ('[{fields: [city, tags], buckets: 5, cap: 3}]', 'stands beside buckets, and a hashed cross counts no values'),
        ('[{fields: [city, tags], name: town}]', "has the name 'town' of another field"),
        ('[{fields: [city, tags]}, {fields: [city, tags]}]', "has the name 'city x tags' of another field"),
        ('[{fields: [city, tags], buckets: 1}]', 'it takes a whole number from 2 to'),
    ],
)
def test_mistakes_in_crosses_are_one_sentence(tmp_path, crosses, sentence):
    (tmp_path / 'mine.yaml').write_text(DECLARATION + f'crosses: {crosses}\n')
    with pytest.raises(UsageError) as error:
        load(tmp_path / 'mine.yaml')
    assert sentence in str(error.value) and str(tmp_path / 'mine.yaml') in str(error.value)


def test_mistakes_that_only_the_data_tells(tmp_path):
    shapes.SHAPES['movielens_1m'](tmp_path / 'raw', 300, 3)

    def refused(*plans):
        with pytest.raises(UsageError) as error:
            options = registry.Options(crosses=Crosses('best', plans))
            registry.prepare('movielens_1m', 'with_ids', tmp_path / 'raw', tmp_path / 'data', options)
        return str(error.value)

    assert "names field 'Gendr' (did you mean 'Gender'?), which the data does not have" in refused(
        CrossPlan('a', ('Gendr', 'Age'))
    )
    assert "the cross 'Age' has the name of a field" in refused(CrossPlan('Age', ('Gender', 'Age')))
    with pytest.raises(UsageError, match='does not exist: explain.py --export_crosses=K writes such a file'):
        load_crosses(tmp_path / 'none.yaml')
