"""What the branches of a model add to its training loss: gradients of slices are those of the rule over the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.rates import rates_of
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.tables import lookup
from autoint_jax.training.step.loss import device_gradients
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import initial_state, make_setup

FCN = {'model.name': 'fcn', 'model.embedding_dim': 8, 'model.num_layers': 2, 'model.deep_dropout': 0.2}
FINALNET = {'model.name': 'finalnet', 'model.embedding_dim': 4, 'model.deep_hidden': (8, 6), 'model.deep_dropout': 0.2}
STEP = jnp.int32(3)


def drawn(options):
    """A setup, its state with embeddings and parameters that matter, and 24 rows, of which two are padding."""
    schema, columns = made_up(Shape((5, 7, 3)), 22, seed=1)
    setup = make_setup(replace(Config(), {'model.embedding_stddev': 1.0, **options}), schema)
    batch = jax.tree.map(
        lambda x: jnp.concatenate([x, jnp.zeros((2, *x.shape[1:]), x.dtype)]), columns.batch(slice(22))
    )
    return setup, initial_state(setup), batch


def add_worse(labels, logits, branches):
    """L + sum max(0, L_branch - L) * L_branch of mean losses, with gradients through the weights."""
    mean = lambda logits: optax.sigmoid_binary_cross_entropy(logits, labels).mean()  # noqa: E731
    whole, of_branches = mean(logits), [mean(branches[:, place]) for place in range(branches.shape[1])]
    return whole + sum(jnp.maximum(0, one - whole) * one for one in of_branches)


def imitate(labels, logits, branches):
    """BCE(y, label) + sum BCE(y_branch, y), no gradient through the y that is imitated."""
    own = jax.lax.stop_gradient(jax.nn.sigmoid(logits))
    of_branches = (
        optax.sigmoid_binary_cross_entropy(branches[:, place], own).mean() for place in range(branches.shape[1])
    )
    return optax.sigmoid_binary_cross_entropy(logits, labels).mean() + sum(of_branches)


CASES = {'FCN': (FCN, add_worse), 'FinalNet': (FINALNET, imitate)}


@pytest.mark.parametrize(
    'options, rule', [pytest.param(*CASES['FCN'], marks=pytest.mark.slow), CASES['FinalNet']], ids=CASES
)
def test_gradients_are_those_of_the_rule_and_the_loss_is_the_log_loss(options, rule):
    setup, state, batch = drawn(options)
    looked_up = lookup(state.tables, setup.table_specs, batch)
    training = Training(row_keys(0, STEP, jnp.arange(24)), batch.weights, None)

    def objective(params, looked_up):
        logits, sown = setup.model.apply(
            {'params': params}, looked_up, batch, training=training, mutable=['intermediates']
        )
        branches = sown['intermediates']['branches'][0]
        return rule(batch.labels[:22], logits[:22], branches[:22]), logits[:22]

    (whole, logits), expected = jax.value_and_grad(objective, (0, 1), has_aux=True)(state.params, looked_up)
    log_loss = optax.sigmoid_binary_cross_entropy(logits, batch.labels[:22]).mean()
    assert whole > log_loss + 1e-3  # some branch is worse than the whole, so the rule adds something
    for cut in (Cut(24, 24), Cut(8, 24)):
        found = jax.jit(device_gradients(setup, (), cut, rates_of(setup.config)))(
            state.params, state.statistics, looked_up, batch, STEP
        )
        np.testing.assert_allclose(found[0], log_loss, rtol=1e-6)
        for ours, theirs in zip(jax.tree.leaves(found[1:3]), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
    off = make_setup(replace(setup.config, {'model.branch_loss': 'off'}), setup.schema)
    plain = jax.jit(device_gradients(off, (), Cut(24, 24), rates_of(off.config)))(
        state.params, state.statistics, looked_up, batch, STEP
    )
    largest = [
        np.abs(one - other).max()
        for one, other in zip(jax.tree.leaves(plain[1]), jax.tree.leaves(found[1]), strict=True)
    ]
    assert max(largest) > 1e-3
