"""Dense layers by XLA and by the compiled kernel: values and gradients against NumPy, and the choice of the form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.layers.dense import Dense, chosen_dense_form, missed_dense_kernel
from autoint_jax.models.layers.dropout import Training, row_keys, scaled_mask
from autoint_jax.models.layers.token_dense import TokenDense

pytestmark = pytest.mark.usefixtures('quick_compilation')

SITE, RATE = 3, 0.4
# Rows, inputs and outputs that leave parts of vectors, tiles, panels and blocks, and widths that leave none.
CASES = [((37, 53, 91), True, True, RATE), ((1103, 131, 21), True, True, 0.0), ((128, 96, 80), False, False, 0.0)]


@pytest.mark.parametrize('dense_form', ['xla', 'cpu_kernel'])
@pytest.mark.parametrize('sizes, bias, relu, dropout', CASES)
def test_values_and_gradients_are_those_of_numpy(dense_form, sizes, bias, relu, dropout):
    rows, inputs, outputs = sizes
    normal = np.random.default_rng(1).normal
    x, weights = normal(size=(rows, inputs)).astype(np.float32), normal(size=(rows, outputs)).astype(np.float32)
    params = {'kernel': normal(size=(inputs, outputs)).astype(np.float32) / 8}
    params |= {'bias': normal(size=outputs).astype(np.float32)} if bias else {}
    keys = row_keys(5, jnp.asarray(7), jnp.arange(rows))
    training = Training(keys, jnp.ones(rows), None, dense_form=dense_form)
    layer = Dense(outputs, jax.nn.initializers.zeros, bias=bias, relu=relu, site=SITE, dropout=dropout)

    def loss(params, x):
        y = layer.apply({'params': params}, x, training=training)
        return jnp.sum(y * weights), y

    gradients, y = jax.grad(loss, (0, 1), has_aux=True)(params, x)

    sums = np.asarray(x, np.float64) @ params['kernel'] + params.get('bias', 0)
    mask = np.asarray(scaled_mask(keys, site=SITE, rate=dropout, shape=(outputs,)), np.float64) if dropout else 1.0
    of_sums = weights * mask * (sums > 0 if relu else 1.0)
    expected = {'kernel': x.T @ of_sums} | ({'bias': of_sums.sum(0)} if bias else {})
    np.testing.assert_allclose(y, (np.maximum(sums, 0) if relu else sums) * mask, rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(gradients[1], of_sums @ params['kernel'].T, rtol=1e-5, atol=2e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(gradients[0][name], value, rtol=1e-5, atol=1e-4)


# Rows, tokens, inputs and outputs.
TOKEN_CASES = [((37, 3, 53, 91), True), ((1103, 3, 13, 91), True), ((128, 5, 96, 7), False), ((600, 7, 16, 40), True)]


def token_gradients(sizes, dense_form, *, bias=True, cached=None, monkeypatch=None):
    """Inputs, weights of the loss, parameters, values, and gradients by parameters and inputs of a layer of tokens."""
    rows, tokens, inputs, outputs = sizes
    normal = np.random.default_rng(3).normal
    x, weights = (normal(size=(rows, tokens, width)).astype(np.float32) for width in (inputs, outputs))
    params = {'kernel': normal(size=(tokens, inputs, outputs)).astype(np.float32) / 8}
    params |= {'bias': normal(size=(tokens, outputs)).astype(np.float32)} if bias else {}
    training = Training(row_keys(5, jnp.asarray(7), jnp.arange(rows)), jnp.ones(rows), None, dense_form=dense_form)
    if cached is not None:
        monkeypatch.setattr('autoint_jax.models.layers.dense_kernel.CACHED_FLOATS', cached)

    def loss(params, x):
        y = TokenDense(outputs, bias).apply({'params': params}, x, training)
        return jnp.sum(y * weights), y

    (of_params, of_x), y = jax.grad(loss, (0, 1), has_aux=True)(params, x)
    return x, weights, params, y, of_params, of_x


@pytest.mark.parametrize('dense_form', ['xla', 'cpu_kernel'])
@pytest.mark.parametrize('sizes, bias', TOKEN_CASES)
def test_each_token_has_weights_of_its_own(dense_form, sizes, bias):
    x, weights, params, y, of_params, of_x = token_gradients(sizes, dense_form, bias=bias)
    for token in range(sizes[1]):
        one, of_y, kernel = (np.float64(a) for a in (x[:, token], weights[:, token], params['kernel'][token]))
        offset = params['bias'][token] if bias else 0
        np.testing.assert_allclose(y[:, token], one @ kernel + offset, rtol=1e-5, atol=2e-5)
        np.testing.assert_allclose(of_x[:, token], of_y @ kernel.T, rtol=1e-5, atol=2e-5)
        np.testing.assert_allclose(of_params['kernel'][token], one.T @ of_y, rtol=1e-5, atol=1e-4)
        if bias:
            np.testing.assert_allclose(of_params['bias'][token], of_y.sum(0), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize('cached', [1, 1 << 12, 1 << 15])  # one row, some rows of a token, and some tokens at a time
def test_gradients_do_not_depend_on_the_rows_taken_at_a_time(monkeypatch, cached):
    sizes = (300, 5, 23, 91)
    whole = token_gradients(sizes, 'cpu_kernel')
    parts = token_gradients(sizes, 'cpu_kernel', cached=cached, monkeypatch=monkeypatch)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_behind_relu_and_dropout_do_not_depend_on_the_rows_taken_at_a_time(monkeypatch):
    normal = np.random.default_rng(4).normal
    x, kernel = (normal(size=sizes).astype(np.float32) for sizes in ((300, 23), (23, 91)))
    training = Training(row_keys(5, jnp.asarray(7), jnp.arange(300)), jnp.ones(300), None, dense_form='cpu_kernel')
    layer = Dense(91, jax.nn.initializers.zeros, relu=True, site=SITE, dropout=RATE)

    def gradients():
        params = {'kernel': kernel, 'bias': jnp.zeros(91)}
        return jax.grad(lambda params, x: layer.apply({'params': params}, x, training=training).sum(), (0, 1))(
            params, x
        )

    whole = gradients()
    monkeypatch.setattr('autoint_jax.models.layers.dense_kernel.CACHED_FLOATS', 1 << 12)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(gradients()), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_row_has_the_same_bits_in_any_batch():
    normal = np.random.default_rng(2).normal
    x, params = normal(size=(70, 40)).astype(np.float32), {'kernel': normal(size=(40, 50)).astype(np.float32)}
    layer = Dense(50, jax.nn.initializers.zeros, bias=False, relu=True, site=SITE, dropout=RATE)

    def values(first, last):
        keys = row_keys(5, jnp.asarray(7), jnp.arange(first, last))
        training = Training(keys, jnp.ones(last - first), None, dense_form='cpu_kernel')
        return np.asarray(layer.apply({'params': params}, x[first:last], training=training))

    np.testing.assert_array_equal(values(0, 70)[13:56], values(13, 56))


def test_the_form_is_chosen_by_device_and_compiler(monkeypatch):
    assert chosen_dense_form('automatic', 'cpu') == 'cpu_kernel' and chosen_dense_form('xla', 'cpu') == 'xla'
    assert chosen_dense_form('automatic', 'gpu') == 'xla' and missed_dense_kernel('automatic', 'cpu') == ''
    with pytest.raises(UsageError, match=r"'execution.dense_form' is 'cpu_kernel', but it runs on CPUs, not on gpu"):
        chosen_dense_form('cpu_kernel', 'gpu')
    monkeypatch.setattr(library, 'unavailable', lambda: 'no compiler')
    assert chosen_dense_form('automatic', 'cpu') == 'xla'
    assert missed_dense_kernel('automatic', 'cpu') == 'no compiler' and missed_dense_kernel('xla', 'cpu') == ''
    with pytest.raises(UsageError, match='no compiler'):
        chosen_dense_form('cpu_kernel', 'cpu')
