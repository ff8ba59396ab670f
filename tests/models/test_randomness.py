"""Random numbers of a run: the same whatever is configured, and no two draws of one key."""

import hashlib
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from model_cases import ROWS, SCHEMA, batch, options
from test_contract import with_everything

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.config.model_limits import SHARES
from autoint_jax.errors import UsageError
from autoint_jax.models.layers import dropout, tables
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, drawn, hidden_site, layer_site, row_keys
from autoint_jax.models.layers.randomness import seed_key, two_words
from autoint_jax.models.registry import MODELS
from autoint_jax.training.step import order
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')

LAST_SEED = 2**31 - 1
WORDS = [
    [[753581486, 584279833], [1234400833, 1585025269]],
    [[1957616316, 2861740756], [486233561, 91522095]],
]  # of rows, of sites
CONFIG = replace(
    Config(),
    {
        'model.num_layers': 1,
        'model.head_dim': 3,
        'model.embedding_dim': 4,
        'model.deep_hidden': [5],
        'model.variant': 'authors',
    },
)


def bits(seed):
    """Hashes of an initial state and of dropout's words, drawn in a compiled program."""
    state = initial_state(make_setup(replace(CONFIG, {'seed': seed}), SCHEMA))
    words = jax.jit(
        lambda step: drawn(row_keys(seed, step, jnp.arange(5)), sites=[0, 1, 100, layer_site(2, 100)], rate=0.3).words
    )
    arrays = [*jax.tree.leaves(state), words(jnp.asarray(3))]
    return [hashlib.sha256(np.asarray(array).tobytes()).hexdigest() for array in arrays]


@pytest.mark.slow
@pytest.mark.parametrize(
    'environment',
    [
        {
            'JAX_DEFAULT_PRNG_IMPL': 'rbg',
            'JAX_THREEFRY_PARTITIONABLE': '0',
            'JAX_RANDOM_SEED_OFFSET': '7',
            'FLAX_FIX_RNG_SEPARATOR': '1',
            'JAX_ENABLE_CUSTOM_PRNG': '1',
        },
        pytest.param(
            {'JAX_DEFAULT_PRNG_IMPL': 'unsafe_rbg', 'JAX_ENABLE_CUSTOM_PRNG': '0', 'JAX_NUMPY_RANK_PROMOTION': 'warn'},
            marks=pytest.mark.slow,
        ),
    ],
    ids=['all', 'unsafe'],
)
def test_options_of_a_user_change_no_bit(environment):
    code = (
        'import json, sys; sys.path.insert(0, sys.argv[1]); import quick_compilation; quick_compilation.patch()\n'
        'import test_randomness as t; print(json.dumps(t.bits(5)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(ROOT / 'tests')], capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == bits(5)


def test_the_generator_is_threefry_and_its_words_stay():
    words = drawn(row_keys(3, jnp.asarray(5), jnp.arange(2)), sites=[0, 101], rate=0.3).words
    assert words.tolist() == WORDS
    for seed in (0, 1, LAST_SEED):
        np.testing.assert_array_equal(jax.random.key_data(seed_key(seed)), jax.random.key_data(jax.random.key(seed)))
        np.testing.assert_array_equal(two_words(jax.random.key(seed)), jax.random.bits(jax.random.key(seed), (2,)))
    in_program = jax.jit(jax.vmap(lambda seed: jax.random.key_data(seed_key(seed))))(
        jnp.array([0, LAST_SEED], jnp.int32)
    )
    np.testing.assert_array_equal(in_program, [[0, 0], [0, LAST_SEED]])


@pytest.fixture
def keys_drawn_with(monkeypatch):
    """The keys, as pairs of words, of all draws by JAX's functions, which return zeros here."""
    drawn_with = []

    def watched(key, *arguments, shape=(), **_):
        drawn_with.append(tuple(jax.random.key_data(key).tolist()))
        shape = next((argument for argument in arguments if isinstance(argument, tuple)), shape)
        return jnp.asarray(np.zeros(shape, np.float32))

    within_initializers = jax.nn.initializers.normal.__globals__['random']
    for module in (within_initializers, jax.random):
        for name in ('normal', 'uniform', 'truncated_normal'):
            monkeypatch.setattr(module, name, watched)
    return drawn_with


@pytest.mark.parametrize('seed', [0, pytest.param(LAST_SEED, marks=pytest.mark.slow)])
def test_no_two_draws_of_a_run_have_the_same_key(seed, keys_drawn_with):
    """Tables, parameters of all models, and dropout of the first three steps at all kinds of sites."""
    places = [
        0,
        1,
        30,
        31,
        51,
        *range(100, 104),
        layer_site(1),
        layer_site(1, 100),
        hidden_site(1, 30),
        hidden_site(31, 20),
    ]
    at_steps = set()
    for step in range(3):
        keys = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(
            row_keys(seed, jnp.asarray(step), jnp.arange(61)), jnp.asarray(places, jnp.uint32)
        )
        data = jax.random.key_data(keys).reshape(-1, 2).tolist()
        assert len(set(map(tuple, data))) == 61 * len(places)
        assert at_steps.isdisjoint(map(tuple, data))
        at_steps |= set(map(tuple, data))
    for name in MODELS:
        keys_drawn_with.clear()
        initial_state(make_setup(replace(Config(model=with_everything(name)), {'seed': seed}), SCHEMA))
        assert keys_drawn_with and len(set(keys_drawn_with)) == len(keys_drawn_with), name
        assert at_steps.isdisjoint(keys_drawn_with), name


def test_values_of_tables_tell_nothing_of_dropout_of_the_rows_that_have_their_keys():
    """Row 1 at step 0 has the key of table 1: at place j that draws half of the bits of the key of site j."""
    count, seed = 4096, 11
    specs = {name: tables.TableSpec(1, 1.0, count, (0,), (0,)) for name in ('a', 'b')}
    values = np.asarray(tables.initial_tables(specs, jax.random.fold_in(seed_key(seed), 0))['b'])[:, 0]
    row = row_keys(seed, jnp.asarray(0), jnp.arange(2))[1]
    np.testing.assert_array_equal(
        jax.random.key_data(row),
        jax.random.key_data(jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 0), 1)),
    )
    words = np.asarray(drawn(row[None], sites=list(range(count)), rate=0.3).words)[0]  # [sites, 2]
    for shift in range(32):
        for word in words.T:
            bit = (word >> shift & 1).astype(float)
            assert abs(np.corrcoef(bit, values)[0, 1]) < 5 / count**0.5
            assert abs(np.corrcoef(bit, np.abs(values))[0, 1]) < 5 / count**0.5


def shares_of(name):
    return [share for share in SHARES if share in MODELS[name].OPTIONS]


@pytest.mark.parametrize('name', MODELS)
def test_sites_of_a_model_are_apart_however_large_it_is(name, monkeypatch):
    """101 heads, 33 hidden layers: more than there is room for, and still every site is drawn once."""
    config, reads = with_everything(name), MODELS[name].OPTIONS
    sizes = {'num_layers': 3, 'deep_hidden': (2,) * 33, 'second_hidden': (2,) * 23}
    larger = {option: value for option, value in sizes.items() if option in reads}
    if name in ('autoint', 'destine'):
        larger |= {'num_heads': 101, 'head_dim': 1}
    config = options(name, **{share: getattr(config, share) for share in shares_of(name)}, **larger)
    seen, draw = [], dropout.drawn

    def watched(keys, *, sites, rate):
        seen.extend(sites)
        return draw(keys, sites=sites, rate=rate)

    monkeypatch.setattr(dropout, 'drawn', watched)
    if name == 'autoint':
        monkeypatch.setattr('autoint_jax.models.autoint.drawn', watched)
    rows = batch()
    setup = make_setup(replace(Config(model=config), {}), SCHEMA)
    model, specs = setup.model, setup.table_specs
    keys = row_keys(0, jnp.asarray(0), jnp.arange(ROWS))

    def run():
        looked_up = tables.lookup(tables.initial_tables(specs, jax.random.key(0)), specs, rows)
        variables = model.init(jax.random.key(1), looked_up, rows, training=None)
        return model.apply(
            variables, looked_up, rows, training=Training(keys, rows.weights, None), mutable=[STATISTICS]
        )

    jax.eval_shape(run)
    assert len(set(seen)) == len(seen) and all(0 <= site < 2**32 for site in seen)
    assert bool(seen) == bool(shares_of(name))


def test_sites_stay_where_they_were_and_end_in_a_sentence():
    assert [hidden_site(1, number) for number in (0, 29)] == [1, 30] and [
        hidden_site(31, number) for number in (0, 19)
    ] == [31, 50]
    assert [layer_site(layer, place) for layer, place in ((0, 0), (0, 99), (2, 1), (32767, 99))] == [
        100,
        199,
        301,
        3276899,
    ]
    every = [
        0,
        *(hidden_site(part, number) for part in (1, 31, 51) for number in range(200)),
        *(layer_site(layer, place) for layer in range(200) for place in range(200)),
    ]
    assert len(set(every)) == len(every) and max(every) < 2**32
    assert layer_site(2**15 - 1, 2**16 - 1) < 2**32 and layer_site(2**15 - 1, 99) < 2**24 <= hidden_site(1, 30)
    for call in (lambda: layer_site(2**15), lambda: layer_site(0, 2**16), lambda: hidden_site(1, 2**24)):
        with pytest.raises(UsageError, match='dropout'):
            call()


def test_orders_of_seeds_and_epochs_are_apart():
    orders = {
        (seed, epoch): order.epoch_order(seed, epoch, rows=101, batch_size=101, padded_batch=101).tobytes()
        for seed in (0, 1, 2, LAST_SEED - 1, LAST_SEED)
        for epoch in (0, 1, 2)
    }
    assert len(set(orders.values())) == len(orders)


def test_seeds_of_copies_are_apart_and_end_at_the_last_one():
    seeds = [config.seed for config in copies(replace(Config(), {'seed': LAST_SEED - 2, 'replicas.seeds': 3}))]
    assert seeds == [LAST_SEED - 2, LAST_SEED - 1, LAST_SEED]
    with pytest.raises(UsageError, match="'seed'"):
        copies(replace(Config(), {'seed': LAST_SEED, 'replicas.seeds': 2}))


@pytest.mark.parametrize('rows, batch_size', [(23, 5), (20, 5), (3, 3)])
def test_the_mean_of_batches_counts_rows(rows, batch_size):
    """A made-up loss of every row, averaged by batches of an order, then over the rows of an epoch or of its second
    half.
    """
    of_row, counts = np.random.default_rng(0).random(rows).astype(np.float32), []
    ordered = order.epoch_order(0, 0, rows=rows, batch_size=batch_size, padded_batch=batch_size)
    means = np.array([of_row[batch[batch >= 0]].mean() for batch in ordered])
    counts = [(batch >= 0).sum() for batch in ordered]
    assert order.mean_over_rows(means, 0, rows=rows, batch_size=batch_size) == pytest.approx(
        of_row.mean(dtype=np.float64), rel=1e-6
    )
    half = len(means) // 2
    seen = np.concatenate([batch[batch >= 0] for batch in ordered[half:]])
    assert order.mean_over_rows(means[half:], half, rows=rows, batch_size=batch_size) == pytest.approx(
        of_row[seen].mean(dtype=np.float64), rel=1e-6
    )
    if rows % batch_size == 0:  # then the very figure that was recorded before
        assert len(set(counts)) == 1 and order.mean_over_rows(means, 0, rows=rows, batch_size=batch_size) == means.mean(
            dtype=np.float64
        )
