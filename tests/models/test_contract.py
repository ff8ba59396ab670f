"""What every model of the registry keeps, one after the other."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from model_cases import ROWS, SCHEMA, SMALL, batch, criteo_parameters, every_model_but_fewer_fast, made

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.model_limits import SHARES
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.tables import lookup
from autoint_jax.models.registry import MODELS, build, model_class

pytestmark = pytest.mark.usefixtures('quick_compilation')

EVERY_MODEL = pytest.mark.parametrize('name', list(MODELS))
EVERY_MODEL_BUT_FEWER_FAST = pytest.mark.parametrize('name', every_model_but_fewer_fast())
KEYS = row_keys(3, jnp.asarray(5), jnp.arange(ROWS))


def test_every_model_has_a_small_configuration():
    assert list(SMALL) == list(MODELS)


@functools.cache
def drawn(name):
    """Model, tables, variables, and its compiled logits of rows."""
    model, tables, variables = made(SMALL[name])
    return (
        model,
        tables,
        variables,
        jax.jit(lambda variables, rows, batch: model.apply(variables, rows, batch, training=None)),
    )


def rows_of(name, rows):
    model, tables, _, _ = drawn(name)
    return lookup(tables, model.table_specs(model.config, SCHEMA), rows)


@EVERY_MODEL
def test_logits_are_finite_of_shape_b_and_compiled_once(name):
    _, _, variables, logits = drawn(name)
    for seed in (0, 1):
        values = logits(variables, rows_of(name, batch(seed=seed)), batch(seed=seed))
        assert values.shape == (ROWS,)
        assert np.isfinite(values).all()
        assert len(set(np.asarray(values).tolist())) > ROWS / 2
    assert logits._cache_size() == 1


@EVERY_MODEL
def test_order_of_values_in_a_multivalued_field_does_not_matter(name):
    _, _, variables, logits = drawn(name)
    rows = batch()
    turned = rows._replace(ids=rows.ids[:, [0, 3, 1, 2, 4]])
    np.testing.assert_allclose(
        logits(variables, rows_of(name, rows), rows),
        logits(variables, rows_of(name, turned), turned),
        rtol=1e-4,
        atol=1e-5,
    )


@EVERY_MODEL
def test_the_combiner_sum_is_the_mean_of_values_times_their_number(name):
    _, _, variables, logits = drawn(name)
    rows, summed = batch(), build(dataclasses.replace(SMALL[name], combiner='sum'), SCHEMA)[0]
    of_slots, counts = rows_of(name, rows), (rows.ids[:, 1:4] > 0).sum(1)
    times = np.ones((ROWS, 5, 1), np.float32)
    times[:, 1:4, 0] = counts[:, None]
    expected = logits(variables, {table: values * times for table, values in of_slots.items()}, rows)
    sums = jax.jit(lambda *point: summed.apply(*point, training=None))(variables, of_slots, rows)
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(sums - logits(variables, of_slots, rows))[counts > 1].min() > 1e-4


@EVERY_MODEL
def test_labels_and_weights_are_not_read(name):
    _, _, variables, logits = drawn(name)
    rows = batch()
    blind = rows._replace(labels=rows.labels * np.nan, weights=rows.weights * 0)
    np.testing.assert_array_equal(
        logits(variables, rows_of(name, rows), rows), logits(variables, rows_of(name, rows), blind)
    )


def training_loss(model, variables, rows, batch, training):
    """Mean logloss over rows of weight 1, in training."""
    logits, _ = model.apply(variables, rows, batch, training=training, mutable=[STATISTICS])
    return (batch.weights * optax.sigmoid_binary_cross_entropy(logits, batch.labels)).sum() / batch.weights.sum()


def with_everything(name):
    """The small configuration with dropout and batch normalisation wherever the model has them."""
    reads = MODELS[name].OPTIONS
    options = {share: 0.3 for share in SHARES if share in reads}
    return dataclasses.replace(
        SMALL[name], **options, **({'deep_batch_norm': True} if 'deep_batch_norm' in reads else {})
    )


@EVERY_MODEL_BUT_FEWER_FAST
def test_gradients_are_finite_and_padded_rows_have_no_effect(name):
    """Loss and gradients of a batch, dropout and batch normalisation on, equal those with rows of weight 0 added."""
    model, tables, variables = made(with_everything(name))
    specs = model.table_specs(model.config, SCHEMA)
    padded = batch(ROWS + 4)
    padded = padded._replace(weights=np.where(np.arange(ROWS + 4) < ROWS, 1, 0).astype(np.float32))
    rows = jax.tree.map(lambda x: x[:ROWS], padded)
    keys = row_keys(3, jnp.asarray(5), jnp.arange(ROWS + 4))

    loss = jax.jit(
        jax.value_and_grad(
            lambda variables, rows, batch, keys: training_loss(
                model, variables, rows, batch, Training(keys, batch.weights, None)
            ),
            (0, 1),
        )
    )

    value, (of_variables, of_rows) = loss(variables, lookup(tables, specs, rows), rows, keys[:ROWS])
    value_padded, (of_variables_padded, of_rows_padded) = loss(variables, lookup(tables, specs, padded), padded, keys)
    assert np.isfinite(value)
    assert value_padded == pytest.approx(float(value), abs=1e-5)
    for one, other in zip(
        jax.tree.leaves(of_variables['params']), jax.tree.leaves(of_variables_padded['params']), strict=True
    ):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    for table, gradient in of_rows.items():
        assert np.isfinite(gradient).all() and np.abs(gradient).sum() > 0
        np.testing.assert_allclose(gradient, of_rows_padded[table][:ROWS], rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(of_rows_padded[table][ROWS:], 0)


@EVERY_MODEL_BUT_FEWER_FAST
def test_dropout_acts_in_training_only(name):
    config = with_everything(name)
    model, tables, variables = made(config)
    plain = build(dataclasses.replace(config, **dict.fromkeys(SHARES, 0.0)), SCHEMA)[0]
    rows = lookup(tables, model.table_specs(config, SCHEMA), batch())

    def logits(model, training):
        return jax.jit(
            lambda variables, rows: model.apply(variables, rows, batch(), training=training, mutable=[STATISTICS])[0]
        )(variables, rows)

    np.testing.assert_array_equal(logits(model, None), logits(plain, None))
    if any(share in MODELS[name].OPTIONS for share in SHARES):
        training = Training(KEYS, np.ones(ROWS, np.float32), None)
        assert not np.allclose(logits(model, training), logits(plain, training))


@EVERY_MODEL_BUT_FEWER_FAST
def test_gradients_equal_finite_differences_in_float64(name):
    """Along a random direction of all parameters and rows together."""
    config = SMALL[name]
    model, tables, variables = made(config, 'einsum' if MODELS[name].HAS_FORMS else 'automatic')
    rows = lookup(tables, model.table_specs(config, SCHEMA), batch())
    with jax.enable_x64(True):
        point, doubled = jax.tree.map(
            lambda x: jnp.asarray(np.float64(x)), ((variables, rows), batch()._replace(ids=np.int32(0)))
        )
        doubled = doubled._replace(ids=jnp.asarray(batch().ids))
        rng = np.random.default_rng(1)
        direction = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), point)

        @jax.jit
        @jax.value_and_grad
        def loss(point):
            logits = model.apply(*point, doubled, training=None)
            return optax.sigmoid_binary_cross_entropy(logits, doubled.labels).mean()

        _, gradient = loss(point)
        along = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))
        step = 1e-6
        ahead, behind = (loss(jax.tree.map(lambda x, v: x + s * step * v, point, direction))[0] for s in (1, -1))
        assert along.dtype == jnp.float64
        assert float(along) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-5, abs=1e-8)


# The paper's Table 3, from its settings in section 5.1.4; exact counts behind its rounded figures.
SIZES = {
    'deep_crossing': (ModelConfig(name='deep_crossing'), 156_801, '1.6e+05'),
    'crossnet': (ModelConfig(name='crossnet'), 3_004, '3e+03'),
    'cin': (ModelConfig(name='cin'), 1_864_601, '1.9e+06'),
    'nfm': (ModelConfig(name='nfm', deep_hidden=(200,)), 3_601, '4e+03'),
    'autoint': (ModelConfig(name='autoint'), 39_361, '3.9e+04'),
}


@pytest.mark.parametrize('config, count, published', SIZES.values(), ids=SIZES)
def test_parameter_counts_equal_table_3(config, count, published):
    found = criteo_parameters(config)
    assert found == count
    digits = len(published.split('e')[0].replace('.', '')) - 1
    assert f'{found:.{digits}e}' == published


def test_an_option_that_a_model_does_not_read_is_refused():
    with pytest.raises(
        UsageError, match="option 'model.num_heads' is 4, but model 'fm' does not read it; it reads: .*embedding_dim"
    ):
        model_class(ModelConfig(name='fm', num_heads=4))
    with pytest.raises(
        UsageError, match=r"'model.variant' is 'authors'.* it \(nor num_heads\); .*a configuration of this"
    ):
        model_class(ModelConfig(name='fm', num_heads=4, variant='authors'))
    with pytest.raises(UsageError, match="option 'execution.form' is 'heads', but model 'fm' does not read it"):
        model_class(ModelConfig(name='fm'), 'heads')


def test_a_missing_option_is_named():
    with pytest.raises(UsageError, match="option 'model.deep_hidden' is not given, but model 'deepfm' needs it"):
        model_class(ModelConfig(name='deepfm'))


def test_an_unknown_model_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="unknown model 'deepfn' .did you mean 'deepfm'"):
        model_class(ModelConfig(name='deepfn'))
