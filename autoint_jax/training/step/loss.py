"""The training loss, Eq. 10, and its gradients: the forward and backward pass, which devices share."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from autoint_jax.config.rates import Rates
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.schema import Batch
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup
from autoint_jax.training.step.turns import cut_into, group_gradients, in_turn, joined


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the weighted sum of -log p(label) over rows (Eq. 10), float32 [], in nats.

    Args:
      logits: float32 [b].
      labels: float32 [b], 0 or 1.
      weights: float32 [b], 0 for padding, else 1.
    """
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))


def device_gradients(setup: Setup, axes: tuple[str, ...], cut: Cut, rates: Rates) -> Callable:
    """Returns the forward and backward pass of one device, for its part of the batch.

    The function takes (params, statistics, looked-up rows, batch [b / devices], step); looked-up rows and batch are
    those of the device's part. It returns (loss [], gradients of params, gradients of the looked-up rows, new
    statistics). The loss is the mean over the rows of the whole batch that are no padding.

    A device takes its part slice by slice, so that the activations of a slice stay in cache. It sums the gradients of
    parameters over slices, then over devices. A deep network may take more rows at a time (`turns.group_gradients`).
    With mesh.ordered_sums each device gets the gradients of all slices, and sums them in the order of the batch. A
    model with statistics of a batch needs a part that is one slice.

    Args:
      setup: the setup of the run.
      axes: the axes of the mesh over which the batch is spread; () for one device.
      cut: how a batch is cut.
      rates: the rates of the run, or of one of its copies.
    """

    ordered = setup.config.mesh.ordered_sums

    def over_devices(values):
        return jax.lax.psum(values, axes) if axes else values

    def of_all_devices(of_slices):
        return jax.lax.all_gather(of_slices, axes, tiled=True) if axes else of_slices

    def add(sums, of_slice):
        return jax.tree.map(jnp.add, sums, of_slice), None

    def pass_of_device(params, statistics, looked_up, batch: Batch, step):
        count = len(batch.labels)
        places = (jax.lax.axis_index(axes) if axes else 0) * count + jnp.arange(count)
        total = over_devices(batch.weights.sum())

        def apart(params, part, which):
            looked_up, batch, keys = part
            training = Training(keys, batch.weights, axes or None, rates)
            return setup.model.apply({'params': params}, looked_up, batch, training=training, part=which)

        def mean_loss(logits, batch):
            return summed_logloss(logits, labels=batch.labels, weights=batch.weights) / total

        def slice_loss(params, looked_up, batch, keys):
            logits, updated = setup.model.apply(
                {'params': params, STATISTICS: statistics},
                looked_up,
                batch,
                mutable=[STATISTICS],
                training=Training(keys, batch.weights, axes or None, rates),
            )
            return mean_loss(logits, batch), updated.get(STATISTICS, statistics)

        def add_slice(sums, part):
            (loss, updated), (grad_params, grad_rows) = jax.value_and_grad(slice_loss, (0, 1), has_aux=True)(
                params, *part
            )
            return (jax.tree.map(jnp.add, sums[0], (loss, grad_params)), updated), grad_rows

        def of_slice(_, part):
            # The barriers keep the program of a slice apart from the loop.
            own, part = jax.lax.optimization_barrier((params, part))
            (loss, _), (grad_params, grad_rows) = jax.value_and_grad(slice_loss, (0, 1), has_aux=True)(own, *part)
            return None, jax.lax.optimization_barrier(((loss, grad_params), grad_rows))

        whole = (looked_up, batch, row_keys(rates.seed, step, places))
        if cut.group_rows:
            *sums, grad_rows = group_gradients(apart, mean_loss, params, whole, cut.slice_rows, cut.group_rows)
            loss, grad_params = over_devices(sums)
            return loss, grad_params, grad_rows, statistics
        parts = cut_into(cut.slice_rows, whole)
        zeros = ((jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)), statistics)
        if ordered:
            sums, grad_rows = in_turn(of_slice, None, parts, step)[1]
            (loss, grad_params), _ = jax.lax.scan(add, zeros[0], jax.tree.map(of_all_devices, sums))
        else:
            (sums, statistics), grad_rows = (
                in_turn(add_slice, zeros, parts, step)
                if axes and setup.config.execution.slice_rows  # with automatic slices meshes round differently anyway
                else jax.lax.scan(add_slice, zeros, parts)
            )
            loss, grad_params = over_devices(sums)
        return loss, grad_params, joined(grad_rows), statistics

    return pass_of_device
