"""NaN in an embedding, a weight or a table stays NaN: in every form, exactly where the equations have it, forward and
backward.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from form_cases import FUXICTR, drawn, stack_of
from model_cases import SCHEMA, SMALL, batch, every_model_but_fewer_fast, forward, made
from run_cases import Told
from test_table_optimizers import D, V, first_table

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS, OptimizerConfig
from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.models.registry import MODELS
from autoint_jax.training import ancestor, loop
from autoint_jax.training.step.layout import initial_state_on
from autoint_jax.training.tables.choice import table_optimizer

pytestmark = pytest.mark.usefixtures('quick_compilation')

# rows, fields, embedding, layers, heads, head width: several examples in a block of a kernel, the last block not full.
SIZES = (47, 5, 6, 2, 2, 3)
VARIANTS = {
    'paper': {'authors': False, 'residual': True, 'dropout': False},
    'paper with dropout, no residual': {'authors': False, 'residual': False, 'dropout': True},
    'authors': {'authors': True, 'residual': True, 'dropout': False},
    'authors with dropout': {'authors': True, 'residual': True, 'dropout': True},
    'fuxictr': {'authors': False, 'norm': True, 'residual': True, 'dropout': False, **FUXICTR},
    'relu only': {'authors': False, 'norm': False, 'residual': True, 'dropout': False, 'projection_relu': True},
}
EXAMPLE, FIELD = 17, 3


def spoiled(case, place):
    """The case with a NaN in one row's embedding, all of it or one value, or in a weight of a layer."""
    x, layers, masks, spec = case
    if place == 'embedding':
        return x.at[EXAMPLE, FIELD].set(jnp.nan), layers, masks, spec
    if place == 'one value':
        return x.at[EXAMPLE, FIELD, 1].set(jnp.nan), layers, masks, spec
    if place == 'odd bits':  # a NaN whose lowest bits are set, which arithmetic on bits could take for a number
        return (
            x.at[EXAMPLE, FIELD, 1].set(jax.lax.bitcast_convert_type(jnp.uint32(0x7FC0FFFF), jnp.float32)),
            layers,
            masks,
            spec,
        )
    layer, name, at = place
    weight = getattr(layers[layer], name)
    if weight is None:
        return None
    changed = layers[layer]._replace(**{name: weight.at[at].set(jnp.nan)})
    return x, (*layers[:layer], changed, *layers[layer + 1 :]), masks, spec


PLACES = {
    'embedding': 'embedding',
    'one value': 'one value',
    'odd bits': 'odd bits',
    **{
        f'{name} {layer} {at}': (layer, name, at)
        for layer, (name, at) in itertools.product(
            (0, 1),
            [
                ('kernel', (2, 0, 1, 2)),
                ('kernel', (2, 1, 0, 1)),
                ('kernel', (2, 2, 1, 0)),
                ('kernel', (2, -1, 1, 0)),
                ('bias', (0, 1, 1)),
                ('bias', (2, 0, 1)),
                ('norm_scale', 4),
                ('norm_offset', 3),
            ],
        )
    },
}


def compiled(form, spec):
    """(x, layers, masks) -> output and gradients of x and all weights, compiled once for all places of a NaN."""

    def of_case(x, layers, masks):
        y, pull = jax.vjp(lambda x, layers: stack_of(form)(x, layers, masks, spec), x, layers)
        return [y, *jax.tree.leaves(pull(jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)))]

    return jax.jit(of_case)


@pytest.mark.parametrize('variant', VARIANTS)
def test_compiled_forms_have_nan_exactly_where_the_equations_have_it(variant):
    case = drawn(SIZES, **VARIANTS[variant])
    forms = {form: compiled(form, case[-1]) for form in ('einsum', 'heads', 'cpu_kernel')}
    for name, place in PLACES.items():
        with_nan = spoiled(case, place)
        if with_nan is None:
            continue
        reference, *others = ([np.isnan(array) for array in function(*with_nan[:3])] for function in forms.values())
        assert reference[0].any(), name
        for form, found in zip(('heads', 'cpu_kernel'), others, strict=True):
            for number, (ours, theirs) in enumerate(zip(found, reference, strict=True)):
                np.testing.assert_array_equal(ours, theirs, err_msg=f'{form}, NaN in {name}, array {number}')


@pytest.mark.parametrize('variant', ['paper', 'authors with dropout'])
def test_the_gpu_kernel_keeps_nan_and_spreads_it_within_a_block_at_most(variant):
    """Examples in front of the block of 32 rows, six examples, in which the NaN is have none."""
    case = drawn(SIZES, **VARIANTS[variant])
    einsum, gpu = (compiled(form, case[-1]) for form in ('einsum', 'gpu_kernel'))
    for place in ('one value', ('kernel', 1)):
        with_nan = spoiled(case, place if place == 'one value' else (1, 'kernel', (2, 2, 1, 0)))
        ours, theirs = ([np.isnan(array) for array in function(*with_nan[:3])] for function in (gpu, einsum))
        for number, (found, expected) in enumerate(zip(ours, theirs, strict=True)):
            assert (found >= expected).all(), f'NaN in {place}, array {number}'
        if place == 'one value':
            assert (
                not ours[0][:12].any() and not ours[0][18:].any() and not ours[1][:12].any() and not ours[1][18:].any()
            )


def test_infinite_embeddings_and_weights_do_not_become_numbers():
    case = drawn(SIZES, **VARIANTS['paper'])
    x, layers, masks, spec = case
    for spoilt in (
        (x.at[EXAMPLE, FIELD, 1].set(jnp.inf), layers),
        (x, (layers[0]._replace(kernel=layers[0].kernel.at[2, 2, 1, 0].set(jnp.inf)), layers[1])),
    ):
        reference, *others = (compiled(form, spec)(*spoilt, masks) for form in ('einsum', 'heads', 'cpu_kernel'))
        assert not np.isfinite(reference[0]).all()
        for found in others:
            np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(reference[0]))
            np.testing.assert_array_equal(np.isfinite(found[1]), np.isfinite(reference[1]))


@pytest.mark.parametrize('name', every_model_but_fewer_fast())
def test_a_row_of_a_table_makes_the_logits_of_its_rows_nan_in_every_model(name):
    """The first row's value of the last field, whose rows are the last of each table."""
    for form in ('einsum', 'heads', 'cpu_kernel') if MODELS[name].HAS_FORMS else ('automatic',):
        model, tables, variables = made(SMALL[name], form)
        rows, cardinality = batch(), SCHEMA.fields[-1].cardinality
        value = rows.ids[0, -1]
        spoilt = {table: values.at[value - cardinality].set(jnp.nan) for table, values in tables.items()}
        logits = np.asarray(forward(model, spoilt, variables, rows))
        np.testing.assert_array_equal(np.isnan(logits), rows.ids[:, -1] == value, err_msg=form)


@pytest.mark.parametrize('form', ['xla', 'cpu_kernel'])
@pytest.mark.parametrize('tables', TABLE_OPTIMIZERS)
def test_optimizers_of_tables_keep_nan_where_it_is(tables, form):
    """A NaN in row 3 and in the gradient of row 5, which the first batch has; later batches have other rows."""
    if tables == 'adam' and form == 'cpu_kernel':
        return
    optimizer = table_optimizer(OptimizerConfig(tables=tables), form, rates_of(Config()))
    table = first_table().at[3, 1].set(jnp.nan)
    slots, numbers = optimizer.init(table), np.array([[3, 5, 7, 5], [2, 7, 2, 8], [9, 2, 9, 7]], np.int32)
    gradients = np.full((3, 4, D), 0.25, np.float32)
    gradients[0, 1, 2] = np.nan
    for step, (of_batch, gradient) in enumerate(zip(numbers, gradients, strict=True)):
        rows = optimizer.named(jnp.asarray(of_batch), V)
        values = optimizer.read(table, slots, rows, jnp.int32(step))
        np.testing.assert_array_equal(np.isnan(values), np.isnan(table)[of_batch])
        table, slots = optimizer.update(table, slots, rows, gradient, jnp.int32(step))
    table, _ = optimizer.flush(table, slots, jnp.int32(3))
    expected = np.zeros((V, D), bool)
    expected[3, 1] = expected[5, 2] = True
    if tables == 'rowwise_adagrad':  # the one accumulator is the row's, and 0 times L2 of the row is added
        expected[3] = expected[5] = True
    np.testing.assert_array_equal(np.isnan(table), expected)


@pytest.mark.parametrize('form', ['automatic', 'heads', 'einsum'])
def test_training_on_tables_of_nan_is_said_to_have_diverged(form, data_dir, tmp_path, monkeypatch):
    config = replace(
        Config(),
        {
            'data.dataset': 'movielens_1m',
            'data.recipe': 'autoint_all_rows',
            'execution.form': form,
            'model.num_layers': 1,
            'model.head_dim': 3,
            'model.embedding_dim': 4,
            'training.batch_size': 512,
            'training.epochs': 1,
        },
    )

    def of_nan(made, mesh):
        state = initial_state_on(made, mesh)
        return state._replace(tables={name: table.at[1:4].set(jnp.nan) for name, table in state.tables.items()})

    monkeypatch.setattr(ancestor, 'initial_state_on', of_nan)
    with pytest.raises(UsageError, match='diverged'):
        loop.fit(config, open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows'), tmp_path, Told())
