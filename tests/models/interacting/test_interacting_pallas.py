"""The fused kernels of the interacting layer: against plain einsum, and lowered for a GPU.

The kernels are interpreted, unless JAX runs on a GPU: there the tests run what users run.
"""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.models.interacting import pallas, pallas_block
from autoint_jax.models.interacting.pallas import interacting_layer, supported

pytestmark = pytest.mark.usefixtures('quick_compilation')

INTERPRET = jax.default_backend() != 'gpu'


def reference(x, kernel, bias, mask, *, scale, residual, projection_relu):
    """Eqs. 5-8 in float32."""
    einsum = lambda letters, *arrays: jnp.einsum(letters, *arrays, precision='highest')  # noqa: E731
    z = einsum('bfd,dpna->pbfna', x.astype(jnp.float32), kernel)
    if bias is not None:
        z = z + bias[:, None, None]
    if projection_relu:
        z = jax.nn.relu(z)
    weights = jax.nn.softmax(scale * einsum('bfna,bgna->bnfg', z[0], z[1]), -1)
    mixed = einsum('bnfg,bgna->bfna', weights if mask is None else weights * mask, z[2])
    if residual:
        mixed = mixed + z[3]
    return jax.nn.relu(mixed).reshape(*x.shape[:2], -1)


def drawn(b, f, d, n, a, *, residual, bias, mask, dtype):
    """x, kernel, bias, mask and a gradient of the output."""
    rng = np.random.default_rng(0)
    p = 3 + residual
    normal = lambda *shape, width=1.0: jnp.asarray(rng.normal(0, width, shape), jnp.float32)  # noqa: E731
    return (
        normal(b, f, d).astype(dtype),
        normal(d, p, n, a, width=d**-0.5).astype(dtype).astype(jnp.float32),
        normal(p, n, a, width=0.3) if bias else None,
        jnp.asarray((rng.random((b, n, f, f)) < 0.8) / 0.8, jnp.float32) if mask else None,
        normal(b, f, n * a),
    )


def output_and_gradients(layer, x, kernel, bias, mask, of_out, options):
    """The output and dL/d(x, kernel, bias)."""

    @jax.jit
    def run(x, kernel, bias):
        out, pull = jax.vjp(lambda *args: layer(*args, mask, **options), x, kernel, bias)
        return out, *pull(of_out.astype(out.dtype))

    return [np.asarray(value, np.float32) for value in run(x, kernel, bias) if value is not None]


def assert_equal_einsum(sizes, *, residual, bias, mask, relu, dtype, tolerance):
    """Output and gradients, within `tolerance` of the largest.

    No gradient comes in where the output is nearly 0, for there rounding decides whether its ReLU is open.
    """
    *arrays, of_out = drawn(*sizes, residual=residual, bias=bias, mask=mask, dtype=dtype)
    options = {'scale': sizes[-1] ** -0.5, 'residual': residual, 'projection_relu': relu}
    out = reference(*arrays, **options)
    of_out = jnp.where(out > 2 * tolerance * out.max(), of_out, 0.0).astype(dtype).astype(jnp.float32)
    fused = output_and_gradients(interacting_layer, *arrays, of_out, {**options, 'interpret': INTERPRET})
    for value, expected in zip(fused, output_and_gradients(reference, *arrays, of_out, options), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    'sizes, options',
    [
        ((2, 39, 16, 2, 32), {'residual': True, 'bias': True, 'mask': True, 'relu': True}),
        ((2, 39, 64, 2, 32), {'residual': True, 'bias': False, 'mask': False, 'relu': False}),
        ((9, 7, 16, 2, 32), {'residual': True, 'bias': False, 'mask': True, 'relu': False}),
        ((13, 5, 6, 3, 4), {'residual': True, 'bias': True, 'mask': True, 'relu': True}),
        ((13, 5, 6, 3, 4), {'residual': False, 'bias': True, 'mask': False, 'relu': False}),
        ((13, 5, 6, 3, 4), {'residual': False, 'bias': False, 'mask': True, 'relu': True}),
    ],
    ids=str,
)
def test_equals_einsum(sizes, options):
    assert_equal_einsum(sizes, **options, dtype=jnp.float32, tolerance=1e-5)


@pytest.mark.parametrize('sizes', [(2, 39, 64, 2, 32), (13, 5, 6, 3, 4)], ids=str)
def test_bfloat16_is_near_float32(sizes):
    assert_equal_einsum(sizes, residual=True, bias=True, mask=True, relu=True, dtype=jnp.bfloat16, tolerance=1e-2)


def test_few_programs_take_turns(monkeypatch):
    """31 examples in 6 blocks, the last not full, by 2 programs of 3 turns each."""
    monkeypatch.setattr(pallas_block, 'MAX_PROGRAMS', 4)
    plan = pallas_block.kernel_shape(
        jnp.zeros((31, 5, 6)), jnp.zeros((6, 4, 2, 4)), scale=1.0, projection_relu=False, interpret=True
    )
    assert (plan.examples, plan.programs, plan.steps) == (6, 2, 3)
    assert_equal_einsum(
        (31, 5, 6, 2, 4), residual=True, bias=True, mask=True, relu=True, dtype=jnp.float32, tolerance=1e-5
    )


def test_examples_do_not_see_each_other():
    x, kernel, bias, mask, _ = drawn(6, 5, 6, 2, 4, residual=True, bias=True, mask=True, dtype=jnp.float32)
    options = {'scale': 1.0, 'residual': True, 'projection_relu': False, 'interpret': INTERPRET}
    whole = interacting_layer(x, kernel, bias, mask, **options)
    other = interacting_layer(x.at[3].set(1e3), kernel, bias, mask, **options)
    changed = np.any(np.asarray(whole != other), axis=(1, 2))
    assert changed.tolist() == [False, False, False, True, False, False]


def test_number_of_projections_goes_with_residual():
    x, kernel, *_ = drawn(2, 5, 6, 2, 4, residual=True, bias=False, mask=False, dtype=jnp.float32)
    with pytest.raises(ValueError, match='3 projections with residual=False'):
        interacting_layer(x, kernel, None, None, scale=1.0, residual=False, projection_relu=False, interpret=INTERPRET)


def test_supported():
    assert supported(39, 16, 2, 32) and supported(39, 64, 2, 32) and supported(7, 64, 2, 32)
    assert supported(39, 16, 1, 64) and supported(5, 6, 3, 4)
    assert not supported(65, 16, 2, 32) and not supported(39, 64, 2, 64) and not supported(7, 128, 2, 16)


def a_gpu():
    """A GPU to lower for where there is none; older jax needs no such word."""
    if not hasattr(jax.sharding, 'use_abstract_mesh'):
        return contextlib.nullcontext()
    device = jax.sharding.AbstractDevice(device_kind='NVIDIA A100', num_cores=None, platform='gpu')
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), (), abstract_device=device))


@pytest.mark.filterwarnings('ignore:The Pallas Triton backend is deprecated')
@pytest.mark.parametrize(
    'sizes, dtype, options',
    [
        ((1000, 39, 64, 2, 32), 'float32', {'residual': True, 'bias': True, 'mask': True}),
        ((1000, 7, 6, 3, 4), 'bfloat16', {'residual': False, 'bias': False, 'mask': False}),
    ],
    ids=str,
)
def test_lowers_for_a_gpu(sizes, dtype, options):
    """Both kernels consist of what Triton has; nothing is compiled or run."""
    b, f, d, n, a = sizes
    p = 3 + options['residual']
    array = jax.ShapeDtypeStruct
    arguments = (
        array((b, f, d), dtype),
        array((d, p, n, a), 'float32'),
        array((p, n, a), 'float32') if options['bias'] else None,
        array((b, n, f, f), 'float32') if options['mask'] else None,
    )

    def loss(x, kernel, bias, mask):
        return (
            interacting_layer(
                x, kernel, bias, mask, scale=1.0, residual=options['residual'], projection_relu=True, interpret=False
            )
            .astype(jnp.float32)
            .sum()
        )

    with a_gpu():
        text = jax.jit(jax.value_and_grad(loss, (0, 1))).trace(*arguments).lower(lowering_platforms=('cuda',)).as_text()
    assert text.count('custom_call @__gpu$xla.gpu.triton') == 2
    for name in ('_forward_kernel', '_backward_kernel'):
        assert f'name = "{name}"' in text and hasattr(pallas, name)
