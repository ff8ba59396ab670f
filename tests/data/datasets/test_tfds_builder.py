"""Prepared data as TensorFlow Datasets: the same rows in blocks, without TensorFlow."""

import ast
import json
import pathlib
import sys

import grain
import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import ROOT

from autoint_jax.data.datasets import registry, tfds_builder, tfds_shards
from autoint_jax.data.generated import shapes
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.schema import Schema

ROWS = {'criteo': 1999, 'avazu': 997, 'kdd12': 997}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(tfds_shards, 'BLOCK_ROWS', 113)
    monkeypatch.setattr(tfds_shards, 'SHARD_BLOCKS', 3)


@pytest.fixture(scope='module')
def raw(tmp_path_factory, raw_dir):
    """Returns {name of a data set: folder of its raw files}."""
    folder = tmp_path_factory.mktemp('raw')
    for name, rows in ROWS.items():
        shapes.SHAPES[name](folder / name, rows, 5)
    return {**{name: folder / name for name in ROWS}, 'movielens_1m': raw_dir}


@pytest.fixture
def prepared(tmp_path, raw):
    """Returns a function that prepares a recipe as the project's own command does."""

    def run(dataset, recipe):
        return registry.prepare(dataset, recipe, raw[dataset], tmp_path / 'prepared')

    return run


def from_raw(folder):
    return {'download_config': tfds.download.DownloadConfig(manual_dir=folder)}


def check_same(builder, data):
    """Rows, schema and counts of a builder equal those of prepared data, bit for bit."""
    assert Schema.from_json(builder.info.metadata['schema']) == data.schema
    assert builder.info.metadata['manifest'] == data.description
    for split in SPLITS:
        blocks, columns = list(builder.as_data_source(split)), data.split(split)
        rows = [len(block['labels']) for block in blocks]
        assert len(columns) > 0 and sum(rows) == len(columns) == data.manifest['splits'][split]['rows']
        assert set(rows[:-1]) <= {113} and rows[-1] <= 113 and len(rows) == builder.info.splits[split].num_examples
        for name, width in (
            ('ids', data.schema.num_slots),
            ('numeric', len(data.schema.numeric_fields)),
            ('labels', 1),
        ):
            assert (name in blocks[0]) == (width > 0)
            if width:
                found, wanted = np.concatenate([block[name] for block in blocks]), np.asarray(getattr(columns, name))
                assert (
                    found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()
                )


@pytest.mark.parametrize(
    'dataset, recipe',
    [('criteo', 'autoint'), ('avazu', 'bars'), ('kdd12', 'autoint_all_rows'), ('movielens_1m', 'autoint_all_rows')],
)
def test_raw_files_become_the_prepared_rows_in_blocks(dataset, recipe, raw, prepared, tmp_path):
    name = f'autoint_{dataset}/{recipe}'
    train = tfds.data_source(
        name, split='train', data_dir=tmp_path / 'tfds', download_and_prepare_kwargs=from_raw(raw[dataset])
    )
    builder, data = tfds.builder(name, data_dir=tmp_path / 'tfds'), prepared(dataset, recipe)
    assert len(train) == builder.info.splits['train'].num_examples
    check_same(builder, data)
    check_same(tfds.builder_from_directory(builder.data_dir), data)
    assert json.loads((builder.data_path / 'vocabularies.json').read_text()) == {
        field: list(vocabulary.values) for field, vocabulary in data.vocabularies().items()
    }
    assert (builder.data_path / 'plan.json').exists() == (data.folder / 'plan.json').exists()
    left = [path.name for path in pathlib.Path(builder.data_dir).parent.rglob('*')]
    assert not [name for name in left if name.endswith('.npy') or name.startswith(('incomplete', 'prepared'))]
    assert 'tensorflow' not in sys.modules


def test_every_recipe_has_its_text_and_the_width_of_its_rows(raw, tmp_path):
    for dataset, wanted in registry.DATASETS.items():
        builder_class = tfds.builder_cls(f'autoint_{dataset}')
        assert [config.name for config in builder_class.BUILDER_CONFIGS] == list(wanted.recipes)
        info = builder_class(data_dir=tmp_path).info
        assert (
            str(info.version) == '1.0.0'
            and info.citation.startswith('@')
            and info.homepage == wanted.reference.homepage
        )
        assert info.description.startswith(wanted.reference.description) and info.redistribution_info.license
    schema = registry.prepare('movielens_1m', 'with_ids', raw['movielens_1m'], tmp_path / 'prepared').schema
    features = tfds.builder('autoint_movielens_1m/with_ids', data_dir=tmp_path).info.features
    assert features['ids'].shape == (None, schema.num_slots) and features['numeric'].shape == (None, 1)


def test_what_is_there_is_left_alone_and_other_data_is_noticed(raw, prepared, tmp_path):
    data = prepared('criteo', 'bars')
    where = {'data_dir': tmp_path / 'tfds', 'prepared_dir': tmp_path / 'prepared'}
    builder = tfds.builder('autoint_criteo/bars', **where)
    builder.download_and_prepare()
    check_same(builder, data)
    times = {path: path.stat().st_mtime_ns for path in pathlib.Path(builder.data_dir).iterdir()}
    tfds.builder('autoint_criteo/bars', **where).download_and_prepare()
    assert times == {path: path.stat().st_mtime_ns for path in pathlib.Path(builder.data_dir).iterdir()} and times
    shapes.SHAPES['criteo'](tmp_path / 'other', 500, 6)
    registry.prepare('criteo', 'bars', tmp_path / 'other', tmp_path / 'prepared')
    with pytest.raises(UsageError, match='was built from other data'):
        tfds.builder('autoint_criteo/bars', **where)


def test_an_interrupted_build_leaves_nothing(raw, prepared, tmp_path):
    class Interrupting:
        def begin(self, name, total): ...

        def end(self, rows): ...

        def say(self, sentence): ...

        def advance(self, units, rows=0):
            if rows > 4 * 113:
                raise KeyboardInterrupt

    prepared('criteo', 'bars')
    builder = tfds.builder('autoint_criteo/bars', data_dir=tmp_path / 'tfds', prepared_dir=tmp_path / 'prepared')
    builder.progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        builder.download_and_prepare()
    assert not list(builder.data_path.parent.iterdir())
    builder = tfds.builder('autoint_criteo/bars', data_dir=tmp_path / 'tfds')
    builder.download_and_prepare(**from_raw(raw['criteo']))
    check_same(builder, open_prepared(tmp_path / 'prepared', 'criteo', 'bars'))


def test_mistakes(tmp_path):
    (tmp_path / 'raw').mkdir()
    (tmp_path / 'raw' / 'other.txt').touch()
    builder = tfds.builder('autoint_criteo', data_dir=tmp_path / 'tfds')
    with pytest.raises(UsageError, match='nowhere has no files, but autoint_criteo needs train.txt of https'):
        builder.download_and_prepare(**from_raw(tmp_path / 'nowhere'))
    with pytest.raises(UsageError, match='train.txt does not exist'):
        builder.download_and_prepare(**from_raw(tmp_path / 'raw'))
    with pytest.raises(UsageError, match='scripts/prepare_data.py --dataset=criteo'):
        tfds.builder('autoint_criteo', data_dir=tmp_path, prepared_dir=tmp_path / 'nowhere')
    with pytest.raises(UsageError, match='prepared_dir'):
        tfds.builder('autoint_csv/mine', data_dir=tmp_path).download_and_prepare()
    with pytest.raises(UsageError, match='autoint_csv/RECIPE'):
        tfds.builder('autoint_csv', data_dir=tmp_path)
    with pytest.raises(UsageError, match='array_record'):
        tfds.builder('autoint_criteo', data_dir=tmp_path, file_format='parquet')


def test_the_documented_batches_have_every_row_once(prepared, tmp_path):
    data = prepared('movielens_1m', 'with_ids')
    builder = tfds.builder('autoint_movielens_1m/with_ids', data_dir=tmp_path, prepared_dir=tmp_path / 'prepared')
    builder.download_and_prepare()
    lines = tfds_builder.__doc__.splitlines()
    first = lines.index('    for epoch in range(epochs):')
    code = (
        '\n'.join(line[4:] for line in lines[first : lines.index('', first)]).replace('1024', '32')
        + '\n            use(batch)'
    )
    batches = []
    exec(
        code, {'epochs': 2, 'blocks': builder.as_data_source('train'), 'np': np, 'grain': grain, 'use': batches.append}
    )
    found = np.concatenate([batch['numeric'] for batch in batches])[:, 0]
    wanted = np.asarray(data.split('train').numeric)[:, 0]
    assert len(batches[0]['labels']) == 32 and len(found) == 2 * len(wanted)
    one, other = np.split(found, 2)
    assert not np.array_equal(one, wanted) and not np.array_equal(one, other)
    np.testing.assert_array_equal(np.sort(one), np.sort(wanted))
    np.testing.assert_array_equal(np.sort(other), np.sort(wanted))


def test_a_table_of_ones_own_is_published_by_a_command(command, tmp_path):
    rows = [f'{row / 7},{row % 2},{("test", "train", "train", "valid")[row // 2 % 4]}' for row in range(320)]
    (tmp_path / 'mine.csv').write_text('\n'.join(['a,y,part', *rows]) + '\n')
    (tmp_path / 'mine.yaml').write_text(
        'files: mine.csv\nlabel: y\nfields:\n  - {name: a, kind: numeric}\n'
        'split: {column: {name: part, train: [train], valid: [valid], test: [test]}}\n'
    )
    data = registry.prepare_own(tmp_path / 'mine.yaml', None, tmp_path / 'data/prepared', registry.Options())
    done = command('scripts/publish_tfds.py', '--dataset=csv', '--recipe=mine', '--tfds_dir=tfds')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('160 rows in 1 blocks') == 1 and done.stdout.count('80 rows in 1 blocks') == 2
    found = tfds.data_source('autoint_csv/mine', data_dir=tmp_path / 'tfds', download=False)
    assert found.keys() == {'train', 'valid', 'test'} and found['train'][0].keys() == {'numeric', 'labels'}
    np.testing.assert_array_equal(found['train'][0]['numeric'], data.split('train').numeric)


def test_nothing_but_the_builder_knows_tensorflow_datasets():
    for path in [
        *(ROOT / 'autoint_jax').rglob('*.py'),
        *(ROOT / 'scripts').glob('*.py'),
        *(ROOT / 'experiments').glob('*.py'),
    ]:
        names = {
            name
            for node in ast.parse(path.read_text()).body
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [f'{node.module}.{alias.name}' for alias in node.names]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        if path.name not in ('tfds_builder.py', 'tfds_shards.py'):
            assert not [name for name in names if 'tensorflow_datasets' in name or 'tfds_builder' in name], path
