"""Ordered sums: the same bits on any number of devices, and a refusal where they would not be the same."""

import dataclasses

import jax
import model_cases
import numpy as np
import pytest
from jax.extend.core import Literal

from autoint_jax.config.configuration import Config, from_tree, replace
from autoint_jax.config.fingerprint import fingerprint, identity, identity_tree
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.models import registry
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.softmax import softmax
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema
from autoint_jax.training.step import layout, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.loss import summed_logloss
from autoint_jax.training.step.state import make_setup


def ordered_losses(meshes, model, **options):
    """Losses of some steps of a model with ordered sums, and tables, parameters and scores after them, on some meshes.

    On four devices or more each has one slice; with 32 rows in it XLA fuses the operations of a loop of one turn in
    other ways than those of a longer loop.
    """
    rng, rows, sizes = np.random.default_rng(0), 121, (131, 7, 17, 17, 17)
    fields = FieldSpec('a', CATEGORICAL, 131), FieldSpec('b', CATEGORICAL, 7), FieldSpec('c', MULTIVALUED, 17, 3)
    schema = Schema((*fields, FieldSpec('x', NUMERIC)))
    ids = np.stack([rng.integers(0, size, 8 * rows) for size in sizes], 1).astype(np.int32)
    numbers, labels = rng.normal(size=(8 * rows, 1)), rng.random(8 * rows) < 0.3
    columns = Columns(ids, numbers.astype(np.float32), labels.astype(np.float32))
    options = {'mesh.ordered_sums': True, 'training.batch_size': rows, 'execution.slice_rows': 32} | options
    config = replace(dataclasses.replace(Config(), model=model), options)
    ordered, found = rng.permutation(8 * rows).reshape(8, rows), []
    for data, table in meshes:
        mesh = placement.run_mesh(MeshConfig(table=table, data=data))
        setup = make_setup(config, schema)
        cut = slices.cut(rows, setup, mesh)
        batches = np.full((8, cut.padded_batch), -1, np.int32)
        batches[:, :rows] = ordered
        chunk = steps.make_chunk(setup, mesh, cut, max_steps=8)
        state = layout.initial_state_on(setup, mesh)
        state, losses = chunk(state, resident_columns(columns, mesh), placement.split_order(batches, mesh), 0, 8)
        tables = {name: table[: 131 + 7 + 17] for name, table in layout.held(state).tables.items()}
        scored = scoring.scored_columns(setup, jax.tree.map(lambda column: column[:97], columns), mesh)
        scores = scoring.make_evaluator(setup, mesh, keep_logits=True)(state.variables, state.tables, scored)
        kept = losses, state.params, state.optimizer, tables, scores
        found.append([np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(kept)])
    return found


AUTOINT = ModelConfig(embedding_dim=8, num_layers=1, head_dim=4, embedding_dropout=0.1, attention_dropout=0.1)


@pytest.mark.slow
@pytest.mark.parametrize('meshes', ['(2, 1), (2, 2), (1, 8)'])
def test_ordered_sums_have_the_same_bits_on_any_number_of_devices(on_host_devices, meshes):
    call = f't.ordered_losses([(1, 1), {meshes}], t.AUTOINT)'
    one, *others = on_host_devices(8, 'test_ordered_sums', call, optimized=True)
    assert len(one) > 2 and all(other == one for other in others)


@pytest.mark.slow
@pytest.mark.parametrize('form', ['einsum', 'heads'])
def test_ordered_sums_have_the_same_bits_in_forms_of_xla(on_host_devices, form):
    call = f't.ordered_losses([(1, 1), (2, 1), (2, 2), (1, 8)], t.AUTOINT, **{{"execution.form": {form!r}}})'
    one, *others = on_host_devices(8, 'test_ordered_sums', call, optimized=True)
    assert len(one) > 2 and all(other == one for other in others)


@pytest.mark.slow
@pytest.mark.parametrize('name', model_cases.SMALL)
def test_ordered_sums_have_the_same_bits_with_every_model(on_host_devices, name):
    call = f't.ordered_losses([(1, 1), (2, 2)], t.model_cases.SMALL[{name!r}])'
    one, four = on_host_devices(4, 'test_ordered_sums', call, optimized=True)
    assert len(one) > 2 and one == four


@pytest.mark.parametrize('name', model_cases.SMALL)
def test_no_model_divides_by_a_broadcast_value(name):
    """XLA takes the one or the other of two roundings of such a division by the number of devices."""
    form = 'einsum' if registry.MODELS[name].HAS_FORMS else 'automatic'
    model, tables, variables = model_cases.made(model_cases.SMALL[name], form)
    rows = model_cases.batch()
    keys = row_keys(3, np.int32(5), np.arange(model_cases.ROWS))
    training = Training(keys, rows.weights, None)

    def loss(tables, params):
        changed = variables | {'params': params}
        logits, _ = model_cases.forward(model, tables, changed, rows, training, mutable=[STATISTICS])
        return summed_logloss(logits, labels=rows.labels, weights=rows.weights)

    traced = jax.make_jaxpr(jax.grad(loss, (0, 1)))(tables, variables['params'])
    assert not broadcast_divisors(traced.jaxpr)


def test_a_division_by_a_broadcast_value_is_found():
    x = np.ones((3, 2), np.float32)
    for divided in (lambda x: x / x.sum(1, keepdims=True), jax.jit(lambda x: x / x[:1]), jax.nn.softmax):
        assert broadcast_divisors(jax.make_jaxpr(divided)(x).jaxpr)
    for divided in (lambda x: x / x, lambda x: x / 3, lambda x: 1 / x.sum(1), softmax):
        assert not broadcast_divisors(jax.make_jaxpr(divided)(x).jaxpr)


def broadcast_divisors(jaxpr):
    """The divisions of a traced function, and of those that it calls, by a value that is broadcast."""
    broadcast, found = set(), []
    for equation in jaxpr.eqns:
        *_, last = equation.invars or [None]
        if equation.primitive.name == 'broadcast_in_dim' and not isinstance(last, Literal):
            grown = equation.outvars[0].aval.size > last.aval.size
            broadcast.update(equation.outvars if grown else ())
        if equation.primitive.name == 'div' and not isinstance(last, Literal):
            if last in broadcast or last.aval.shape != equation.outvars[0].aval.shape:
                found.append(equation)
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda value: hasattr(value, 'eqns')):
            found += broadcast_divisors(inner) if hasattr(inner, 'eqns') else []
    return found


def test_ordered_sums_are_refused_where_they_would_not_be_the_same():
    with pytest.raises(UsageError, match="'execution.slice_rows' is 0, but must be a number of rows with mesh.ordered"):
        replace(Config(), {'mesh.ordered_sums': True})
    config = replace(Config(), {'mesh.ordered_sums': True, 'execution.slice_rows': 8})
    assert fingerprint(config) != fingerprint(replace(Config(), {'execution.slice_rows': 8})) == fingerprint(Config())
    assert fingerprint(config) == fingerprint(replace(config, {'mesh.table': 8, 'execution.form': 'heads'}))
    assert identity(from_tree(identity_tree(config))) == identity(config)
