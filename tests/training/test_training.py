"""Steps and order: results do not depend on chunks, and on slices and devices by rounding only."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from conftest import OPTIMIZED, ROOT

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.models.layers.tables import lookup
from autoint_jax.training.step import order, placement, scoring, slices, steps
from autoint_jax.training.step.columns import gathered, resident_columns
from autoint_jax.training.step.loss import device_gradients
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE
from autoint_jax.training.step.schedule import evaluation_steps
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


OPTIONS = {
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'model.variant': 'authors',
    'model.attention_dropout': 0.3,
    'model.embedding_dropout': 0.1,
    'model.head_dim': 5,
    'model.num_layers': 1,
    'training.batch_size': 61,
}


def losses_of(data_dir, chunks, **options):
    """Losses of the steps of `chunks` (their lengths), and the state after them."""
    config = replace(Config(), {**OPTIONS, **{name.replace('__', '.'): value for name, value in options.items()}})
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    setup, mesh, columns = make_setup(config, data.schema), placement.data_mesh(), data.split('train')
    cut = slices.cut(config.training.batch_size, setup, mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=sum(chunks))
    state, resident = placement.replicate(initial_state(setup), mesh), resident_columns(columns, mesh)
    per_epoch = order.steps_per_epoch(len(columns), config.training.batch_size)
    ordered = placement.replicate(
        np.concatenate(
            [
                order.epoch_order(
                    config.seed,
                    epoch,
                    rows=len(columns),
                    batch_size=config.training.batch_size,
                    padded_batch=cut.padded_batch,
                )
                for epoch in range(-(-sum(chunks) // per_epoch))
            ]
        ),
        mesh,
    )
    losses, first = [], 0
    for count in chunks:
        state, of_chunk = chunk(state, resident, ordered, first, count)
        losses.append(np.asarray(of_chunk)[:count])
        first += count
    return np.concatenate(losses), state


def gradients_of(data_dir):
    """The loss of the first step's batch and its gradients, of parameters and of looked-up rows, dropout on."""
    config = replace(Config(), OPTIONS)
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    setup, mesh, columns = make_setup(config, data.schema), placement.data_mesh(), data.split('train')
    cut = slices.cut(61, setup, mesh)
    rows = order.epoch_order(0, 0, rows=len(columns), batch_size=61, padded_batch=cut.padded_batch)[0]
    state, resident = placement.replicate(initial_state(setup), mesh), resident_columns(columns, mesh)
    looked_up = lookup(state.tables, setup.table_specs, gathered(resident, rows))
    gradients = jax.shard_map(
        device_gradients(setup, placement.batch_axes(mesh), cut, rates_of(config)),
        mesh=mesh,
        check_vma=False,
        in_specs=(EVERYWHERE, EVERYWHERE, BY_ROW, BY_ROW, EVERYWHERE),
        out_specs=(EVERYWHERE, EVERYWHERE, BY_ROW, EVERYWHERE),
    )
    loss, of_params, of_rows, _ = jax.jit(gradients)(
        state.params, state.statistics, looked_up, gathered(resident, rows), state.step
    )
    return (
        float(loss),
        [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(of_params)],
        [np.asarray(leaf)[:61].ravel().tolist() for leaf in jax.tree.leaves(of_rows)],
    )


def test_eight_devices_give_the_gradients_of_one(data_dir, on_host_devices):
    """What docs/devices.md says: the first step's gradients to 1e-6 of their size.

    Other dropout bits would change them by a tenth.
    """
    loss, *gradients = on_host_devices(8, 'test_training', f't.gradients_of(pathlib.Path({str(data_dir)!r}))')
    alone_loss, *alone = gradients_of(data_dir)
    assert loss == pytest.approx(alone_loss, rel=1e-6)
    for theirs, ours in zip(gradients, alone, strict=True):
        for one, other in zip(theirs, ours, strict=True):
            difference = np.linalg.norm(np.subtract(one, other))
            assert difference <= 1e-6 * np.linalg.norm(np.concatenate(ours)), difference


@pytest.mark.slow
def test_eight_devices_give_the_losses_of_one_for_some_steps(data_dir, on_host_devices):
    """50 steps, dropout on, an epoch's padded last batch among them.

    Later on rounding grows, as it does between forms and slices.
    """
    losses = on_host_devices(8, 'test_training', f't.losses_of(pathlib.Path({str(data_dir)!r}), [50])[0].tolist()')
    np.testing.assert_allclose(losses, losses_of(data_dir, [50])[0], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_run_alone_trains_alike_in_a_process_whose_cpu_was_split_for_copies(data_dir):
    """A trial that is left over trains as scripts/train.py would: bit for bit, with automatic slices."""
    code = (
        'import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); import jax, test_training\n'
        'from autoint_jax.training.step import placement; placement.usable_cores = lambda: 3\n'
        'if sys.argv[3] == "split": placement.split_cpu(3)\n'
        'losses, state = test_training.losses_of(pathlib.Path(sys.argv[2]), [20], execution__form="automatic")\n'
        'values = losses.tolist(), jax.tree.map(lambda array: array.tolist(), state.params)\n'
        'print(json.dumps([jax.local_device_count(), placement.data_mesh().size, *values]))'
    )
    split, whole = (
        json.loads(
            subprocess.run(
                [sys.executable, '-c', code, str(ROOT / 'tests'), str(data_dir), how],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | dict([OPTIMIZED]),
            ).stdout.splitlines()[-1]
        )
        for how in ('split', 'whole')
    )
    assert split[:2] == [3, 1] and whole[:2] == [1, 1]
    assert split[2:] == whole[2:]


def test_slices_do_not_change_the_losses(data_dir):
    np.testing.assert_allclose(
        losses_of(data_dir, [20], execution__slice_rows=17)[0],
        losses_of(data_dir, [20], execution__slice_rows=61)[0],
        rtol=0,
        atol=1e-5,
    )


def test_chunk_lengths_change_no_bit(optimized, data_dir):
    whole, parts = losses_of(data_dir, [12]), losses_of(data_dir, [5, 7])
    np.testing.assert_array_equal(whole[0], parts[0])
    for one, other in zip(jax.tree.leaves(whole[1]), jax.tree.leaves(parts[1]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_first_step_is_adam_on_the_gradient_of_the_mean_logloss(data_dir):
    """One step against automatic differentiation of the whole model at once, tables included."""
    import jax.numpy as jnp
    import optax

    losses, after = losses_of(data_dir, [1], model__attention_dropout=0.0, model__embedding_dropout=0.0)
    config = replace(Config(), {**OPTIONS, 'model.attention_dropout': 0.0, 'model.embedding_dropout': 0.0})
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    setup, columns = make_setup(config, data.schema), data.split('train')
    before = initial_state(setup)
    rows = order.epoch_order(0, 0, rows=len(columns), batch_size=61, padded_batch=61)[0]
    batch = columns.batch(rows)

    def loss(trained):
        logits = setup.model.apply(
            {'params': trained['params']}, lookup(trained['tables'], setup.table_specs, batch), batch, training=None
        )
        return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, batch.labels))

    value, gradient = jax.value_and_grad(loss)({'params': before.params, 'tables': before.tables})
    assert losses[0] == pytest.approx(float(value), abs=1e-6)
    # Adam's first moment after one step is 0.1 times the gradient.
    moment = {'params': after.optimizer[0].mu, 'tables': {name: slots[0].mu for name, slots in after.slots.items()}}
    for ours, theirs in zip(jax.tree.leaves(moment), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, 0.1 * theirs, rtol=1e-4, atol=1e-7)


def test_scores_are_in_row_order_and_complete(data_dir):
    config = replace(Config(), OPTIONS)
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    setup, mesh, columns = make_setup(config, data.schema), placement.data_mesh(), data.split('valid')
    state = initial_state(setup)
    logits = scoring.make_scorer(setup, mesh)(state.variables, state.tables, resident_columns(columns, mesh))
    from autoint_jax.models.layers.tables import lookup

    batch = columns.batch()
    expected = setup.model.apply(
        {'params': state.params}, lookup(state.tables, setup.table_specs, batch), batch, training=None
    )
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own():
    one, two = (order.epoch_order(3, epoch, rows=103, batch_size=10, padded_batch=16) for epoch in (0, 1))
    assert one.shape == (11, 16)
    assert sorted(one[one >= 0].tolist()) == list(range(103))
    assert (one[:, 10:] == -1).all() and (one[:-1, :10] >= 0).all()
    assert (one != two).any()
    np.testing.assert_array_equal(one, order.epoch_order(3, 0, rows=103, batch_size=10, padded_batch=16))


def test_evaluations_are_spread_and_the_last_step_is_among_them():
    assert evaluation_steps(577, 1) == [577]
    assert evaluation_steps(10, 4) == [3, 5, 8, 10]
    assert evaluation_steps(2, 5) == [1, 2]
