"""Copies of a run in one program are the runs alone."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from run_cases import SMALL, Told
from trained_cases import data  # noqa: F401

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.training.copies import programs
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.copies.options import copy_name
from autoint_jax.training.loop import fit
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.columns import resident_columns, whole_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


@pytest.mark.parametrize(
    'tables, form, l2, together',
    [
        pytest.param('adam', 'xla', 'l2_tables', False, marks=pytest.mark.slow),
        pytest.param('deferred_adam', 'cpu_kernel', 'l2_rows', False, marks=pytest.mark.slow),
        pytest.param('deferred_adam', 'xla', 'l2_rows', True, marks=pytest.mark.slow),
    ],
)
def test_copies_are_what_they_are_alone(request, tables, form, l2, together):
    base = replace(
        Config(),
        {
            'training.batch_size': 6,
            'execution.slice_rows': 3,
            'model.num_layers': 1,
            'execution.form': 'einsum',
            'model.deep_hidden': [5],
            'optimizer.tables': tables,
            'execution.tables_form': form,
        },
    )
    configs = [
        replace(
            base,
            {
                'seed': seed,
                'optimizer.learning_rate': rate,
                f'optimizer.{l2}': weight,
                'model.attention_dropout': attention,
                'model.embedding_dropout': embedding,
                'model.deep_dropout': deep,
            },
        )
        for seed, rate, weight, attention, embedding, deep in [
            (0, 1e-3, 0.0, 0.0, 0.2, 0.0),
            (7, 3e-3, 0.3, 0.4, 0.0, 0.1),
        ]
    ]
    schema, columns = made_up(Shape((3, 17)), 24, seed=1)
    varied = {
        name: jnp.asarray(values)
        for name, values in {
            'seed': [0, 7],
            'learning_rate': [1e-3, 3e-3],
            'tables_learning_rate': [1e-3, 3e-3],
            l2: [0.0, 0.3],
            'attention_dropout': [0.0, 0.4],
            'embedding_dropout': [0.2, 0.0],
            'deep_dropout': [0.0, 0.1],
        }.items()
    }
    setup, mesh = make_setup(configs[0], schema), programs.replica_mesh(2, jax.local_devices()[:1])
    alone_on = placement.data_mesh(jax.local_devices()[:1])
    cut = slices.cut(6, setup, mesh)
    order = jnp.asarray(batches_in_order(24, 6, cut.padded_batch))
    orders = jnp.stack([order, order[::-1]])
    resident = whole_columns(columns, mesh)
    first = [initial_state(make_setup(config, schema)) for config in configs]
    states = programs.stacked(first, mesh)
    counts = jnp.array([3, 2])
    if not together:
        request.getfixturevalue('optimized')  # the same bits
    states, losses = programs.make_chunk(setup, mesh, cut, max_steps=3, together=together)(
        states, varied, orders, counts, resident, 1
    )
    states = programs.make_flush(setup, mesh, together=together)(states, varied)
    for copy, config in enumerate(configs):
        own = make_setup(config, schema)
        alone, loss = steps.make_chunk(own, alone_on, cut, max_steps=3)(
            first[copy], resident_columns(columns, alone_on), orders[copy], 1, int(counts[copy])
        )
        alone = make_flush(own, alone_on)(alone)
        near = {'rtol': 2e-4, 'atol': 2e-6} if together else {'rtol': 0, 'atol': 0}
        np.testing.assert_allclose(losses[copy], loss, **near)
        jax.tree.map(lambda ours, single: np.testing.assert_allclose(ours[copy], single, **near), states, alone)


@pytest.fixture(scope='module')
def configs():
    """The second copy learns so fast that it stops long before the others."""
    base = replace(
        Config(),
        SMALL
        | {
            'training.epochs': 5,
            'training.stop_after_increases': 1,
            'training.evaluations_per_epoch': 2,
            'model.embedding_dropout': 0.2,
        },
    )
    return copies(replace(base, {'replicas.seeds': 2, 'replicas.learning_rate': (1e-3, 0.3)}))


@pytest.fixture(scope='module')
def alone(data, configs, tmp_path_factory):
    folder = tmp_path_factory.mktemp('alone')
    return [
        outcome(fit(config, data, folder / str(number), Told()), folder / str(number))
        for number, config in enumerate(configs)
    ]


def outcome(result, folder):
    untimed = {name: value for name, value in vars(result).items() if not name.startswith(('train_', 'first_step_'))}
    return untimed, (folder / 'metrics.jsonl').read_text()


def test_every_copy_is_a_run_of_its_own(data, configs, alone, tmp_path):
    folders = [tmp_path / str(number) for number in range(4)]
    reporter = Told()
    results = fit_copies(configs, data, folders, reporter)
    assert [outcome(result, folder) for result, folder in zip(results, folders, strict=True)] == alone
    assert len({len(metrics.splitlines()) for _, metrics in alone}) > 1  # some stop before others
    assert {'seed=0 learning_rate=0.001', 'seed=1 learning_rate=0.3'} <= set(reporter.copies)
    assert [json.loads((folder / 'result.json').read_text())['fingerprint'] for folder in folders] == list(
        map(fingerprint, configs)
    )
    assert json.loads((folders[0] / 'run.json').read_text())['starts'][0]['copies'] == 4
    assert fit(configs[1], data, folders[1], Told()) == results[1]  # complete, also for a run alone


def test_copies_go_on_after_an_interruption_and_with_runs_begun_alone(data, configs, alone, tmp_path):
    folders = [tmp_path / str(number) for number in range(4)]
    with pytest.raises(KeyboardInterrupt):
        fit(configs[2], data, folders[2], Told(stop_after=2))
    for moment in (3, 7):
        with pytest.raises(KeyboardInterrupt):
            fit_copies(configs, data, folders, Told(stop_after=moment))
    results = fit_copies(configs, data, folders, Told())
    assert [outcome(result, folder) for result, folder in zip(results, folders, strict=True)] == alone


@pytest.mark.slow
def test_copies_with_lazy_adam_go_on_after_an_interruption(data, tmp_path):
    base = replace(
        Config(), SMALL | {'optimizer.tables': 'lazy_adam', 'training.epochs': 1, 'training.evaluations_per_epoch': 2}
    )
    configs = copies(replace(base, {'replicas.learning_rate': (1e-3, 1e-2)}))
    folders, again = [tmp_path / str(number) for number in range(2)], Told()
    with pytest.raises(KeyboardInterrupt):
        fit_copies(configs, data, folders, Told(stop_after=3))
    results = fit_copies(configs, data, folders, again)
    assert any('going on from step' in sentence for sentence in again.said) and results[0].test != results[1].test
    alone = fit(configs[1], data, tmp_path / 'alone', Told())
    assert outcome(results[1], folders[1]) == outcome(alone, tmp_path / 'alone')


def test_a_copy_that_diverges_leaves_the_others(data, tmp_path):
    base = replace(Config(), SMALL | {'training.epochs': 1})
    configs = copies(replace(base, {'replicas.learning_rate': (1e-3, 3e38)}))
    good, bad = fit_copies(configs, data, [tmp_path / 'good', tmp_path / 'bad'], Told())
    assert 'diverged' in str(bad) and isinstance(bad, UsageError) and not (tmp_path / 'bad' / 'result.json').exists()
    assert good.test['logloss'] < 0.8


def test_copies_that_share_no_program_are_refused(data, tmp_path):
    one, other = (replace(Config(), SMALL | {'model.embedding_dim': size}) for size in (3, 4))
    with pytest.raises(UsageError, match='cannot differ in model.embedding_dim'):
        fit_copies([one, other], data, [tmp_path / 'one', tmp_path / 'other'], Told())
    streamed = [replace(one, {'execution.streaming': True, 'seed': seed}) for seed in (0, 1)]
    with pytest.raises(UsageError, match='execution.streaming asks: copies of a run cannot'):
        fit_copies(streamed, data, [tmp_path / 'one', tmp_path / 'other'], Told())


def test_copies_have_different_names():
    config = replace(Config(), {'seed': 20240101, 'optimizer.learning_rate': 1e-3})
    assert copy_name(config, ['seed', 'optimizer.learning_rate']) == 'seed=20240101 learning_rate=0.001'


def test_copies_are_every_combination():
    found = copies(replace(Config(), {'seed': 3, 'replicas.seeds': 2, 'replicas.l2_rows': (0.0, 1e-4)}))
    assert [(config.seed, config.optimizer.l2_rows) for config in found] == [(3, 0.0), (3, 1e-4), (4, 0.0), (4, 1e-4)]
    assert fingerprint(found[0]) == fingerprint(replace(Config(), {'seed': 3}))
    with pytest.raises(UsageError, match='replicas.learning_rate'):
        replace(Config(), {'replicas.learning_rate': (1e-3, 1e-3)})
    with pytest.raises(UsageError, match="'model.embedding_dropout' is 1.5"):
        copies(replace(Config(), {'replicas.embedding_dropout': (0.1, 1.5)}))
