"""Optimizers of tables against NumPy and Optax, on rows that repeat within a batch and stay away for many steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from autoint_jax.config.configuration import Config
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.config.rates import rates_of
from autoint_jax.training.tables.choice import chosen_table_form, table_optimizer
from autoint_jax.training.tables.deferred_adam import step_sums
from autoint_jax.training.tables.optimizer import distinct_rows

pytestmark = pytest.mark.usefixtures('quick_compilation')

V, D, N = 211, 3, 23
SKEW = 1 / np.arange(1, V + 1) ** 1.3


@pytest.fixture(params=['xla', 'cpu_kernel'])
def form(request):
    return request.param


def batches(count, *, scale=1e-3, seed=0):
    """Skewed row numbers [count, N], the last 5 of every third batch not in it, and gradients [count, N, D]."""
    rng = np.random.default_rng(seed)
    numbers = rng.choice(V - 20, size=(count, N), p=SKEW[: V - 20] / SKEW[: V - 20].sum()).astype(np.int32)
    numbers[::3, -5:] = V
    gradients = scale * (rng.normal(size=(count, N, D)) + 0.3 * np.sin(numbers)[:, :, None])
    return numbers, gradients.astype(np.float32)


def first_table():
    return jnp.asarray(0.01 * np.random.default_rng(1).normal(size=(V, D)), jnp.float32)


def trained(numbers, gradients, *, flush_every=0, form='automatic', **options):
    """Table and slots, flushed, after steps through the seam; rows that were read are those of a flushed table."""
    config = OptimizerConfig(**options)
    optimizer = table_optimizer(config, chosen_table_form(config, form), rates_of(Config(optimizer=config)))

    @jax.jit
    def step(table, slots, numbers, gradients, count):
        rows = optimizer.named(numbers, V)
        as_read = optimizer.read(table, slots, rows, count)
        return optimizer.update(table, slots, rows, gradients, count), as_read

    flush, table = jax.jit(optimizer.flush), first_table()
    slots = optimizer.init(table)
    for count, (of_batch, gradient) in enumerate(zip(numbers, gradients, strict=True)):
        as_flushed = flush(table, slots, jnp.int32(count))[0] if count % 50 == 49 else None
        (table, slots), as_read = step(table, slots, of_batch, gradient, jnp.int32(count))
        if as_flushed is not None:
            present = of_batch < V
            np.testing.assert_allclose(as_read[present], as_flushed[of_batch[present]], rtol=1e-5, atol=1e-9)
        if flush_every and count % flush_every == 0:
            table, slots = flush(table, slots, jnp.int32(count + 1))
    return flush(table, slots, jnp.int32(len(numbers)))


def whole_gradient(table, numbers, gradients, *, l2_rows=0.0, l2_tables=0.0):
    """The gradient of the whole table in float64, written from the definitions."""
    table = np.asarray(table, np.float64)
    total = l2_tables * table
    for number, gradient in zip(numbers, gradients, strict=True):
        if number < V:
            total[number] += gradient
    for number in set(numbers.tolist()) - {V}:
        total[number] += l2_rows * table[number]
    return total


def adam(numbers, gradients, **l2):
    """Optax's Adam on whole gradients, and its first and second moments."""
    optimizer, table = optax.adam(1e-3), first_table()
    state, update = optimizer.init(table), jax.jit(optimizer.update)
    for of_batch, gradient in zip(numbers, gradients, strict=True):
        changes, state = update(jnp.asarray(whole_gradient(table, of_batch, gradient, **l2), jnp.float32), state)
        table = table + changes
    return table, state[0].mu, state[0].nu


def mean_difference(one, other):
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean()


@pytest.mark.parametrize('b2', [0.999, 0.95])
def test_sums_of_missed_steps_are_the_explicit_sums(b2):
    b1, sums = 0.9, step_sums(0.9, b2)
    ends = len(sums.sizes) - 1
    for start, end in [
        (0, 1),
        (0, 40),
        (3, 4),
        (7, 7),
        (250, 420),
        (1000, 1300),
        (ends - 20, ends + 50),
        (ends + 9, ends + 99),
    ]:
        s = np.arange(start + 1, end + 1, dtype=np.float64)
        e = np.sqrt(1 - b2**s)
        weights = e / (1 - b1**s) * (b1 / b2**0.5) ** (s - start)
        for all_after, ratio, terms in (
            (sums.sizes, b1 / b2**0.5, weights),
            (sums.epsilons, b1 / b2, weights * e * b2 ** ((start - s) / 2)),
        ):
            after_start, after_end = (np.float64(all_after[min(t, ends)]) for t in (start, end))
            found = after_start - ratio ** (end - start) * after_end
            assert found == pytest.approx(terms.sum(), rel=3e-6, abs=1e-7)


@pytest.mark.parametrize('scale, bound', [(1e-3, 2e-7), (1e-6, 2e-6)])  # at 1e-6 epsilon's factor matters
def test_deferred_adam_follows_dense_adam(form, scale, bound):
    numbers, gradients = batches(330, scale=scale)
    table, slots = trained(numbers, gradients, tables='deferred_adam', form=form)
    expected, m, nu = adam(numbers, gradients)
    assert mean_difference(expected, first_table()) > 0.005
    assert mean_difference(table, expected) < bound
    np.testing.assert_allclose(slots.m, m, rtol=1e-4, atol=1e-6 * scale)
    np.testing.assert_allclose(slots.nu, nu, rtol=2e-4, atol=1e-6 * scale**2)
    assert (np.asarray(slots.last) == 330).all()


def test_rows_read_at_every_step_are_dense_adams_and_others_stay_bit_for_bit(form):
    _, gradients = batches(50)
    numbers = np.tile(np.r_[np.arange(20), 4, 4, 4].astype(np.int32), (50, 1))
    table, _ = trained(numbers, gradients, tables='deferred_adam', form=form)
    # The forms' powers of b2 differ in the last digit, which 1 - b2^s magnifies in the first steps.
    np.testing.assert_allclose(
        table[:20], adam(numbers, gradients)[0][:20], rtol=0, atol=2e-8 if form == 'xla' else 2e-7
    )
    np.testing.assert_array_equal(table[20:], first_table()[20:])


@pytest.mark.parametrize('flush_every', [1, 7, 50])
def test_flushing_changes_only_rounding(form, flush_every):
    numbers, gradients = batches(150)
    often, _ = trained(numbers, gradients, tables='deferred_adam', form=form, flush_every=flush_every)
    once, _ = trained(numbers, gradients, tables='deferred_adam', form=form)
    assert np.abs(often - once).max() < 1e-6


@pytest.mark.parametrize(
    'tables, l2',
    [
        ('adam', {}),
        ('adam', {'l2_rows': 0.02}),
        ('adam', {'l2_tables': 0.02}),
        ('deferred_adam', {'l2_rows': 0.02, 'form': 'xla'}),
        ('deferred_adam', {'l2_rows': 0.02, 'form': 'cpu_kernel'}),
    ],
)
def test_penalties_are_the_equations(tables, l2):
    l2 = dict(l2)
    numbers, gradients = batches(60)
    ours, _ = trained(numbers, gradients, tables=tables, **l2)
    l2.pop('form', None)
    assert mean_difference(ours, adam(numbers, gradients, **l2)[0]) < 3e-7


@pytest.mark.parametrize('l2_rows', [0.0, 0.02])
def test_rowwise_adagrad_is_the_equations(form, l2_rows):
    numbers, gradients = batches(60)
    table, accumulator = np.asarray(first_table(), np.float64), np.zeros(V)
    for of_batch, gradient in zip(numbers, gradients, strict=True):
        gradient = whole_gradient(table, of_batch, gradient, l2_rows=l2_rows)
        accumulator += (gradient**2).mean(1)
        table -= 1e-3 * gradient / (np.sqrt(accumulator) + 1e-8)[:, None]
    ours, slots = trained(numbers, gradients, tables='rowwise_adagrad', form=form, l2_rows=l2_rows)
    np.testing.assert_allclose(ours, table, rtol=0, atol=1e-6)
    np.testing.assert_allclose(slots, accumulator, rtol=1e-5)


def test_rows_of_a_large_table_get_the_sums_of_their_gradients_in_the_kernel():
    """More rows than one pass of its sort tells apart, and a width of two, one and no whole vectors."""
    (rows, width, count), rng = (9_001, 27, 300), np.random.default_rng(4)
    table, gradients = (rng.normal(size=(size, width)).astype(np.float32) for size in (rows, count))
    numbers = np.where(rng.random(count) < 0.5, 4_097, rng.integers(0, rows, count)).astype(np.int32)
    config = OptimizerConfig(tables='rowwise_adagrad', learning_rate=0.1)
    optimizer = table_optimizer(config, 'cpu_kernel', rates_of(Config(optimizer=config)))
    sums, expected = np.zeros((rows, width)), np.float64(table)
    np.add.at(sums, numbers, gradients)
    read = np.unique(numbers)

    named = optimizer.named(jnp.asarray(numbers), rows)
    slots = optimizer.init(jnp.asarray(table))
    found, _ = optimizer.update(jnp.asarray(table), slots, named, jnp.asarray(gradients), jnp.int32(0))

    scale = 0.1 / (np.sqrt((sums[read] ** 2).mean(1, keepdims=True)) + config.epsilon)
    expected[read] -= scale * sums[read]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('l2_rows', [0.0, 0.02])
def test_lazy_adam_is_the_equations_and_not_dense_adam(form, l2_rows):
    """A row steps only where it is in the batch; the corrections are of the run's step."""
    numbers, gradients = batches(60)
    table, m, nu = np.asarray(first_table(), np.float64), np.zeros((V, D)), np.zeros((V, D))
    for step, (of_batch, gradient) in enumerate(zip(numbers, gradients, strict=True), start=1):
        gradient = whole_gradient(table, of_batch, gradient, l2_rows=l2_rows)
        for row in set(of_batch.tolist()) - {V}:
            m[row] = 0.9 * m[row] + 0.1 * gradient[row]
            nu[row] = 0.999 * nu[row] + 0.001 * gradient[row] ** 2
            table[row] -= 1e-3 * m[row] / (1 - 0.9**step) / (np.sqrt(nu[row] / (1 - 0.999**step)) + 1e-8)
    ours, slots = trained(numbers, gradients, tables='lazy_adam', form=form, l2_rows=l2_rows)
    np.testing.assert_allclose(ours, table, rtol=0, atol=1e-6)
    np.testing.assert_allclose(slots.m, m, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(slots.nu, nu, rtol=1e-4)
    assert mean_difference(ours, adam(numbers, gradients, l2_rows=l2_rows)[0]) > 1e-4


@pytest.mark.parametrize('numbers', [[5, 2, 5, 9, 2, 5], [11, 3, 11, 3], [0], [11, 11], [10, 9, 8], []])
def test_distinct_rows_are_each_row_once(numbers):
    numbers, v = np.array(numbers, np.int32), 11
    rows = jax.tree.map(np.asarray, distinct_rows(jnp.asarray(numbers), v))
    expected = np.unique(numbers[numbers < v])
    np.testing.assert_array_equal(rows.numbers[: len(expected)], expected)
    assert (rows.numbers[len(expected) :] >= v).all() and (np.diff(rows.numbers) > 0).all()
    np.testing.assert_array_equal(np.minimum(rows.numbers[rows.index_in_batch], v), numbers)
    np.testing.assert_array_equal(rows.index_in_batch[rows.order], rows.index_in_order)
