"""Models whose dense layers the compiled kernel computes in training: the same loss and gradients as by XLA."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import ROWS, batch, made, options
from test_contract import training_loss

from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.tables import lookup
from autoint_jax.models.registry import MODELS

pytestmark = pytest.mark.usefixtures('quick_compilation')

# Options with wide enough layers, and how many of these the kernel computes.
CASES = {
    'masknet': ({'embedding_dim': 4, 'mask_width': 17, 'deep_hidden': (19,)}, 7),
    'fcn': ({'embedding_dim': 24}, 3),
    'finalnet': ({'deep_hidden': (18, 20), 'second_hidden': (22,)}, 3),
    'wukong': ({'product_hidden': (17,), 'product_tokens': 6, 'deep_hidden': (19,)}, 5),
    'deep_crossing': ({'unit_widths': (17, 19)}, 6),
    'rankmixer': ({'num_layers': 2}, 5),
    'heteroatt': ({'num_layers': 2}, 9),  # in the last layer, one token asks
    'field_attention': ({'num_layers': 2, 'field_projections': True}, 2),
}
FAST = ('finalnet',)


def gradients_of(name, changed, dense_form):
    """The loss, its gradients, and the number of layers in the kernel."""
    config = dataclasses.replace(options(name, **changed), **({'deep_dropout': 0.3} if name == 'masknet' else {}))
    model, tables, variables = made(config)
    rows = lookup(tables, model.table_specs(config, model.schema), batch())
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), batch().weights, None, dense_form=dense_form)

    def loss(variables, rows):
        return training_loss(model, variables, rows, batch(), training)

    traced = jax.jit(jax.value_and_grad(loss, (0, 1))).trace(variables, rows)
    return traced.lower().compile()(variables, rows), str(traced.jaxpr).count('autoint_dense_forward')


@pytest.mark.parametrize('name', [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in CASES])
def test_the_forms_have_the_same_loss_and_gradients(name):
    changed, layers = CASES[name]
    (found, kernels), (expected, none) = (gradients_of(name, changed, form) for form in ('cpu_kernel', 'xla'))
    assert (kernels, none) == (layers, 0) and MODELS[name].dense_layers(options(name, **changed))
    for ours, of_xla in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, of_xla, rtol=1e-4, atol=1e-6)
