"""Users' own tables: CSV, TSV, Parquet and libsvm by a declaration, against a naive reading."""

import collections
import gzip
import json
import pathlib
import statistics
import zlib

import numpy as np
import polars as pl
import pytest
from own_table_cases import DECLARATION, NAMES, own_table, prepare, rows_of

from autoint_jax.data.datasets.drafting.draft import draft
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return own_table(tmp_path)


def text(value):
    return '' if value.strip() == '?' else value.strip()


def test_a_csv_equals_a_naive_reading(folder):
    data = prepare(folder / 'mine.yaml')
    rows = [[text(value) for value in row] for row in rows_of(1009)]
    columns = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
    train = [part in 'ab' for part in columns['part']]

    def fitted(name):
        return [value for value, own in zip(columns[name], train, strict=True) if own and value]

    ages, hours = list(map(float, fitted('age'))), list(map(float, fitted('hours')))
    counts = collections.Counter(fitted('city'))
    cities = sorted(sorted((city for city in counts if counts[city] >= 3), key=lambda city: (-counts[city], city))[:21])
    streets, towns = sorted(city for city in counts if counts[city] >= 2), sorted(counts)
    tags = collections.Counter(tag for name in ('tags', 'likes') for value in fitted(name) for tag in value.split(','))
    tags = sorted(tag for tag in tags if tags[tag] >= 2)
    assert len(cities) == 21 < len(streets) < len(towns) and len(tags) == 5
    assert data.vocabularies()['city'].values == tuple(cities) and data.vocabularies()['likes'].values == tuple(tags)
    edges = np.quantile(ages, [0.2, 0.4, 0.6, 0.8])
    mean, deviation = statistics.fmean(ages), statistics.pstdev(ages)
    likes = max(len(value.split(',')) for value in fitted('likes'))
    expected = {'train': [], 'valid': [], 'test': []}
    for row in rows:
        age, income, hour, gain, city, own_tags, own_likes, part = row
        ids = [
            int(sum(float(age) >= edge for edge in edges)) + 1 if age else 0,
            cities.index(city) + 1 if city in cities else 0,
            0 if not city else streets.index(city) + 2 if city in streets else 1,
            1 if not city else towns.index(city) + 2 if city in towns else 0,
            zlib.crc32(city.encode()) % 11 + 1 if city else 0,
        ]
        for value, slots in ((own_tags, 2), (own_likes, likes)):
            known = [tags.index(tag) + 1 for tag in value.split(',') if tag in tags][:slots]
            ids += known + [0] * (slots - len(known))
        gain = float(gain) if gain else np.nan
        numbers = [
            (float(age) - mean) / deviation if age else np.nan,
            (float(hour) - min(hours)) / (max(hours) - min(hours)) if hour else np.nan,
            float(int(np.log(gain) ** 2)) if gain > 2 else gain,
        ]
        expected[{'a': 'train', 'b': 'train', 'c': 'valid', 'd': 'test'}[part]].append((ids, numbers, income == '>50K'))
    for split, wanted in expected.items():
        ids, numbers, labels = map(np.array, zip(*wanted, strict=True))
        np.testing.assert_array_equal(data.split(split).ids, ids)
        np.testing.assert_allclose(data.split(split).numeric, numbers, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(data.split(split).labels, labels)
    assert [field.embedding_dim for field in data.schema.fields if field.embedding_dim] == [4]


def test_parquet_and_tsv_give_what_csv_gives(folder):
    whole = prepare(folder / 'mine.yaml')
    frame = pl.DataFrame([[text(value) or None for value in row] for row in rows_of(1009)], schema=NAMES, orient='row')
    frame = frame.with_columns(
        pl.col('age').cast(pl.Int64), pl.col('hours').cast(pl.Float64), pl.col('tags').str.split(',')
    )
    frame.write_parquet(folder / 'all.parquet', row_group_size=300)
    (folder / 'wide.yaml').write_text(DECLARATION.replace('part-*.csv', 'all.parquet'))
    frame.drop('tags').with_columns(tags=pl.Series([row[5] for row in rows_of(1009)])).select(NAMES).write_csv(
        folder / 'all.tsv', separator='\t', include_header=False
    )
    (folder / 'tabs.json').write_text(
        json.dumps({**__import__('yaml').safe_load(DECLARATION), 'files': 'all.tsv', 'columns': NAMES, 'quote': '"'})
    )
    for name in ('wide.yaml', 'tabs.json'):
        data = prepare(folder / name)
        assert data.schema == whole.schema and data.manifest['vocabulary_sha256'] == whole.manifest['vocabulary_sha256']
        assert data.manifest['splits'] == whole.manifest['splits']


def test_new_rows_of_a_table_are_encoded(folder):
    data = prepare(folder / 'mine.yaml')
    (folder / 'new.csv').write_text('age,hours,gain,city,tags,likes,part\n30,1,?,nowhere,"red,new",,z\n')
    encoded = encode_files(data, [folder / 'new.csv'])
    red = data.vocabularies()['tags'].values.index('red') + 1
    assert encoded.columns.ids[0, 1:4].tolist() == [0, 1, 0] and encoded.columns.ids[0, 5:7].tolist() == [red, 0]
    assert encoded.unknown == {'age_bucket': 0, 'city': 1, 'street': 1, 'town': 1, 'hashed': 0, 'tags': 1, 'likes': 0}
    assert np.isnan(encoded.columns.numeric[0, 2]) and np.isnan(encoded.columns.labels).all()


def test_a_split_by_time(folder):
    with open(folder / 'log.csv', 'w') as file:
        file.write(
            'day,ad,click\n' + ''.join(f'2024-01-{1 + row // 50:02d},{row % 3},{row % 2}\n' for row in range(1000))
        )
    (folder / 'log.csv.gz').write_bytes(gzip.compress((folder / 'log.csv').read_bytes()))
    (folder / 'log.yaml').write_text(
        'files: log.csv.gz\nlabel: click\nsplit: {time: {column: day, valid: 0.2, test: 0.1}}\n'
        'fields: [{name: ad}, {name: day}]\n'
    )
    data = prepare(folder / 'log.yaml')
    assert [len(data.split(split)) for split in ('train', 'valid', 'test')] == [700, 200, 100]
    assert len(data.vocabularies()['day'].values) == 14 and not data.split('test').ids[:, 1].any()


def test_parquet_files_with_numbers_as_time_and_a_bad_row(folder, monkeypatch):
    monkeypatch.setattr('autoint_jax.data.raw.parquet_files.ROWS_AT_ONCE', 100)
    stars = [row % 5 for row in range(1000)]
    stars[733] = None
    pl.DataFrame({'hour': range(1000), 'ad': ['a', 'b'] * 500, 'stars': stars}).write_parquet(folder / 'log.parquet')
    (folder / 'log.yaml').write_text(
        'files: log.parquet\nlabel: {column: stars, above: 2}\nsplit: {time: {column: hour}}\nfields: [{name: ad}]\n'
    )
    data = prepare(folder / 'log.yaml')
    assert [len(data.split(split)) for split in ('train', 'valid', 'test')] == [799, 100, 100]
    labels = np.concatenate([data.split(split).labels for split in ('train', 'valid', 'test')])
    assert labels.tolist() == [float(star > 2) for star in stars if star is not None]
    assert [(row['line'], row['reason']) for row in data.manifest['first_bad_rows']] == [
        (734, "its label, column 'stars', is missing")
    ]
    (folder / 'log.parquet').write_bytes(b'no parquet')
    with pytest.raises(UsageError, match='log.parquet cannot be read as Parquet'):
        prepare(folder / 'log.yaml')


LIBFM = '1 3:1 12:1 40:0.5\n-1 4:1 11:1 13:1\n1 3:1\n-1 4:1 12:1 40:2\n1 3:1 13:1 40:x\n'


def test_libsvm_places_and_ranges(folder):
    (folder / 'a.libfm').write_text(LIBFM * 30 + 'nonsense here\n')
    (folder / 'a.yaml').write_text(
        'files: a.libfm\nlabel: {column: label, above: 0}\nfields:\n- {name: user, column: 1}\n'
        '- {name: items, column: 10-39, kind: multivalued}\n'
        '- {name: price, column: 40-40, kind: numeric}\n'
    )
    data = prepare(folder / 'a.yaml', max_bad_share=0.5)
    assert data.manifest['bad_rows'] == 31  # 40:x is no number
    encoded = encode_files(data, [folder / 'a.libfm']).columns
    assert [data.vocabularies()[name].values for name in ('user', 'items')] == [('3', '4'), ('11', '12', '13')]
    assert encoded.ids[:4].tolist() == [[1, 2, 0], [2, 1, 3], [1, 0, 0], [2, 2, 0]]
    np.testing.assert_array_equal(encoded.numeric[:4, 0], np.float32([0.5, np.nan, np.nan, 2]))
    assert encoded.labels[:4].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize('name', ['clicks.csv', 'packed.tsv.gz', 'clicks.parquet', 'a.libfm'])
def test_a_draft_prepares_as_it_is(folder, name):
    if name == 'clicks.csv':
        (folder / name).write_bytes(b'\xef\xbb\xbf' + (folder / 'part-0.csv').read_bytes())
    elif name == 'packed.tsv.gz':
        lines = ''.join(f'{row % 2}\t{row % 7}\t{row / 3:.2f}\n' for row in range(200))
        (folder / name).write_bytes(gzip.compress(lines.encode()))
    elif name == 'clicks.parquet':
        pl.read_csv(folder / 'part-0.csv').write_parquet(folder / name)
    else:
        (folder / name).write_text('1 3:1 12:1\n-1 4:1 13:1\n' * 50)
    (folder / 'draft.yaml').write_text(draft(folder / name))
    data = prepare(folder / 'draft.yaml')
    kinds = {field.name: field.kind for field in data.schema.fields}
    if name.startswith('clicks'):
        assert kinds == {
            'age': 'numeric',
            'hours': 'numeric',
            'gain': 'numeric',
            'city': 'categorical',
            'tags': 'multivalued',
            'likes': 'multivalued',
            'part': 'categorical',
        }
    else:
        assert len(kinds) == 2
    assert 0 < data.manifest['splits']['test']['positives'] < data.manifest['splits']['test']['rows']


def test_a_draft_of_what_is_not_there(tmp_path):
    (tmp_path / 'empty.csv').touch()
    for path in (tmp_path / 'none.csv', tmp_path / 'empty.csv'):
        with pytest.raises(UsageError, match=path.name):
            draft(pathlib.Path(path))


def test_the_identity_of_prepared_data_is_what_it_has_been(folder):
    # Computed before a declaration had the keys negative, format, missing_time, as_field and files: none may enter
    # unasked.
    (folder / 'stars.csv').write_text(
        'day,ad,stars\n' + ''.join(f'2024-01-{1 + row // 50:02d},{row % 3},{row % 5}\n' for row in range(1000))
    )
    (folder / 'days.yaml').write_text(
        'files: stars.csv\nlabel: {column: stars, above: 2}\nsplit: {time: {column: day, valid: 0.2, '
        'test: 0.1}}\nfields: [{name: ad}]\n'
    )
    (folder / 'drawn.yaml').write_text(
        'files: stars.csv\nlabel: {column: stars, above: 2.5}\nsplit: {random: {seed: 3}}\nfields: '
        '[{name: ad}, {name: tags, column: ad, kind: multivalued}]\n'
    )
    assert {name: prepare(folder / f'{name}.yaml').hash for name in ('mine', 'days', 'drawn')} == {
        'mine': '0b2d4b117ee0df46227e82a1c788c0981dd29f2e68b3ebbb8aa85d6e2956b124',
        'days': '93ffb7a095e50aa3a62eedd1f5df9e946633fcea59217cfc2d931bc5aeb842e0',
        'drawn': '2595332b4b41b2930b913cef36d71c014b28af5bff7d8115b2d3d7ee9600ffbe',
    }
