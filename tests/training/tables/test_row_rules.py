"""Clipping, weight decay and CowClip on the rows of a batch, against loops in NumPy from their definitions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_table_optimizers import D, V, batches, first_table

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS, OptimizerConfig
from autoint_jax.config.rates import rates_of
from autoint_jax.errors import UsageError
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import initial_state, make_setup
from autoint_jax.training.tables.choice import chosen_table_form, table_optimizer
from autoint_jax.training.tables.row_rules import clip_scale

pytestmark = pytest.mark.usefixtures('quick_compilation')

RATE, FORMS = 0.01, [('adam', 'xla'), *itertools.product(TABLE_OPTIMIZERS[1:], ('xla', 'cpu_kernel'))]
RULES = {'l2_rows': 0.02, 'weight_decay': 3.0, 'row_clip': 0.5, 'row_clip_floor': 1e-4}


def ruled_gradients(table, numbers, gradients, *, l2_rows=0.0, row_clip=0.0, row_clip_floor=0.0, weight_decay=0.0):
    """{row: gradient [D]} of the rows of a batch in float64, from the definitions; a row may be padding, V."""
    found = {}
    for row in sorted(set(numbers.tolist()) - {V}):
        gradient = gradients[numbers == row].astype(np.float64).sum(0)
        norm, count = np.linalg.norm(gradient), (numbers == row).sum()
        if row_clip:
            bound = row_clip * count * max(np.linalg.norm(table[row]), row_clip * D**0.5 * row_clip_floor)
            gradient = gradient * min(1, bound / norm)
        found[row] = gradient + l2_rows * table[row]
    return found


def by_loops(tables, numbers, gradients, norm, rules):
    """The table and the sum of squares of every batch, in float64."""
    table = np.asarray(first_table(), np.float64)
    m, nu, accumulator, found = np.zeros((V, D)), np.zeros((V, D)), np.zeros(V), []
    for step, (of_batch, of_places) in enumerate(zip(numbers, gradients, strict=True), start=1):
        ruled = ruled_gradients(table, of_batch, of_places, **rules)
        found.append(sum((gradient**2).sum() for gradient in ruled.values()))
        scale = min(1, norm / found[-1] ** 0.5)
        if tables in ('adam', 'deferred_adam'):  # every row moves
            m, nu = 0.9 * m, 0.999 * nu
        for row, gradient in ruled.items():
            gradient, before = scale * gradient, table[row].copy()
            if tables == 'rowwise_adagrad':
                accumulator[row] += (gradient**2).mean()
                move = gradient / (accumulator[row] ** 0.5 + 1e-8)
            else:
                kept = 1 if tables in ('adam', 'deferred_adam') else None
                m[row] = (m[row] if kept else 0.9 * m[row]) + 0.1 * gradient
                nu[row] = (nu[row] if kept else 0.999 * nu[row]) + 0.001 * gradient**2
                move = m[row] / (1 - 0.9**step) / ((nu[row] / (1 - 0.999**step)) ** 0.5 + 1e-8)
            table[row] = before - RATE * rules['weight_decay'] * before - RATE * move
        if tables in ('adam', 'deferred_adam'):
            others = np.setdiff1d(np.arange(V), list(ruled))
            steps = m / (1 - 0.9**step) / ((nu / (1 - 0.999**step)) ** 0.5 + 1e-8)
            table[others] -= RATE * steps[others]
    return table, found


@pytest.mark.parametrize('tables, form', FORMS)
def test_rules_for_rows_are_their_definitions(tables, form):
    numbers, gradients = batches(25, scale=0.02)
    norm = 0.15
    options = {'learning_rate': RATE, 'tables': tables, 'clip_norm': norm, **RULES}
    config = OptimizerConfig(**options)
    optimizer = table_optimizer(config, chosen_table_form(config, form), rates_of(Config(optimizer=config)))

    @jax.jit
    def step(table, slots, numbers, gradients, count):
        rows = optimizer.named(numbers, V)
        squares = optimizer.squares(table, slots, rows, gradients, count)
        return optimizer.update(table, slots, rows, gradients, count, clip_scale(squares, norm)), squares

    table, slots, found = first_table(), optimizer.init(first_table()), []
    for count, (of_batch, of_places) in enumerate(zip(numbers, gradients, strict=True)):
        (table, slots), squares = step(table, slots, of_batch, of_places, jnp.int32(count))
        found.append(float(squares))
    table, _ = jax.jit(optimizer.flush)(table, slots, jnp.int32(len(numbers)))
    expected, expected_squares = by_loops(tables, numbers, gradients, norm, RULES)
    np.testing.assert_allclose(found, expected_squares, rtol=2e-4)
    assert min(expected_squares) < norm**2 < max(expected_squares)  # some batches are scaled, others are not
    np.testing.assert_allclose(table, expected, rtol=0, atol=3e-5)
    assert np.abs(expected - first_table()).max() > 0.03


def test_the_decay_of_whole_tables_is_that_of_optax():
    numbers, gradients = batches(5, scale=0.02)
    config = OptimizerConfig(learning_rate=RATE, weight_decay=7.0, tables_weight_decay=3.0)
    optimizer = table_optimizer(config, 'xla', rates_of(Config(optimizer=config)))
    whole = optax.adamw(RATE, weight_decay=3.0)
    table, expected = first_table(), first_table()
    slots, state = optimizer.init(table), whole.init(expected)
    for count, (of_batch, of_places) in enumerate(zip(numbers, gradients, strict=True)):
        table, slots = optimizer.update(table, slots, jnp.asarray(of_batch), of_places, jnp.int32(count))
        dense = jnp.zeros_like(expected).at[of_batch].add(of_places, mode='drop')
        updates, state = whole.update(dense, state, expected)
        expected = optax.apply_updates(expected, updates)
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-7)
    untouched = np.setdiff1d(np.arange(V), np.concatenate(numbers))
    assert len(untouched) and np.abs(table[untouched]).max() < 0.9 * np.abs(first_table()[untouched]).max()


def test_cowclip_clips_some_rows_and_leaves_tables_of_one_value():
    numbers, gradients = batches(1, scale=0.02)
    plain, clipped = (ruled_gradients(first_table(), numbers[0], gradients[0], row_clip=r) for r in (0.0, 1.0))
    same = [np.allclose(plain[row], clipped[row]) for row in plain]
    assert any(same) and not all(same)
    for form in ('xla', 'cpu_kernel'):
        config = OptimizerConfig(tables='lazy_adam', row_clip=1e-6, row_clip_floor=0.0)
        optimizer = table_optimizer(config, form, rates_of(Config(optimizer=config)))
        table, one = first_table()[:, :1], jnp.asarray(gradients[0][:, :1])
        rows = optimizer.named(jnp.asarray(numbers[0]), V)
        squares = optimizer.squares(table, optimizer.init(table), rows, one, jnp.int32(0))
        sums = [one[numbers[0] == row].sum() for row in plain]
        assert float(squares) == pytest.approx(float(np.square(sums).sum()), rel=1e-5)


def moments(options):
    """First moments of all parameters and of the table after one step, without b1, and the parameters before, after."""
    schema, columns = made_up(Shape((3, 17)), 24, seed=1)
    small = {
        'model.num_layers': 0,
        'model.deep_hidden': (5,),
        'training.batch_size': 24,
        'optimizer.tables': 'lazy_adam',
    }
    config = replace(Config(), {'optimizer.tables': 'lazy_adam'} | small | options)
    setup, mesh = make_setup(config, schema), placement.data_mesh()
    state, before = initial_state(setup), jax.device_get(initial_state(setup).params)
    cut = slices.cut(24, setup, mesh)
    order = jnp.asarray(np.arange(cut.padded_batch, dtype=np.int32)[None])
    state, _ = steps.make_chunk(setup, mesh, cut, max_steps=1)(state, resident_columns(columns, mesh), order, 0, 1)
    of_params = jax.tree.map(lambda m: np.asarray(m) / 0.1, state.optimizer[0].mu)
    of_tables = {name: np.asarray(slots.m) / 0.1 for name, slots in state.slots.items()}
    return (of_params, of_tables), before, jax.device_get(state.params)


def test_one_norm_counts_parameters_and_tables_and_rules_reach_parameters():
    plain, before, after = moments({})
    norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(plain)))
    near = {'rtol': 1e-4, 'atol': 1e-7}
    clipped, _, _ = moments({'optimizer.clip_norm': float(norm / 3)})
    jax.tree.map(lambda own, other: np.testing.assert_allclose(own, other / 3, **near), clipped, plain)
    with_l2, _, _ = moments({'optimizer.l2_params': 0.5})
    jax.tree.map(
        lambda own, other, value: np.testing.assert_allclose(own, other + 0.5 * value, **near),
        with_l2[0],
        plain[0],
        before,
    )
    _, _, decayed = moments({'optimizer.weight_decay': 20.0})
    jax.tree.map(
        lambda own, other, value: np.testing.assert_allclose(own, other - 1e-3 * 20 * value, **near),
        decayed,
        after,
        before,
    )
    assert any(np.abs(leaf).max() > 0.01 for leaf in jax.tree.leaves(before))


@pytest.mark.parametrize(
    'options, named',
    [
        ({'optimizer.clip_norm': -1.0}, 'optimizer.clip_norm.*at least 0'),
        (
            {'optimizer.tables_weight_decay': 0.1, 'optimizer.tables': 'deferred_adam'},
            "optimizer.tables_weight_decay.*0 with optimizer.tables 'deferred_adam', which skips the rows",
        ),
        ({'optimizer.row_clip': 1.0, 'mesh.table': 2}, "mesh.exchange.*'gathered' with optimizer.row_clip"),
        (
            {'optimizer.clip_norm': 1.0, 'mesh.table': 2, 'mesh.ordered_sums': True, 'execution.slice_rows': 4},
            'mesh.table.*1 with optimizer.clip_norm',
        ),
    ],
)
def test_rules_that_mean_nothing_are_refused(options, named):
    with pytest.raises(UsageError, match=named):
        replace(Config(), options)


def losses_on_meshes():
    """Losses of 20 steps on one device, on four that hold tables whole, and on four that split them in both forms."""
    from test_all_to_all import FACTORIZATION, trained

    options = FACTORIZATION | {
        'optimizer.tables': 'deferred_adam',
        'optimizer.learning_rate': 0.05,
        'optimizer.clip_norm': 0.02,
        'optimizer.weight_decay': 0.3,
        'optimizer.l2_params': 0.01,
        'optimizer.l2_rows': 0.01,
    }
    cowclip = options | {'optimizer.clip_norm': 0.0, 'optimizer.row_clip': 0.01, 'mesh.exchange': 'gathered'}
    scattered = options | {'mesh.exchange': 'all_to_all', 'mesh.capacity': 0.9}
    runs = [(1, 1, options), (4, 1, options), (2, 2, scattered), (1, 1, cowclip), (4, 1, cowclip), (1, 4, cowclip)]
    return [trained(*run)[1].tolist() for run in runs]


@pytest.mark.slow
def test_all_meshes_follow_the_rules_alike(on_host_devices):
    alone, whole, scattered, cow_alone, cow_whole, cow_split = on_host_devices(
        4, 'test_row_rules', 't.losses_on_meshes()'
    )
    for own, others in ((alone, (whole, scattered)), (cow_alone, (cow_whole, cow_split))):
        for other in others:
            np.testing.assert_allclose(other, own, rtol=0, atol=3e-5)
    assert np.abs(np.subtract(alone, cow_alone)).max() > 1e-4
