"""Multi-layer perceptron with ReLU and a linear output of width 1, as the authors initialise it."""

import flax.linen as nn
import jax

from autoint_jax.models.layers.batch_norm import BatchNorm
from autoint_jax.models.layers.dropout import Training, dropped, hidden_site


class MLP(nn.Module):
    """[b, h] -> logits [b]. No hidden widths make it the linear output layer (Eq. 9).

    A hidden layer is linear, batch normalisation if any, ReLU, dropout: the authors' order. Weights, and biases where
    `random_bias`, are drawn from N(0, 2 / (inputs + outputs)) as in the authors' code; the bias of the last layer from
    N(0, 1) there, else 0. A layer that is normalised has no bias: the normalisation would take it out again.

    Attributes:
      hidden: widths of the hidden layers.
      dropout: share of hidden values dropped in training.
      random_bias: initialise biases as the authors do; zero otherwise.
      site: of the part that it is, DEEP_SITE, SECOND_SITE or HEAD_SITE; hidden layers have dropout sites of their own.
      batch_norm: normalise hidden layers.
      output: end in the linear output layer; without it the last hidden layer [b, h] is returned.
    """

    hidden: tuple[int, ...]
    dropout: float
    random_bias: bool
    site: int
    batch_norm: bool = False
    output: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        for number, width in enumerate(self.hidden):
            x = self._dense(x, width, last=False, bias=not self.batch_norm, name=f'hidden_{number}')
            if self.batch_norm:
                x = BatchNorm(name=f'batch_norm_{number}')(x, training=training)
            x = dropped(jax.nn.relu(x), training, site=hidden_site(self.site, number), rate=self.dropout)
        return self._dense(x, 1, last=True, bias=True, name='output')[:, 0] if self.output else x

    def _dense(self, x: jax.Array, width: int, *, last: bool, bias: bool, name: str) -> jax.Array:
        stddev = (2 / (x.shape[-1] + width)) ** 0.5
        kernel = nn.initializers.normal(stddev)
        drawn = nn.initializers.normal(1.0 if last else stddev) if self.random_bias else nn.initializers.zeros
        return nn.Dense(width, use_bias=bias, kernel_init=kernel, bias_init=drawn, name=name)(x)
