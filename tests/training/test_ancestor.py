"""A run goes on from another one: what is kept bit for bit, what is drawn, and what is refused."""

import json

import jax
import numpy as np
import pytest
from ancestor_cases import BATCHES, FIELDS, bits, config_of, days, first, folder, go_on, prepare, state_of  # noqa: F401
from run_cases import Told

from autoint_jax.config.configuration import replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.errors import UsageError
from autoint_jax.training.ancestor import open_ancestor
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.inheritance.first_state import fields_of
from autoint_jax.training.inheritance.growth import check_tables
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents
from autoint_jax.training.step import order, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.placement import replicate
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


# The others are slow tests.
QUICK = ('deferred_adam', 'rowwise_adagrad')
OPTIMIZERS = [
    tables if tables in QUICK else pytest.param(tables, marks=pytest.mark.slow) for tables in TABLE_OPTIMIZERS
]


def rows_by_value(setup, data, array, name):
    """{(field, id): the row of an array of a table}."""
    return {
        (field, number): array[first + number]
        for field, first in fields_of(data.schema, setup.table_specs[name]).items()
        for number in range(next(one.cardinality for one in data.schema.fields if one.name == field))
    }


@pytest.mark.parametrize('tables', OPTIMIZERS)
def test_old_ids_keep_the_bits_of_rows_and_optimizer_and_new_ones_are_drawn(days, first, tables):
    old_data, data = days
    ancestor = open_ancestor(first(tables), None, 'unused')
    config = config_of(data, {'optimizer.tables': tables, 'init_state': ancestor.digest, 'seed': 3})
    setup, mesh = make_setup(config, data.schema), placement.data_mesh()
    ancestor.check(setup, data)
    old_setup, old = state_of(first(tables), old_data, ancestor.ancestry.step)
    state, fresh = jax.tree.map(np.asarray, ancestor.first_state(setup, mesh)), initial_state(setup)
    assert state.step == old.step == BATCHES
    for made, before in ((state.params, old.params), (state.optimizer, old.optimizer)):
        assert [bits(leaf) for leaf in jax.tree.leaves(made)] == [bits(leaf) for leaf in jax.tree.leaves(before)]
    moved, drawn, compared = 0, 0, 0
    assert set(state.tables) == {'embedding', 'embedding_2', 'linear'} & set(state.tables) and len(state.tables) > 1
    for name in state.tables:
        arrays = [(one.tables[name], *jax.tree.leaves(one.slots[name])) for one in (state, old, fresh)]
        for made, before, new in zip(*arrays, strict=True):
            if not np.ndim(made):
                assert bits(made) == bits(before)
                continue
            there = rows_by_value(old_setup, old_data, before, name)
            here, as_fresh = (rows_by_value(setup, data, array, name) for array in (made, np.asarray(new)))
            assert there.keys() < here.keys()
            for key, row in here.items():
                assert bits(row) == bits(there[key] if key in there else as_fresh[key]), (name, key)
            moved, drawn, compared = moved + len(there), drawn + len(here) - len(there), compared + 1
    assert moved > 100 and drawn > 50 and compared == len(state.tables) * (1 + slots_of(tables))


def slots_of(tables):
    """The number of arrays of rows that an optimizer keeps for a table."""
    return {'adam': 2, 'deferred_adam': 3, 'lazy_adam': 2, 'rowwise_adagrad': 1}[tables]


@pytest.mark.parametrize(
    'tables', [one if one == 'deferred_adam' else pytest.param(one, marks=pytest.mark.slow) for one in TABLE_OPTIMIZERS]
)
def test_going_on_is_loading_the_state_and_taking_the_steps_by_hand(days, first, tmp_path, tables):
    data, run = days[0], first(tables)
    options = {'optimizer.tables': tables, 'optimizer.learning_rate': 0.02, 'seed': 1}
    config = go_on(run, data, tmp_path / 'on', options)
    mesh = placement.data_mesh()
    setup, state = make_setup(config, data.schema), state_of(run, data, BATCHES)[1]
    cut = slices.cut(64, setup, mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=BATCHES)
    columns = data.split('train')
    batches = order.epoch_order(1, 0, rows=len(columns), batch_size=64, padded_batch=cut.padded_batch, blocks=False)
    state, _ = chunk(
        replicate(state, mesh), resident_columns(columns, mesh), placement.split_order(batches, mesh), 0, len(batches)
    )
    state = make_flush(setup, mesh)(state)
    trained = state_of(tmp_path / 'on', data, BATCHES)[1]
    assert int(trained.step) == 2 * BATCHES
    assert [bits(leaf) for leaf in jax.tree.leaves(trained)] == [bits(leaf) for leaf in jax.tree.leaves(state)]


def test_the_run_records_its_origin_and_a_chain_counts_on(days, first, tmp_path):
    _, data = days
    reporter = Told()
    config = go_on(first('deferred_adam'), data, tmp_path / 'two', {'optimizer.tables': 'deferred_adam'}, reporter)
    assert fingerprint(config) != fingerprint(replace(config, {'init_state': ''}))
    (said,) = (sentence for sentence in reporter.said if sentence.startswith('going on from'))
    assert f'optimizers go on counting from {BATCHES} updates; learning rate 0.05 (there 0.05)' in said
    run = json.loads((tmp_path / 'two' / 'run.json').read_text())
    assert run['config']['init_state'] == config.init_state
    assert run['ancestry'] == {
        'run_dir': str(first('deferred_adam')),
        'fingerprint': contents.read_run(first('deferred_adam')).fingerprint,
        'data_hash': days[0].hash,
        'step': BATCHES,
        'updates': BATCHES,
        'learning_rate': 0.05,
    }
    three = open_ancestor(tmp_path / 'two', None, 'unused')
    assert three.ancestry.updates == 2 * BATCHES
    step = state_of(tmp_path / 'two', data, BATCHES)[1].step
    assert step == 2 * BATCHES


@pytest.mark.slow
@pytest.mark.parametrize('orphan', [True, False])
def test_a_killed_run_goes_on_to_the_same_bits_even_without_its_origin(days, first, tmp_path, orphan):
    data, options = days[1], {'optimizer.tables': 'deferred_adam', 'training.epochs': 2}
    config = go_on(first('deferred_adam'), data, tmp_path / 'whole', options)
    with pytest.raises(KeyboardInterrupt):
        go_on(first('deferred_adam'), data, tmp_path / 'killed', options, Told(stop_after=1))
    if orphan:
        fit(config, data, tmp_path / 'killed', Told())
    else:
        go_on(first('deferred_adam'), data, tmp_path / 'killed', options)
    assert (tmp_path / 'killed' / 'metrics.jsonl').read_text() == (tmp_path / 'whole' / 'metrics.jsonl').read_text()
    for step in CheckpointReader(tmp_path / 'whole' / 'checkpoints').steps():
        one, other = (state_of(tmp_path / name, data, step)[1] for name in ('whole', 'killed'))
        assert [bits(leaf) for leaf in jax.tree.leaves(one)] == [bits(leaf) for leaf in jax.tree.leaves(other)]


REFUSED = [
    ({'model.embedding_dim': 4}, r'has other options than this run \(model.embedding_dim: 3 / 4\).* give the same'),
    ({'optimizer.tables': 'adam'}, r'\(optimizer.tables: deferred_adam / adam\)'),
    ({'optimizer.b1': 0.8}, r'\(optimizer.b1: 0.9 / 0.8\)'),
]


def test_rules_of_steps_may_be_others(days, first, tmp_path):
    rules = {'optimizer.plateau_factor': 0.5, 'optimizer.clip_norm': 1.0, 'optimizer.warmup_steps': 4}
    config = go_on(first('deferred_adam'), days[1], tmp_path / 'run', {'optimizer.tables': 'deferred_adam'} | rules)
    assert config.optimizer.plateau_factor == 0.5 and (tmp_path / 'run' / 'result.json').exists()


@pytest.mark.parametrize('options, sentence', REFUSED)
def test_other_options_are_refused_before_anything_is_written(days, first, tmp_path, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        go_on(first('deferred_adam'), days[1], tmp_path / 'run', {'optimizer.tables': 'deferred_adam'} | options)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    'old, new, sentence',
    [
        ('- {name: city, missing: nothing}\n', '', "field 'city' is gone"),
        ('missing: nothing}', 'missing: nothing}\n- {name: town, column: city}', "field 'town' is new"),
        (
            '{name: city, missing: nothing}\n- {name: age,',
            '{name: city}\n- {name: age,',
            "field 'city' had kind multivalued and has .*",
        ),
        ('min_count: 4}', 'min_count: 4, embedding_dim: 2}', "field 'user' had embedding_dim None and has 2"),
        ('min_count: 4}', 'min_count: 3}', "value 'u.*' of field 'user' had id [0-9]+ and has another"),
        ('min_count: 4}', 'min_count: 9}', "field 'user' had [0-9]+ ids and has [0-9]+"),
        ('transform: standard', 'transform: min_max', "field 'age' had transform standard and has min_max"),
        ('buckets: 4', 'buckets: 5', "field 'group' had buckets 4 and has 5"),
        ('separator: " "}', 'separator: " ", max_values: 3}', "field 'tags' had max_values 2 and has 3"),
    ],
)
def test_data_that_does_not_extend_the_old_one_is_refused(first, tmp_path, old, new, sentence):
    assert old in FIELDS
    data = prepare(tmp_path, 1, fields=FIELDS.replace(old, new))
    with pytest.raises(
        UsageError, match=f'does not extend the data of .*: {sentence}: prepare the data with --extend_from=DATA'
    ):
        go_on(first('deferred_adam'), data, tmp_path / 'run', {'optimizer.tables': 'deferred_adam'})
    assert not (tmp_path / 'run').exists()


def test_rows_to_which_transforms_were_fitted_anew_are_refused(first, tmp_path):
    data = prepare(tmp_path, 2, fields=FIELDS.replace('min_count: 4', 'min_count: 1'))
    with pytest.raises(UsageError, match="field 'age' had transform_parameters .* and has .*: prepare the data with"):
        go_on(first('deferred_adam'), data, tmp_path / 'run', {'optimizer.tables': 'deferred_adam'})


def test_a_state_that_is_not_given_and_copies_are_refused(days, first, tmp_path):
    config = config_of(days[0], {'init_state': 'cafe'})
    with pytest.raises(UsageError, match="init_state is 'cafe', which names a state that is not given"):
        fit(config, days[0], tmp_path / 'run', Told())
    assert not (tmp_path / 'run').exists()
    configs = [replace(config, {'seed': seed}) for seed in (0, 1)]
    with pytest.raises(UsageError, match='copies of a run begin with initial states'):
        fit_copies(configs, days[0], [tmp_path / 'a', tmp_path / 'b'], Told())
    with pytest.raises(UsageError, match=r'has no checkpoint of step 5: it has '):
        open_ancestor(first('deferred_adam'), 5, 'unused')
    with pytest.raises(UsageError, match='is not a run folder'):
        open_ancestor(tmp_path, None, 'unused')


def test_a_width_that_follows_the_number_of_values_is_refused_where_it_changes(days, tmp_path):
    options = {'model.width_scale': 0.05, 'model.width_power': 1.0, 'model.embedding_dim': 8}
    one, two = (make_setup(config_of(data, options), data.schema) for data in days)
    with pytest.raises(UsageError, match="field 'user' is in the table embedding_4 .* and in embedding here, because"):
        check_tables(tmp_path, one, two)
    check_tables(tmp_path, one, one)
