"""Opening a run costs no more than it must: no initial state, no quantiles again, and rows on the devices only where
they have room.
"""

import json

import jax
import numpy as np
import pytest
from run_cases import Told

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.datasets import registry
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import DATASETS, OWN_TABLE, open_prepared
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.measures import measures
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema
from autoint_jax.training import fields, trained
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.memory import room
from autoint_jax.training.step import scoring, state
from autoint_jax.training.step.columns import bytes_per_row
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')
OPTIONS = {
    'data.dataset': 'csv',
    'data.recipe': 'made',
    'model.embedding_dim': 3,
    'model.num_layers': 1,
    'model.num_heads': 1,
    'model.head_dim': 2,
    'model.numeric_encoding': 'buckets',
    'model.numeric_bins': 5,
    'training.batch_size': 61,
    'training.epochs': 1,
}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    schema = Schema((FieldSpec('a', CATEGORICAL, 7), FieldSpec('x', NUMERIC), FieldSpec('y', NUMERIC)))

    def columns(count):
        return Columns(
            rng.integers(0, 7, (count, 1)).astype(np.int32),
            rng.normal(size=(count, 2)).astype(np.float32),
            (rng.random(count) < 0.5).astype(np.float32),
        )

    return write_prepared(
        tmp_path_factory.mktemp('prepared') / 'csv' / 'made',
        schema=schema,
        vocabularies={},
        description={},
        splits={split: columns(count) for split, count in (('train', 211), ('valid', 71), ('test', 73))},
    )


@pytest.fixture(scope='module')
def run_dir(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs') / 'run'
    fit(replace(Config(), OPTIONS), data, folder, Told())
    return folder


def opened(data, run_dir):
    return open_run(run_dir, str(data.folder.parents[1]), None)


def test_no_initial_state_is_made_to_read_one(data, run_dir, monkeypatch):
    keys = []
    state._state_shapes.cache_clear()
    drawn = state.initial_tables
    monkeypatch.setattr(state, 'initial_tables', lambda specs, key: (keys.append(key), drawn(specs, key))[1])
    assert int(opened(data, run_dir).state.step) == 4
    assert keys and all(isinstance(key, jax.core.Tracer) for key in keys)


def test_quantiles_are_read_from_the_run(data, run_dir, tmp_path, monkeypatch):
    taken = opened(data, run_dir).setup.schema
    numbers = np.asarray(data.split('train').numeric)
    assert [field.boundaries for field in taken.numeric_fields] == [
        fields.quantiles(numbers[:, at], 5) for at in (0, 1)
    ]
    fields._boundaries.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(fields, 'quantiles', None)
        assert opened(data, run_dir).setup.schema == taken
        fit(replace(Config(), OPTIONS), data, run_dir, Told())  # complete
        with pytest.raises(TypeError):
            fit(replace(Config(), {**OPTIONS, 'seed': 1}), data, tmp_path / 'other', Told())
    record = json.loads((run_dir / 'run.json').read_text())
    for recorded in (None, {'x': [0.0] * 6}, {'x': [0.0] * 6, 'y': [0.0] * 5}, {'x': 'a', 'y': [None] * 6}, []):
        assert fields.fitted_schema(replace(Config(), OPTIONS), data, recorded) == taken
    assert fields.recorded_boundaries(run_dir, data.hash) == record['boundaries'] == fields.boundaries(taken)
    assert fields.recorded_boundaries(run_dir, 'of other data') is None
    assert fields.recorded_boundaries(tmp_path / 'nowhere', data.hash) is None


def test_quantiles_are_taken_once_a_process(data, monkeypatch):
    fields._boundaries.cache_clear()
    calls, quantiles = [], fields.quantiles
    monkeypatch.setattr(
        fields, 'quantiles', lambda values, bins: (calls.append(len(values)), quantiles(values, bins))[1]
    )
    for _ in range(3):
        fields.fitted_schema(replace(Config(), OPTIONS), data)
    assert calls == [211, 211]  # a column at a time


def test_a_split_without_room_is_scored_from_disk_with_the_same_figures(data, run_dir, monkeypatch):
    run, columns = opened(data, run_dir), data.split('test')
    measured = measures(('pr_auc',), '', run.setup.schema)
    kept = run.figures(columns, measured)
    test = json.loads((run_dir / 'result.json').read_text())['test']
    assert {name: kept[name] for name in test} == test and list(kept) == [*test, 'pr_auc']
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'there': 2 * len(columns) * bytes_per_row(data.schema) - 1})
    monkeypatch.setattr(scoring, 'make_evaluator', None)
    assert run.figures(columns, measured) == kept


def test_copies_record_their_quantiles_too(data, tmp_path):
    configs = [replace(Config(), {**OPTIONS, 'seed': seed}) for seed in (0, 1)]
    fit_copies(configs, data, [tmp_path / 'a', tmp_path / 'b'], Told())
    for folder in ('a', 'b'):
        assert trained.contents.read_run(tmp_path / folder).boundaries.keys() == {'x', 'y'}
        assert opened(data, tmp_path / folder).setup.schema.numeric_fields[0].boundaries


def test_a_state_that_has_no_room_is_not_read(data, run_dir, monkeypatch):
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(opened(data, run_dir).state))
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'there': 2 * size})
    opened(data, run_dir)
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'there': 2 * size - 1})
    with pytest.raises(UsageError, match=r'reading the state of .* needs .* .tables of 7 x 3 values'):
        opened(data, run_dir)


@pytest.mark.parametrize(
    'dataset, recipe, sentence',
    [
        (
            'movielens_100k',
            'with_ids',
            'run scripts/prepare_data.py --dataset=movielens_100k --recipe=with_ids --data_dir=there$',
        ),
        (
            'criteo',
            'bars',
            'run scripts/prepare_data.py --dataset=criteo --recipe=bars --raw_dir=FOLDER --data_dir=there$',
        ),
        ('csv', 'mine', '--dataset=csv --schema=mine.yaml --data_dir=there$'),
        ('csv', 'mine.yaml', '--dataset=csv --schema=mine.yaml --data'),
        ('criteoo', 'bars', 'run scripts/prepare_data.py --dataset=criteoo --recipe=bars'),
    ],
)
def test_what_is_not_prepared_is_named_with_a_command_that_prepares_it(dataset, recipe, sentence):
    with pytest.raises(UsageError, match=sentence):
        open_prepared('there', dataset, recipe)


def test_a_near_miss_of_a_data_set_that_is_prepared_is_named(data_dir):
    with pytest.raises(UsageError, match=r"\(did you mean 'movielens_1m'\?\): run scripts/prepare_data.py"):
        open_prepared(data_dir, 'movielens1m', 'autoint_all_rows')


def test_the_name_of_a_data_set_is_never_taken_for_that_of_another(tmp_path):
    """Also if only data of a similar name is prepared."""
    assert set(DATASETS) == {*registry.DATASETS, OWN_TABLE}
    (tmp_path / 'criteo_x1' / 'bars').mkdir(parents=True)
    (tmp_path / 'criteo_x1' / 'bars' / 'manifest.json').touch()
    with pytest.raises(UsageError, match=r'is missing\): run scripts/prepare_data.py --dataset=criteo '):
        open_prepared(tmp_path, 'criteo', 'bars')
    with pytest.raises(UsageError, match=r"\(did you mean 'criteo_x1'\?\)"):
        open_prepared(tmp_path, 'criteo_1', 'bars')
    with pytest.raises(UsageError, match=r"\(did you mean 'avazu'\?\)"):
        open_prepared(tmp_path, 'avasu', 'bars')
