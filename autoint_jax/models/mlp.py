"""Multi-layer perceptron with ReLU and a linear output of width 1, as the authors initialise it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.dropout import scaled_mask


class MLP(nn.Module):
    """[b, h] -> logits [b]. No hidden widths make it the linear output layer (Eq. 9).

    Weights, and biases where `random_bias`, are drawn from N(0, 2 / (inputs + outputs)) as in the authors' code; the
    bias of the last layer from N(0, 1) there, else 0.

    Attributes:
      hidden: widths of the hidden layers.
      dropout: share of hidden values dropped in training.
      random_bias: initialise biases as the authors do; zero otherwise.
      site: first dropout site; one a hidden layer.
    """

    hidden: tuple[int, ...]
    dropout: float
    random_bias: bool
    site: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout_keys: jax.Array | None) -> jax.Array:
        for number, width in enumerate(self.hidden):
            x = jax.nn.relu(self._dense(x, width, last=False, name=f'hidden_{number}'))
            if train and self.dropout:
                x = x * scaled_mask(dropout_keys, site=self.site + number, rate=self.dropout, shape=(width,))
        return self._dense(x, 1, last=True, name='output')[:, 0]

    def _dense(self, x: jax.Array, width: int, *, last: bool, name: str) -> jax.Array:
        stddev = (2 / (x.shape[-1] + width))**0.5
        kernel = nn.initializers.normal(stddev)
        bias = nn.initializers.zeros
        if self.random_bias:
            bias = nn.initializers.normal(1.0 if last else stddev)
        return nn.Dense(width, kernel_init=kernel, bias_init=bias, name=name)(x).astype(jnp.float32)
