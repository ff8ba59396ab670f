"""Data of a later day extends prepared data: ids stay, counts go on, transforms stay as they were fitted."""

import collections
import json

import numpy as np
import pytest

from autoint_jax.data.datasets import registry
from autoint_jax.data.encoding import counting
from autoint_jax.data.encoding.plan import UNKNOWN
from autoint_jax.data.preparation import staleness
from autoint_jax.data.store.manifest import PREPARATION, identity_of
from autoint_jax.data.store.opening import open_extended, open_folder
from autoint_jax.errors import UsageError

FIELDS = """
- {name: city, min_count: 3}
- {name: town, column: city, min_count: 4, cap: 5}
- {name: street, column: city, min_count: 2, missing: nothing}
- {name: place, column: city, min_count: 4, missing: value}
- {name: every, column: city}
- {name: level, column: gain, transform: log_square_bucket, min_count: 2, missing: value}
- {name: group, column: gain, transform: quantiles, buckets: 4}
- {name: gain, kind: numeric, transform: standard}
- {name: tags, kind: multivalued, separator: " ", min_count: 2}
- {name: likes, kind: multivalued, separator: " ", shares: tags}
"""
DAYS = {
    'day1': ['b', 'b', 'b', 'a', 'a', 'c', 'd', '', 'e', 'e', 'e', 'e', '', 'f'],
    'day2': ['a', 'c', 'c', 'aa', 'f', 'f', 'b', '', '', 'g', 'f', 'c'],
    'day3': ['g', 'd', 'd', 'h', 'h', 'h', 'h', 'd', 'd', 'a', 'zz'],
}
GAINS = {'day1': [5, 5, 40, 40, 1, 2, 3, '', 5, 40, 1, 2, 3, 4], 'day2': ['', 7000, 7000, 5] * 3, 'day3': [9] * 11}


def write_day(folder, day, fields=FIELDS):
    """Writes the table of a day, twice for each split, and its declaration; training rows alone are fitted."""
    lines = ['part,y,city,gain,tags,likes']
    for part in ('train', 'valid', 'test'):
        for row, (city, gain) in enumerate(zip(DAYS[day], GAINS[day], strict=True)):
            city = city if part == 'train' else 'only_elsewhere'
            lines.append(f'{part},{row % 2},{city},{gain},{" ".join(dict.fromkeys([city, "x"]))},{city}')
    (folder / f'{day}.csv').write_text('\n'.join(lines) + '\n')
    declaration = folder / f'{day}.yaml'
    declaration.write_text(
        f'files: [{day}.csv]\nlabel: y\nsplit: {{column: {{name: part, train: train, valid: valid, test: test}}}}\n'
        f'fields: {fields}'
    )
    return declaration


def prepare(folder, day, extends=None, fields=FIELDS):
    """Prepares the table of a day."""
    return registry.prepare_own(
        write_day(folder, day, fields), None, folder / 'out', registry.Options(0.0, extends=extends)
    )


@pytest.fixture
def days(tmp_path):
    """The prepared data of three days, each of which extends the one before."""
    one = prepare(tmp_path, 'day1')
    two = prepare(tmp_path, 'day2', one)
    return one, two, prepare(tmp_path, 'day3', two)


def extended(old, counts, min_count, cap=None):
    """The vocabulary of a day in plain Python: known values, then new ones that are frequent by all days, sorted."""
    known = [value for value in old if value not in ('', UNKNOWN)]
    new = [value for value in counts if value and value not in known and counts[value] >= min_count]
    if cap is not None:
        new = sorted(new, key=lambda value: (-counts[value], value))[: cap - len(known)]
    return [*old, *sorted(new)]


def test_ids_stay_and_values_get_one_when_all_days_have_them_often_enough(days):
    counts, city, town, street, every = collections.Counter(), [], [], [UNKNOWN], []
    for day, data in zip(DAYS, days, strict=True):
        counts += collections.Counter(DAYS[day])
        city, town = extended(city, counts, 3), extended(town, counts, 4, cap=5)
        street, every = extended(street, counts, 2), extended(every, counts, 1)
        found = {name: list(vocabulary.values) for name, vocabulary in data.vocabularies().items()}
        assert (found['city'], found['town'], found['street'], found['every']) == (city, town, street, every)
        assert found['tags'] == found['likes']
    assert city == ['b', 'e', 'a', 'c', 'f', 'd', 'h']  # a, c and d by rows of several days
    assert len(town) == 5 and town[0] == 'e'


def test_a_missing_value_that_becomes_frequent_later_gets_an_id_after_the_others(days):
    one, two, three = (data.vocabularies()['place'].values for data in days)
    assert (one, two) == (('e',), ('e', '', 'b', 'c', 'f')) and three[:5] == two and '' not in three[5:]
    for day, data, values in zip(DAYS, days, (one, two, three), strict=True):
        expected = [1 + values.index(city) if city in values else 0 for city in DAYS[day]]
        assert data.split('train').ids[:, data.schema.slots['place']].ravel().tolist() == expected
    # Numbers as buckets: int(log(7000)^2) = 78, and missing values are frequent from the second day on.
    assert days[0].vocabularies()['level'].values == ('1', '2', '13')
    levels = days[1].vocabularies()['level'].values
    assert levels == ('1', '2', '13', '', '78')
    ids = days[1].split('train').ids[:, days[1].schema.slots['level']].ravel().tolist()
    assert ids == [4, 5, 5, 2] * 3


def test_transforms_and_slots_stay_as_they_were_fitted(days):
    gains = np.array([float(gain) for gain in GAINS['day1'] if gain != ''])
    place = days[0].schema.numeric_columns['gain']
    for day, data in zip(DAYS, days, strict=True):
        raw = np.array([float(gain) if gain != '' else np.nan for gain in GAINS[day]])
        expected = ((raw - gains.mean()) / gains.std()).astype(np.float32)
        np.testing.assert_allclose(data.split('train').numeric[:, place].ravel(), expected, rtol=1e-6)
        fields = {field.name: field for field in data.schema.fields}
        first = {field.name: field for field in days[0].schema.fields}
        assert fields['gain'] == first['gain'] and fields['group'] == first['group']
        assert fields['tags'].max_values == first['tags'].max_values


def test_the_manifest_names_what_was_extended_and_data_alone_keeps_its_hash(days, tmp_path):
    one, two, three = days
    assert 'extends' not in one.manifest
    assert (two.manifest['extends'], three.manifest['extends']) == (one.hash, two.hash)
    record = two.preparation['extends']
    assert record['folder'] == str(one.folder) and record['new_values']['every'] == 2
    (tmp_path / 'alone').mkdir()
    assert prepare(tmp_path / 'alone', 'day2').hash != two.hash
    assert identity_of(one.manifest, one.schema.to_json()) == one.hash
    for data in days:
        open_folder(data.folder).check_whole(lambda sentence: None)


def test_the_same_command_asks_for_the_same_extension(days, tmp_path):
    from autoint_jax.data.datasets import own_table
    from autoint_jax.data.datasets.declaration.table import load

    one, two, _ = days
    origin = own_table.origin_of(load(tmp_path / 'day2.yaml'))
    said = []
    staleness.check(two, staleness.Asked(origin, None, tmp_path, 0.0, False, one.hash), said.append)
    with pytest.raises(UsageError, match='it extends the data with hash .*, and shall extend no other data'):
        staleness.check(two, staleness.Asked(origin, None, tmp_path, 0.0, False), said.append)


def test_counts_of_very_many_values_go_on_in_parts(days, tmp_path, monkeypatch):
    monkeypatch.setattr(counting, 'MOST_VALUES', 2)
    (tmp_path / 'parts').mkdir()
    data = prepare(tmp_path / 'parts', 'day1')
    for day in ('day2', 'day3'):
        data = prepare(tmp_path / 'parts', day, data)
    assert data.vocabularies() == days[2].vocabularies()


def test_what_cannot_be_extended_is_refused(tmp_path):
    one = prepare(tmp_path, 'day1')
    with pytest.raises(UsageError, match=r'other fields \(fields.city.min_count was 3 and is 4\): declare the fields'):
        prepare(tmp_path, 'day2', one, FIELDS.replace('city, min_count: 3', 'city, min_count: 4'))
    with pytest.raises(UsageError, match=r'other fields \(fields.every is gone\)'):
        prepare(tmp_path, 'day2', one, FIELDS.replace('- {name: every, column: city}\n', ''))
    with pytest.raises(UsageError, match='day0 is no prepared data .*: name a recipe that is prepared in'):
        open_extended(tmp_path / 'out', 'csv', 'day0', tmp_path / 'new')
    with pytest.raises(UsageError, match='which the new data would replace: name another --data_dir'):
        open_extended(tmp_path / 'out', 'csv', 'day1', one.folder)
    with pytest.raises(UsageError, match='is data of csv, which data of criteo cannot extend'):
        open_extended(tmp_path / 'out', 'criteo', str(one.folder), tmp_path / 'new')
    assert open_extended(tmp_path / 'out', 'csv', 'day1', tmp_path / 'new').hash == one.hash
    path = next((one.folder / 'counts').iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b'?')
    with pytest.raises(UsageError, match='counts of rare values of field .* is missing or was changed'):
        prepare(tmp_path, 'day2', one)
    manifest = json.loads((one.folder / 'manifest.json').read_text())
    del manifest[PREPARATION]['counts']
    (one.folder / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="by an earlier version, which did not keep the counts .*field 'city'"):
        prepare(tmp_path, 'day2', open_folder(one.folder))


def test_click_logs_are_extended_but_not_by_the_recipe_of_one_file(tmp_path, raw_dir, data_dir):
    for day in (1, 2):
        write_clicks(tmp_path / f'raw{day}', seed=day)
    one = registry.prepare('avazu', 'autoint', tmp_path / 'raw1', tmp_path / 'one')
    two = registry.prepare('avazu', 'autoint', tmp_path / 'raw2', tmp_path / 'two', registry.Options(extends=one))
    before, after = one.vocabularies(), two.vocabularies()
    grown = [name for name in before if len(after[name].values) > len(before[name].values)]
    assert len(grown) > 5
    for name, vocabulary in before.items():
        assert after[name].values[: len(vocabulary.values)] == vocabulary.values
    one = registry.prepare('avazu', 'autoint_all_rows', tmp_path / 'raw1', tmp_path / 'one')
    with pytest.raises(UsageError, match='by their place in one file, so prepare both by another recipe'):
        registry.prepare(
            'avazu', 'autoint_all_rows', tmp_path / 'raw2', tmp_path / 'two', registry.Options(extends=one)
        )
    with pytest.raises(UsageError, match='movielens_1m cannot be extended'):
        registry.prepare(
            'movielens_1m', 'autoint_all_rows', raw_dir, tmp_path, registry.Options(extends=open_folder(one.folder))
        )


def write_clicks(folder, seed):
    """Writes a small file in the shape of Avazu."""
    from autoint_jax.data.generated.avazu import avazu

    avazu(folder, 3000, seed)
