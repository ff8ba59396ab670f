"""On a GPU every program of a run is compiled with one order of sums, unless execution.deterministic is off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.config.configuration import Config, replace
from autoint_jax.training.copies import programs
from autoint_jax.training.step import placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import Setup, initial_state, make_setup

SMALL = replace(
    Config(), {'training.batch_size': 4, 'model.num_layers': 0, 'execution.form': 'einsum', 'optimizer.tables': 'adam'}
)
ORDERED = {'xla_gpu_deterministic_ops': True}


def test_sums_have_one_order_on_gpus_unless_that_is_off():
    schema, _ = made_up(Shape((3, 5)), 8, seed=1)
    off = replace(SMALL, {'execution.deterministic': False})
    for platform, config, options, said in (
        ('gpu', SMALL, ORDERED, 'has the same bits (execution.deterministic)'),
        ('gpu', off, {}, 'differs by rounding (execution.deterministic=false)'),
        ('cpu', SMALL, {}, ''),
        ('tpu', SMALL, {}, ''),
    ):
        setup = make_setup(config, schema, platform)
        assert setup.compiler_options == options
        assert setup.repeatable.endswith(said) and bool(setup.repeatable) == bool(said)


def test_this_jax_knows_the_option():
    assert jax.jit(lambda x: x + 1, compiler_options=ORDERED)(1) == 2


def test_the_options_reach_every_program(monkeypatch):
    """XLA refuses an option that does not exist, and so shows that it was asked."""
    config = replace(SMALL, {'optimizer.tables': 'deferred_adam', 'execution.tables_form': 'xla'})
    schema, columns = made_up(Shape((3, 5)), 8, seed=1)
    setup, mesh = make_setup(config, schema), placement.data_mesh(jax.local_devices()[:1])
    of_copies = programs.replica_mesh(1, jax.local_devices()[:1])
    cut, state = slices.cut(4, setup, mesh), initial_state(setup)
    order = jnp.asarray(batches_in_order(8, 4, cut.padded_batch))
    resident = resident_columns(columns, mesh)
    monkeypatch.setattr(Setup, 'compiler_options', {'xla_no_such_option': True})
    states, scored = programs.stacked([state], of_copies), (state.variables, state.tables, resident)
    varied, count = {'seed': jnp.zeros(1, jnp.int32)}, jnp.ones(1, jnp.int32)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=1)
    compiled = {
        'steps': lambda: chunk(state, resident, order, 0, 1),
        'steps ahead of time': lambda: chunk.lower(state, resident, order, 0, 1).compile(),
        'flush': lambda: make_flush(setup, mesh)(state),
        'evaluator': lambda: scoring.make_evaluator(setup, mesh, keep_logits=False)(*scored),
        'streamed evaluator': lambda: scoring.make_streamed_evaluator(setup, mesh, keep_logits=False)(
            state.variables, state.tables, jax.tree.map(np.asarray, columns)
        ),
        'scorer': lambda: scoring.make_scorer(setup, mesh)(*scored),
        'steps of copies': lambda: programs.make_chunk(setup, of_copies, cut, max_steps=1, together=True)(
            states, varied, order[None], count, resident, 0
        ),
        'flush of copies': lambda: programs.make_flush(setup, of_copies, together=True)(states, varied),
        'evaluator of copies': lambda: programs.make_evaluator(setup, of_copies, together=True, keep_logits=False)(
            states.variables, states.tables, resident
        ),
    }
    for name, program in compiled.items():
        with pytest.raises(Exception, match='xla_no_such_option'):
            program()
            pytest.fail(name)
