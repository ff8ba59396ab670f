"""Learning rates of each step against Optax's schedules, and the optimizers that follow them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_table_optimizers import N, V, batches, first_table, mean_difference, trained, whole_gradient

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.config.rates import rates_of
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step.state import make_setup
from autoint_jax.training.tables import learning_rate
from autoint_jax.training.tables.deferred_adam import step_sums
from autoint_jax.training.tables.learning_rate import LearningRate, schedule_factors, sentence

pytestmark = pytest.mark.usefixtures('quick_compilation')

RATE = 3e-3


def after_warmup(warmup, schedule):
    return optax.join_schedules([optax.linear_schedule(0.0, RATE, warmup), schedule], [warmup])


CASES = {
    'constant': ({'warmup_steps': 7}, optax.warmup_constant_schedule(0.0, RATE, 7)),
    'cosine': ({'schedule_steps': 90}, optax.cosine_decay_schedule(RATE, 90)),
    'cosine after a warm-up': (
        {'schedule': 'cosine', 'warmup_steps': 11, 'schedule_steps': 90, 'final_fraction': 0.2},
        optax.warmup_cosine_decay_schedule(0.0, RATE, 11, 90, 0.2 * RATE),
    ),
    'linear': ({'schedule_steps': 90, 'final_fraction': 0.1}, optax.linear_schedule(RATE, 0.1 * RATE, 90)),
    'step': (
        {'warmup_steps': 5, 'schedule_steps': 90, 'decay_every': 23, 'decay_factor': 0.5},
        after_warmup(5, optax.exponential_decay(RATE, 23, 0.5, staircase=True)),
    ),
    'inverse_root': (
        {'warmup_steps': 13, 'schedule_steps': 90},
        after_warmup(13, lambda count: RATE * jnp.sqrt(13 / jnp.maximum(count + 13, 1))),
    ),
}


def options_of(name):
    return {'schedule': name.partition(' ')[0], 'learning_rate': RATE, **CASES[name][0]}


@pytest.mark.parametrize('name', CASES)
def test_rates_are_those_of_optax(name):
    config = OptimizerConfig(**options_of(name))
    rate = LearningRate(config.learning_rate, schedule_factors(config))
    steps = np.arange(90)
    found = jax.vmap(rate.at)(jnp.asarray(steps))
    np.testing.assert_allclose(found, jax.vmap(CASES[name][1])(jnp.asarray(steps)), rtol=2e-6, atol=2e-6 * RATE)
    end = rate.at(90)
    assert float(rate.at(10_000)) == float(end) and float(end) >= 0


def test_a_constant_rate_without_warmup_is_the_number_itself():
    assert schedule_factors(OptimizerConfig()) is None and sentence(OptimizerConfig()) == ''
    assert LearningRate(RATE).at(jnp.int32(3)) == RATE


def test_the_sentence_says_how_the_rate_changes():
    config = OptimizerConfig(**options_of('cosine after a warm-up'))
    assert sentence(config) == (
        'the learning rate 0.003 rises from 0 in 11 steps and then goes to 0.0006 by step 90 '
        '(optimizer.schedule=cosine)'
    )
    assert sentence(OptimizerConfig(warmup_steps=7)) == 'the learning rate 0.001 rises from 0 in 7 steps'


def test_a_run_that_ends_before_its_schedule_says_so():
    config = OptimizerConfig(**options_of('cosine after a warm-up'))  # 11 steps of 90
    assert learning_rate.cut_short(config, 90) == learning_rate.cut_short(OptimizerConfig(), 1) == ''
    assert learning_rate.cut_short(config, 89) == (
        'training.epochs allows 89 steps, so the run ends before its schedule does (optimizer.schedule_steps=90)'
    )
    assert 'before its warm-up does (optimizer.warmup_steps=11)' in learning_rate.cut_short(config, 10)


def by_optax(numbers, gradients, schedule):
    """Optax's Adam under a schedule on whole gradients."""
    optimizer, table = optax.adam(schedule), first_table()
    state, update = optimizer.init(table), jax.jit(optimizer.update)
    for of_batch, gradient in zip(numbers, gradients, strict=True):
        changes, state = update(jnp.asarray(whole_gradient(table, of_batch, gradient), jnp.float32), state)
        table = table + changes
    return table


@pytest.mark.parametrize('name', ['cosine after a warm-up', 'step', 'inverse_root'])
@pytest.mark.parametrize('tables, form', [('adam', 'xla'), ('deferred_adam', 'xla'), ('deferred_adam', 'cpu_kernel')])
def test_adam_of_tables_follows_optax_under_a_schedule(name, tables, form):
    numbers, gradients = batches(160)
    table, _ = trained(numbers, gradients, tables=tables, form=form, **options_of(name))
    expected = by_optax(numbers, gradients, lambda count: CASES[name][1](jnp.minimum(count, 90)))
    assert mean_difference(expected, first_table()) > 0.003
    assert mean_difference(table, expected) < 4e-7


@pytest.mark.parametrize('tables', ['lazy_adam', 'rowwise_adagrad'])
@pytest.mark.parametrize('form', ['xla', 'cpu_kernel'])
def test_other_optimizers_move_by_the_rate_of_the_step(tables, form):
    """Each row is in every batch; the first step, at rate 0, moves nothing, and the second one half as far."""
    _, gradients = batches(2)
    numbers = np.tile(np.arange(N, dtype=np.int32), (2, 1))
    plain = [trained(numbers[:n], gradients[:n], tables=tables, form=form, learning_rate=RATE)[0] for n in (1, 2)]
    warm = [
        trained(numbers[:n], gradients[:n], tables=tables, form=form, learning_rate=RATE, warmup_steps=2)[0]
        for n in (1, 2)
    ]
    np.testing.assert_array_equal(warm[0], first_table())
    np.testing.assert_allclose(warm[1] - warm[0], (plain[1] - plain[0]) / 2, rtol=0, atol=1e-8)


def test_sums_of_missed_steps_have_the_rate_of_each_step():
    b1, b2 = 0.9, 0.99
    config = OptimizerConfig(**options_of('step'))
    factors = schedule_factors(config)
    sums = step_sums(b1, b2, factors)
    for start, end in [(0, 3), (3, 40), (80, 130), (500, 620)]:
        s = np.arange(start + 1, end + 1, dtype=np.float64)
        rates = factors[np.minimum(s.astype(int) - 1, 90)]
        terms = rates * np.sqrt(1 - b2**s) / (1 - b1**s) * (b1 / b2**0.5) ** (s - start)
        found = np.float64(sums.sizes[start]) - (b1 / b2**0.5) ** (end - start) * np.float64(sums.sizes[end])
        assert found == pytest.approx(terms.sum(), rel=3e-6, abs=1e-8)


def test_parameters_have_the_rate_of_their_step_and_tables_their_own():
    schema = Schema((FieldSpec('a', CATEGORICAL, 4),))
    options = {f'optimizer.{name}': value for name, value in options_of('step').items()}
    setup = make_setup(replace(Config(), {**options, 'optimizer.tables_learning_rate': 0.5}), schema)
    params, gradient = {'kernel': jnp.ones(3)}, {'kernel': jnp.asarray([1.0, -2.0, 3.0])}
    for updates in (0, 2, 30):
        optimizer = setup.optimizer(None, jnp.int32(updates))
        changes, _ = optimizer.update(gradient, optimizer.init(params), params)
        rate = float(CASES['step'][1](updates))
        np.testing.assert_allclose(changes['kernel'], [-rate, rate, -rate], rtol=1e-5)
    assert rates_of(setup.config).tables_learning_rate == 0.5
    own, shared = (
        trained(*batches(3), **options_of('step'), tables='lazy_adam', form='xla', tables_learning_rate=rate)[0]
        for rate in (2 * RATE, 0.0)
    )
    np.testing.assert_allclose(own - first_table(), 2 * (shared - first_table()), rtol=0, atol=1e-8)
    assert np.abs(shared - first_table()).max() > 1e-4 and len(own) == V


@pytest.mark.parametrize(
    'options, named',
    [
        ({'schedule': 'cosin'}, "optimizer.schedule' is 'cosin', but must be one of 'constant', 'cosine'"),
        ({'schedule': 'cosine'}, 'optimizer.schedule_steps.*above optimizer.warmup_steps'),
        ({'schedule': 'linear', 'warmup_steps': 9, 'schedule_steps': 9}, 'optimizer.schedule_steps'),
        ({'schedule_steps': 9}, "optimizer.schedule_steps.*0 with optimizer.schedule 'constant'"),
        ({'schedule': 'step', 'schedule_steps': 9}, 'optimizer.decay_every.*above 0 and at most 9 with'),
        ({'decay_every': 4}, 'optimizer.decay_every.*must be 0 with'),
        (
            {'schedule': 'step', 'decay_every': 5, 'schedule_steps': 7, 'warmup_steps': 3},
            'optimizer.decay_every.*above 0 and at most 4 with',
        ),
        ({'final_fraction': 0.5}, "optimizer.final_fraction.*only 'cosine' and 'linear'"),
        ({'warmup_steps': -1}, 'optimizer.warmup_steps'),
        ({'schedule': 'cosine', 'schedule_steps': 10**8}, 'optimizer.schedule_steps.*at most 10,000,000'),
        ({'tables_learning_rate': -1.0}, 'optimizer.tables_learning_rate'),
    ],
)
def test_schedules_that_mean_nothing_are_refused(options, named):
    with pytest.raises(UsageError, match=named):
        replace(Config(), {f'optimizer.{name}': value for name, value in options.items()})
