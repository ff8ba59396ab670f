"""Batch normalisation with running statistics (Ioffe and Szegedy, 2015), exact over a batch's slices and devices."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.dropout import Training

MOMENTUM = 0.9  # of the running statistics; the default of PyTorch
EPSILON = 1e-5  # inside the root

STATISTICS = 'batch_stats'  # the collection of running means and variances


class BatchNorm(nn.Module):
    """[b, h] -> [b, h].

    Training uses mean and variance of the batch's rows with weight 1, over all devices together.
    """

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        width = x.shape[-1]
        scale = self.param('scale', nn.initializers.ones, (width,))
        bias = self.param('bias', nn.initializers.zeros, (width,))
        running_mean = self.variable(STATISTICS, 'mean', jnp.zeros, (width,))
        running_variance = self.variable(STATISTICS, 'variance', jnp.ones, (width,))
        if training is None:
            mean, variance = running_mean.value, running_variance.value
        else:
            mean = _mean(x, training)
            variance = _mean(jnp.square(x - mean), training)
            if not self.is_initializing():
                for running, now in ((running_mean, mean), (running_variance, variance)):
                    running.value = MOMENTUM * running.value + (1 - MOMENTUM) * now
        return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + bias


def _mean(x: jax.Array, training: Training) -> jax.Array:
    """Returns the mean [h] over the batch's rows with weight 1, on all devices."""
    sums = (training.weights @ x, training.weights.sum())
    if training.axis is not None:
        sums = jax.lax.psum(sums, training.axis)
    return sums[0] / sums[1]
