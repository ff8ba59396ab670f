"""The training loss, Eq. 10, and its gradients: the forward and backward pass, which devices share.

FCN and FinalNet train their branches, too. `Model.branch_loss` names the rule:

ADD_WORSE (Tri-BCE, Li et al., 2024) adds the sum over branches of max(0, L_branch - L) * L_branch, where L and L_branch
are mean log losses over the whole batch. As in the authors' code, gradients flow through the weights, too.

IMITATE (Zhu et al., 2023) adds the mean over rows of the cross entropy of each branch with the model's own probability,
through which no gradient flows.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from autoint_jax.config.rates import Rates
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.models import registry
from autoint_jax.models.contract import ADD_WORSE
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.schema import ROW_WEIGHTS, SOFT_LABELS, Batch, Schema
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup
from autoint_jax.training.step.turns import cut_into, group_gradients, in_turn, joined


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the weighted sum of -log p(label) over rows (Eq. 10), float32 [], in nats.

    Args:
      logits: float32 [b].
      labels: float32 [b], from 0 to 1.
      weights: float32 [b], 0 for padding.
    """
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))


class LossRules(NamedTuple):
    """How the training loss differs from the mean log loss; 1 for both if it does not.

    Attributes:
      positive_weight: how often a row of label 1 counts.
        Beside it, the weight of each row in the data counts, `Batch.row_weights`.
      negatives_kept: q, the fraction of rows of label 0 that sampling has left in the training split. The odds of label
        1 among sampled rows are those among all rows over q, so the loss takes logits minus log(q), and the logits of
        the model are those of all rows (He et al., ADKDD 2014, section 6.3).
    """

    positive_weight: float
    negatives_kept: float

    def weighted(self, batch: Batch) -> Batch:
        """Returns a batch with the weights of its rows in the loss."""
        weights = batch.weights if batch.row_weights is None else batch.weights * batch.row_weights
        if self.positive_weight != 1:
            weights = weights * (1 + (self.positive_weight - 1) * batch.labels)
        return batch._replace(weights=weights)

    def of_sampled(self, logits: jax.Array) -> jax.Array:
        """Returns the logits of label 1 among sampled rows."""
        return logits if self.negatives_kept == 1 else logits - math.log(self.negatives_kept)


def sentence(config: TrainingConfig, schema: Schema) -> str:
    """Returns a sentence about a training loss that is not the mean log loss of labels 0 and 1; '' if it is."""
    found = []
    if ROW_WEIGHTS in schema.row_columns:
        found.append('the loss of each row counts by its weight in the data, and the sum is divided by the rows')
    if SOFT_LABELS in schema.row_columns:
        found.append(
            'labels are soft, and metrics of the order of rows take them by the threshold of their declaration'
        )
    if config.positive_weight != 1:
        found.append(f'a row of label 1 counts {config.positive_weight:g} times (training.positive_weight)')
    if config.negatives_kept != 1:
        found.append(
            f'predictions are those before {1 - config.negatives_kept:.3%} of the negative rows were left out '
            '(training.negatives_kept)'
        )
    return f'the training loss is not the mean log loss: {"; ".join(found)}' if found else ''


def branch_logits(sown: Mapping[str, Any]) -> jax.Array:
    """Returns the logits of branches [b, branches] from the collections that a call of the model changed."""
    return sown['intermediates']['branches'][0]


def summed_losses(logits: jax.Array, branches: jax.Array, batch: Batch) -> jax.Array:
    """Returns the summed log losses of the model and of its branches, [1 + branches], in nats.

    Args:
      logits: [b], of the model.
      branches: [b, branches].
      batch: labels and weights of the rows.
    """
    of_all = jnp.concatenate([logits[:, None], branches], 1)
    losses = optax.sigmoid_binary_cross_entropy(of_all, jnp.broadcast_to(batch.labels[:, None], of_all.shape))
    return batch.weights @ losses


def factors(means: jax.Array) -> jax.Array:
    """Returns the derivatives of what ADD_WORSE adds by the mean log losses of a batch, [1 + branches], at `means`.

    So the gradient of a slice is that of its losses times these factors, which all slices of a batch share.
    """
    return jax.grad(lambda means: jnp.sum(jax.nn.relu(means[1:] - means[0]) * means[1:]))(means)


def added_sum(logits: jax.Array, branches: jax.Array, batch: Batch, of_batch: jax.Array | None) -> jax.Array:
    """Returns a sum over rows that has the gradient of what the branches add, and the value 0.

    Its value is 0, so that the loss of a step stays the log loss of the model, which can be compared between models.

    Args:
      logits: [b], of the model.
      branches: [b, branches].
      batch: labels and weights of the rows.
      of_batch: `factors` of the batch with the rule ADD_WORSE; None with IMITATE.
    """
    if of_batch is not None:
        added = summed_losses(logits, branches, batch) @ of_batch
    else:
        own = jax.lax.stop_gradient(jax.nn.sigmoid(logits))[:, None]
        losses = optax.sigmoid_binary_cross_entropy(branches, jnp.broadcast_to(own, branches.shape))
        added = (batch.weights @ losses).sum()
    return added - jax.lax.stop_gradient(added)


def device_gradients(setup: Setup, axes: tuple[str, ...], cut: Cut, rates: Rates) -> Callable:
    """Returns the forward and backward pass of one device, for its part of the batch.

    The function takes (params, statistics, looked-up rows, batch [b / devices], step); looked-up rows and batch are
    those of the device's part. It returns (loss [], gradients of params, gradients of the looked-up rows, new
    statistics). The loss is the sum over the rows of the whole batch, by `LossRules`, over the number of those that are
    no padding.

    A device takes its part slice by slice, so that the activations of a slice stay in cache. It sums the gradients of
    parameters over slices, then over devices. A deep network may take more rows at a time (`turns.group_gradients`).
    With mesh.ordered_sums each device gets the gradients of all slices, and sums them in the order of the batch. A
    model with statistics of a batch needs a part that is one slice. A model whose branches are weighted by their losses
    over the whole batch (ADD_WORSE) takes all slices twice, forward for these losses and then for the
    gradients.

    Args:
      setup: the setup of the run.
      axes: the axes of the mesh over which the batch is spread; () for one device.
      cut: how a batch is cut.
      rates: the rates of the run, or of one of its copies.
    """

    ordered, model_config = setup.config.mesh.ordered_sums, setup.config.model
    rule = registry.model_class(model_config).branch_loss(model_config)
    rules = LossRules(setup.config.training.positive_weight, setup.config.training.negatives_kept)

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
            training = Training(keys, batch.weights, axes or None, rates, setup.dense_form)
            return setup.model.apply({'params': params}, looked_up, batch, training=training, part=which)

        def mean_loss(logits, batch):
            weights = rules.weighted(batch).weights
            return summed_logloss(rules.of_sampled(logits), labels=batch.labels, weights=weights) / total

        def outputs(params, looked_up, batch, keys):
            return setup.model.apply(
                {'params': params, STATISTICS: statistics},
                looked_up,
                batch,
                mutable=[STATISTICS, 'intermediates'] if rule else [STATISTICS],
                training=Training(keys, batch.weights, axes or None, rates, setup.dense_form),
            )

        def branch_losses(_, part):
            own, part = jax.lax.optimization_barrier((params, part)) if ordered else (params, part)
            logits, sown = outputs(own, *part)
            of_branches = rules.of_sampled(branch_logits(sown))
            return None, summed_losses(rules.of_sampled(logits), of_branches, rules.weighted(part[1])) / total

        def batch_factors():
            if not ordered:
                return factors(over_devices(jax.lax.scan(branch_losses, None, parts)[1].sum(0)))
            of_slices = of_all_devices(in_turn(branch_losses, None, parts, step)[1])
            return factors(jax.lax.scan(add, jnp.zeros_like(of_slices[0]), of_slices)[0])

        def slice_loss(params, looked_up, batch, keys):
            logits, updated = outputs(params, looked_up, batch, keys)
            loss = mean_loss(logits, batch)
            if rule:
                of_branches, own = rules.of_sampled(branch_logits(updated)), rules.weighted(batch)
                loss = loss + added_sum(rules.of_sampled(logits), of_branches, own, of_batch) / total
            return loss, updated.get(STATISTICS, statistics)

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
        of_batch = batch_factors() if rule == ADD_WORSE else None
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
