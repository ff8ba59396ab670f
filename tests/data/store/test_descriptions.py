"""Prepared data whose manifest, schema, vocabulary or plan was damaged or edited is refused with one sentence."""

import json

import pytest
from verification_cases import reopened, written

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.generated import shapes
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.errors import UsageError


@pytest.fixture
def data(tmp_path):
    return written(tmp_path)


@pytest.mark.parametrize(
    'name, text, sentence',
    [
        ('manifest.json', '{"format": 1', 'manifest.json is damaged'),
        ('manifest.json', '[1, 2]', 'manifest.json has another form'),
        ('manifest.json', '7', 'manifest.json has another form'),
        ('manifest.json', '[' * 100_000, 'manifest.json is damaged'),
        ('manifest.json', b'\xff\xfe\x00', 'manifest.json is not a text'),
        ('manifest.json', '', 'manifest.json is damaged'),
        ('manifest.json', '{"format": 2}', 'has format 2, this version reads 1'),
        ('manifest.json', '{"format": 1}', 'do not give the hash of the data'),
        ('schema.json', '{"fields": []}', 'do not give the hash of the data'),
        ('schema.json', '{', 'schema.json is damaged'),
        ('schema.json', '[]', 'schema.json has another form'),
    ],
)
def test_damaged_descriptions_are_a_sentence(data, name, text, sentence):
    path = data.folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=f'{sentence}.*prepare the data again with --overwrite'):
        reopened(data)


@pytest.mark.parametrize(
    'preparation', [[], {}, {'samples': {}, 'files_sha256': {}}, {'samples': 7, 'files_sha256': {}}]
)
def test_how_data_was_made_has_a_form(data, preparation):
    path = data.folder / 'manifest.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), PREPARATION: preparation}))
    with pytest.raises(UsageError, match='manifest.json has another form.*with --overwrite'):
        reopened(data)


def test_a_missing_schema_is_named(data):
    (data.folder / 'schema.json').unlink()
    with pytest.raises(UsageError, match='schema.json.*does not exist'):
        reopened(data)


@pytest.mark.parametrize(
    'name, old, new',
    [
        ('schema.json', '"cardinality": 7', '"cardinality": 70'),
        ('schema.json', '"name": "age"', '"name": "Age"'),
        ('manifest.json', '"rows": 101', '"rows": 100'),
        ('manifest.json', '"recipe": "mine"', '"recipe": "yours"'),
    ],
)
def test_descriptions_edited_by_hand_are_refused(data, name, old, new):
    path = data.folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UsageError, match='was changed or damaged after it was written'):
        reopened(data)


@pytest.mark.parametrize('text', ['{', '{"city": ["a", "b", "c", "d", "e", "g"]}', '[]'])
def test_a_changed_vocabulary_is_refused(data, text):
    (data.folder / 'vocabularies.json').write_text(text)
    opened = reopened(data)
    with pytest.raises(UsageError, match='vocabularies.json was changed or damaged'):
        opened.vocabularies()
    with pytest.raises(UsageError, match='vocabularies.json was changed or damaged'):
        opened.check_whole(lambda sentence: None)


def test_a_changed_plan_encodes_nothing(tmp_path):
    shapes.SHAPES['criteo'](tmp_path / 'raw', 300, 5)
    data = registry.prepare('criteo', 'autoint', tmp_path / 'raw', tmp_path)
    path = data.folder / 'plan.json'
    path.write_text(path.read_text().replace('log_square', 'none'))
    for use in (RowEncoder, lambda data: data.check_whole(lambda sentence: None)):
        with pytest.raises(UsageError, match='plan.json was changed or damaged'):
            use(data)
