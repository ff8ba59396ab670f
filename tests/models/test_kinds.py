"""Fields of one kind alone: every model, every optimizer of tables, resumed, as copies, streamed, by the commands."""

import csv
import dataclasses
import json
import random

import jax
import numpy as np
import pytest
from run_cases import Told
from test_contract import with_everything

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.models.registry import MODELS
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.loop import fit
from autoint_jax.training.step import order, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import initial_state, make_setup
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')

A, B = FieldSpec('a', CATEGORICAL, 5), FieldSpec('b', CATEGORICAL, 3)
S, X, Y = FieldSpec('s', MULTIVALUED, 7, max_values=3), FieldSpec('x', NUMERIC), FieldSpec('y', NUMERIC)
KINDS = {
    'numeric': (X, Y),
    'categorical': (A, B),
    'one numeric': (X,),
    'one multivalued': (S,),
    'numeric and multivalued': (X, S),
}
ROWS = 37


def columns_of(schema, rows=ROWS, seed=0):
    """Rows in which multivalued fields may be empty and every fifth number is missing."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(0, field.cardinality, (rows, field.max_values)) for field in schema.id_fields]
    numeric = rng.normal(size=(rows, len(schema.numeric_fields))).astype(np.float32)
    numeric[::5] = np.nan
    labels = (np.arange(rows) % 3 == 0).astype(np.float32)
    return Columns(np.concatenate([*ids, np.zeros((rows, 0))], 1).astype(np.int32), numeric, labels)


def prepared(folder, kind) -> PreparedData:
    schema = Schema(KINDS[kind])
    # Splits of one size are scored by one program.
    sizes = {'train': ROWS, 'valid': 13, 'test': 13}
    splits = {split: columns_of(schema, rows, seed) for seed, (split, rows) in enumerate(sizes.items())}
    return write_prepared(
        folder / 'csv' / 'kinds',
        schema=schema,
        vocabularies={},
        splits=splits,
        description={'dataset': 'csv', 'recipe': 'kinds'},
    )


def config_of(**options) -> Config:
    return replace(
        Config(),
        {
            'data.dataset': 'csv',
            'data.recipe': 'kinds',
            'training.batch_size': 8,
            'training.epochs': 2,
            **{name.replace('__', '.'): value for name, value in options.items()},
        },
    )


LOGISTIC = {'model__name': 'lr'}
AUTOINT = {'model__embedding_dim': 3, 'model__num_layers': 1, 'model__num_heads': 2, 'model__head_dim': 3}


# One of each family; a slow test takes every model with every kind.
FAMILIES = 'lr', 'fm', 'nfm', 'dnn', 'dcn_v2', 'cin', 'autoint', 'destine'
ALL = [pytest.param(list(KINDS), name, marks=pytest.mark.slow, id=f'all-{name}') for name in MODELS]


@pytest.mark.parametrize(
    'kinds, name',
    [*((['numeric'], name) for name in FAMILIES), (['categorical', 'one multivalued'], 'autoint'), *ALL],
    ids=lambda value: '+'.join(value) if isinstance(value, list) else value,
)
def test_every_model_learns_from_every_combination_of_kinds(kinds, name):
    """An epoch whose last batch is not full, dropout on; then no part of the state is empty, and tables have moved."""
    for kind in kinds:
        schema = Schema(KINDS[kind])
        config = dataclasses.replace(config_of(), model=with_everything(name))
        setup, mesh, columns = make_setup(config, schema), placement.data_mesh(), columns_of(schema)
        cut = slices.cut(8, setup, mesh)
        before = initial_state(setup)
        first = {table: np.array(values) for table, values in before.tables.items()}
        ordered = order.epoch_order(0, 0, rows=ROWS, batch_size=8, padded_batch=cut.padded_batch)
        state, losses = steps.make_chunk(setup, mesh, cut, max_steps=5)(
            placement.replicate(before, mesh), resident_columns(columns, mesh), placement.replicate(ordered, mesh), 0, 5
        )
        logits = scoring.make_scorer(setup, mesh)(state.variables, state.tables, resident_columns(columns, mesh))
        assert np.isfinite(losses).all() and np.isfinite(logits).all() and logits.shape == (ROWS,), kind
        for path, leaf in jax.tree_util.tree_leaves_with_path(state):
            assert leaf.size and np.isfinite(leaf).all(), f'{kind} {jax.tree_util.keystr(path)}'
        assert sorted(state.tables) == (sorted(setup.table_specs) if schema.id_fields else []), kind
        # Not all move: two fields have no triples, one field has no pairs.
        assert not first or any((np.asarray(values) != first[table]).any() for table, values in state.tables.items()), (
            kind
        )


SPARSE = 'deferred_adam', 'lazy_adam', 'rowwise_adagrad'
FORMS = [('adam', 'xla'), *((tables, form) for tables in SPARSE for form in ('xla', 'cpu_kernel'))]
# Numbers have no table that an optimizer could treat in a way of its own, with or without a field of ids beside them.
# test_resume.py and test_table_optimizers.py have the other forms of tables.
FEW = {
    'numeric': [('adam', 'xla')],
    'numeric and multivalued': [('deferred_adam', 'cpu_kernel')],
    'one multivalued': [(tables, 'xla' if tables == 'adam' else 'cpu_kernel') for tables in ('adam', *SPARSE)],
}
RESUMED = [
    pytest.param(kind, *form, marks=[] if form in FEW[kind] else [pytest.mark.slow]) for kind in FEW for form in FORMS
]


@pytest.mark.parametrize('kind, tables, form', RESUMED)
def test_a_run_is_resumed_with_every_optimizer_of_tables(kind, tables, form, tmp_path):
    data = prepared(tmp_path, kind)
    config = config_of(**LOGISTIC, optimizer__tables=tables, execution__tables_form=form)
    whole = fit(config, data, tmp_path / 'whole', Told())
    with pytest.raises(KeyboardInterrupt):
        fit(config, data, tmp_path / 'resumed', Told(stop_after=1))
    resumed = fit(config, data, tmp_path / 'resumed', Told())
    assert resumed.test == whole.test and resumed.valid == whole.valid and whole.epochs == 2
    one, other = (open_run(tmp_path / run, str(tmp_path), None).state for run in ('whole', 'resumed'))
    assert bool(one.tables) == (kind != 'numeric')
    for ours, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('kind', ['numeric', 'one multivalued'])
def test_streaming_and_copies_give_what_a_run_alone_gives(kind, tmp_path):
    data = prepared(tmp_path, kind)
    base = config_of(**LOGISTIC, optimizer__tables='deferred_adam', execution__slice_rows=4)
    alone = [fit(replace(base, {'seed': seed}), data, tmp_path / f'alone-{seed}', Told()) for seed in (0, 1)]
    streamed = fit(replace(base, {'execution.streaming': True}), data, tmp_path / 'streamed', Told())
    assert streamed.test == alone[0].test
    folders = [tmp_path / f'copy-{seed}' for seed in (0, 1)]
    together = fit_copies(copies(replace(base, {'replicas.seeds': 2})), data, folders, Told())
    assert [result.test for result in together] == [result.test for result in alone]


@pytest.mark.parametrize('encoding', ['scaled', 'buckets', 'piecewise_linear', 'periodic'])
def test_numeric_fields_alone_train_in_every_encoding(encoding, tmp_path):
    data = prepared(tmp_path, 'numeric')
    config = config_of(**AUTOINT, model__numeric_encoding=encoding, training__epochs=1)
    assert np.isfinite(fit(config, data, tmp_path / 'run', Told()).test['logloss'])
    run = open_run(tmp_path / 'run', str(tmp_path), None)
    assert run.setup.schema == fitted_schema(config, data) and run.state.tables == {}


@pytest.mark.slow
def test_commands_of_a_table_of_numbers(command, tmp_path):
    """Prepared, trained, resumed, evaluated and explained as a user does it; doctor plans its memory."""
    rng = random.Random(0)
    with open(tmp_path / 'numbers.csv', 'w', newline='') as file:
        csv.writer(file).writerows(
            [
                ['age', 'height', 'clicked'],
                *([rng.randint(18, 80), f'{rng.random():.3f}', rng.randint(0, 1)] for _ in range(200)),
            ]
        )
    (tmp_path / 'numbers.yaml').write_text(
        'files: [numbers.csv]\nlabel: clicked\nfields:\n- {name: age, kind: numeric, transform: standard}\n'
        '- {name: height, kind: numeric, transform: min_max}\n'
    )
    (tmp_path / 'tiny.toml').write_text(
        "[data]\ndataset = 'csv'\nrecipe = 'numbers'\n"
        '[model]\nembedding_dim = 4\nnum_layers = 1\nnum_heads = 1\nhead_dim = 4\n'
        '[training]\nbatch_size = 64\nepochs = 1\n'
    )
    for script, *options in (
        ('prepare_data', '--dataset=csv', '--schema=numbers.yaml'),
        ('train', '--config=tiny.toml', '--run_dir=run'),
        ('train', '--config=tiny.toml', '--run_dir=run'),
        ('evaluate', '--run_dir=run'),
        ('explain', '--run_dir=run'),
        ('doctor', '--config=tiny.toml'),
    ):
        done = command(f'scripts/{script}.py', *options)
        assert done.returncode == 0 and 'Traceback' not in done.stderr, (script, done.stdout, done.stderr)
    assert (tmp_path / 'run/explanation/report.html').exists()
    assert json.loads((tmp_path / 'run/result.json').read_text())['embedding_parameters'] == 8
