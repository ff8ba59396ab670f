"""All forms of the stack of interacting layers give one function's values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from form_cases import FUXICTR, ON_GPU, drawn, stack_of

from autoint_jax.models.interacting import forms
from autoint_jax.models.interacting.stack import StackSpec, einsum_stack

pytestmark = pytest.mark.usefixtures('quick_compilation')

# rows, fields, embedding, layers, heads, head width: the shapes of the data sets, and sizes that divide nothing. 163
# fields are an odd number of the CPU kernel's vectors of eight, of which a block of one example would not fill its wide
# ones. 345 fields are so many that the CPU kernel takes their queries in parts, of which the last is smaller.
SIZES = {
    'criteo': (11, 39, 16, 3, 2, 32),
    'movielens': (23, 7, 16, 2, 2, 32),
    'primes': (5, 3, 5, 2, 3, 7),
    'one field': (3, 1, 2, 1, 2, 3),
    'many fields': (3, 163, 3, 1, 1, 11),
    'parts of queries': (2, 345, 3, 2, 2, 5),
    'wide': (3, 11, 67, 2, 5, 13),
    'two blocks': (21, 9, 5, 2, 2, 3),  # of 17 examples, which stand close together
}


OTHERS = ('heads',) if ON_GPU else ('heads', 'cpu_kernel')  # the forms that run here with every option, beside einsum


def values_and_gradients(form, x, layers, masks, spec):
    out = jnp.asarray(np.random.default_rng(1).normal(size=(*x.shape[:2], spec.num_heads * spec.head_dim)), jnp.float32)

    def summed(x, layers):
        y = stack_of(form)(x, layers, masks, spec).astype(jnp.float32)
        return jnp.vdot(y, out), y

    with jax.default_matmul_precision('highest'):
        (_, y), gradients = jax.jit(jax.value_and_grad(summed, (0, 1), has_aux=True))(x, layers)
    return [y, *jax.tree.leaves(gradients)]


def differences(ours, theirs):
    """Largest difference of each array, over the largest entry of the reference."""
    return [
        float(
            jnp.abs(one.astype(jnp.float32) - other.astype(jnp.float32)).max()
            / jnp.abs(other.astype(jnp.float32)).max()
        )
        for one, other in zip(ours, theirs, strict=True)
    ]


CASES = [(sizes, *options) for sizes in SIZES for options in ((False, True, False), (True, True, True))]
CASES += [('primes', False, False, True), ('primes', True, False, False)]
SLOW_SIZES = (
    'wide',
    'criteo',
    'movielens',
    'many fields',
    'two blocks',
)  # with the paper's variant; the authors' has more parts
CASES = [
    pytest.param(*case, marks=pytest.mark.slow) if case[0] in SLOW_SIZES and not case[1] else case for case in CASES
]


@pytest.mark.parametrize('sizes, authors, residual, dropout', CASES)
def test_forms_agree_forward_and_backward(sizes, authors, residual, dropout):
    case = drawn(SIZES[sizes], authors=authors, residual=residual, dropout=dropout)
    reference = values_and_gradients('einsum', *case)
    for form in OTHERS:
        assert max(differences(values_and_gradients(form, *case), reference)) < 1e-5, form


# Where the layers' width is that of their input: from the second layer on, or, at 'equal', in all.
SIZES_OF_OPTIONS = {'primes': SIZES['primes'], 'equal': (21, 5, 21, 2, 3, 7), 'movielens': SIZES['movielens']}
OPTIONS = [
    {'authors': False, 'norm': False, 'identity_residual': True},
    {'authors': True, 'norm': False, 'projection_relu': False, 'identity_residual': True},
    {'authors': False, 'norm': True, 'norm_first': True},
    {'authors': False, 'norm': True, 'norm_first': True, 'residual': False},
    {'authors': False, 'norm': True, **FUXICTR},
    {'authors': True, 'norm': True, 'dropout': True, **FUXICTR},
    {'authors': False, 'norm': False, 'projection_relu': True},
    {'authors': False, 'norm': True, 'identity_residual': True, 'norm_epsilon': 1e-2},
]
CASES_OF_OPTIONS = [
    ('equal', options) if number % 2 else pytest.param('equal', options, marks=pytest.mark.slow)
    for number, options in enumerate(OPTIONS)
]
CASES_OF_OPTIONS += [pytest.param('primes', options, marks=pytest.mark.slow) for options in OPTIONS]
CASES_OF_OPTIONS += [('movielens', options) for options in OPTIONS[4:6]]


@pytest.mark.parametrize('sizes, options', CASES_OF_OPTIONS, ids=str)
def test_forms_agree_on_options_of_a_layer(sizes, options):
    case = drawn(SIZES_OF_OPTIONS[sizes], **{'residual': True, 'dropout': False, **options})
    reference = values_and_gradients('einsum', *case)
    for form in OTHERS:
        assert max(differences(values_and_gradients(form, *case), reference)) < 1e-5, form


@pytest.mark.parametrize('form', OTHERS)
def test_examples_that_share_a_vector_do_not_reach_one_another(form):
    x, layers, masks, spec = drawn(SIZES['two blocks'], authors=True, residual=True, dropout=False)
    poisoned = x.at[jnp.array([3, 16, 20])].set(jnp.nan)
    clean = np.delete(np.arange(21), [3, 16, 20])

    @jax.jit
    def values(x):
        y, back = jax.vjp(lambda x: stack_of(form)(x, layers, masks, spec), x)
        return y, back(jnp.ones_like(y))[0]

    ours, theirs = values(poisoned), values(x)
    assert np.isnan(ours[0][jnp.array([3, 16, 20])]).all()
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one[clean], other[clean])


def test_identity_residual_leaves_out_w_res_where_widths_match():
    spec = StackSpec(3, 7, True, projection_relu=False, scale=1.0, identity_residual=True)
    assert (spec.projections(5), spec.projections(21)) == (4, 3)
    assert spec._replace(identity_residual=False).projections(21) == 4
    assert spec._replace(residual=False).projections(5) == 3


def test_gpu_kernel_agrees_with_its_layer_norms():
    case = drawn((3, 7, 6, 2, 2, 5), authors=True, residual=True, dropout=True)
    assert max(differences(values_and_gradients('gpu_kernel', *case), values_and_gradients('einsum', *case))) < 1e-5


def test_forms_agree_in_bfloat16_to_a_hundredth():
    def error(one, other):
        return float(
            jnp.sqrt(
                jnp.mean((one.astype(jnp.float32) - other.astype(jnp.float32)) ** 2)
                / jnp.mean(other.astype(jnp.float32) ** 2)
            )
        )

    x, (layer,), masks, spec = drawn(
        (11, 39, 16, 1, 2, 32), authors=False, residual=True, dropout=True, dtype=jnp.bfloat16
    )
    # All outputs positive: a ReLU that rounding flips turns the whole gradient of a value, in whatever form.
    layers = (layer._replace(bias=jnp.zeros((4, 2, 32)).at[3].set(8.0)),)
    exact = (layers[0]._replace(kernel=layer.kernel.astype(jnp.float32)),)
    einsum, heads = (values_and_gradients(form, x, layers, masks, spec) for form in ('einsum', 'heads'))
    assert einsum[1].dtype == einsum[2].dtype == jnp.bfloat16
    reference = values_and_gradients('einsum', x.astype(jnp.float32), exact, masks, spec)
    for values in (einsum, heads):
        assert max(error(one, other) for one, other in zip(values, reference, strict=True)) < 1e-2


def test_compiled_kernel_does_not_depend_on_neighbours_or_threads():
    x, layers, masks, spec = drawn((301, 7, 16, 3, 2, 32), authors=False, residual=True, dropout=False)
    whole = forms.FORMS['cpu_kernel'](x, layers, masks, spec)
    np.testing.assert_array_equal(forms.FORMS['cpu_kernel'](x[100:113], layers, masks, spec), whole[100:113])
    once = values_and_gradients('cpu_kernel', x, layers, masks, spec)
    for one, other in zip(once, values_and_gradients('cpu_kernel', x, layers, masks, spec), strict=True):
        np.testing.assert_array_equal(one, other)  # partial sums are added in one order, whichever thread made them
    np.testing.assert_allclose(whole, einsum_stack(x, layers, masks, spec), rtol=1e-4, atol=1e-5)


def test_attention_with_large_scores_stays_finite():
    x, layers, masks, spec = drawn(SIZES['movielens'], authors=False, residual=True, dropout=False)
    x = x * 30
    ours, theirs = (values_and_gradients(form, x, layers, masks, spec) for form in ('cpu_kernel', 'einsum'))
    assert all(np.isfinite(array).all() for array in ours)
    assert max(differences(ours[:1], theirs[:1])) < 1e-4


def test_copies_that_go_together_have_the_gpu_kernel_too():
    x, layers, _, spec = drawn((3, 5, 4, 1, 2, 3), authors=True, residual=True, dropout=False)
    xs = jnp.stack([x, 2 * x])

    def values(stack):
        return jax.jit(jax.vmap(jax.value_and_grad(lambda x: jnp.sum(stack(x, layers, (None,), spec) ** 2))))(xs)

    for ours, theirs in zip(values(stack_of('gpu_kernel')), values(einsum_stack), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * float(jnp.abs(theirs).max()))
