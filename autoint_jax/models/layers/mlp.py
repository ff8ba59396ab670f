"""The multi-layer perceptron with ReLU and a linear output of width 1, initialised as in the authors' code.

`deep_network` is the one that a model's options `deep_...` describe.
"""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.batch_norm import BatchNorm
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import DEEP_SITE, Training, dropout_rate, dropped, hidden_site
from autoint_jax.models.layers.initial_values import glorot_normal


class MLP(nn.Module):
    """[b, h] -> logits [b]. Without hidden widths it is the linear output layer (Eq. 9).

    A hidden layer is a linear map, then batch normalisation if wanted, ReLU and dropout, in the authors' order. Weights
    are drawn from N(0, 2 / (inputs + outputs)). With `random_bias` biases are drawn like that too, and the bias of the
    output layer from N(0, 1), as in the authors' code; else they start at 0. A layer with batch normalisation has no
    bias, because the normalisation would cancel it.

    Attributes:
      hidden: widths of the hidden layers.
      dropout: share of hidden values that is dropped in training.
      random_bias: whether initial biases are random, as in the authors' code.
      site: first dropout site of its hidden layers: DEEP_SITE, SECOND_SITE or HEAD_SITE.
      batch_norm: whether hidden layers are normalised.
      output: whether it ends in the linear output layer; if not, it returns the last hidden layer [b, h].
    """

    hidden: tuple[int, ...]
    dropout: float | jax.Array
    random_bias: bool
    site: int
    batch_norm: bool = False
    output: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        for number, width in enumerate(self.hidden):
            site, normal = hidden_site(self.site, number), glorot_normal(x.shape[1], width)
            drawn = normal if self.random_bias else nn.initializers.zeros
            if self.batch_norm:
                x = Dense(width, normal, bias=False, name=f'hidden_{number}')(x, training=training)
                x = BatchNorm(name=f'batch_norm_{number}')(x, training=training)
                x = dropped(jax.nn.relu(x), training, site=site, rate=self.dropout)
            else:
                layer = Dense(width, normal, drawn, relu=True, site=site, dropout=self.dropout, name=f'hidden_{number}')
                x = layer(x, training=training)
        if not self.output:
            return x
        drawn = nn.initializers.normal(1.0) if self.random_bias else nn.initializers.zeros
        return Dense(1, glorot_normal(x.shape[1], 1), drawn, name='output')(x, training=training)[:, 0]


def deep_network(
    config: ModelConfig, training: Training | None, *, random_bias: bool = False, output: bool = True
) -> MLP:
    """Returns the deep network of a model, with the parameters `deep`. It is called within the model's `__call__`.

    Its widths are `deep_hidden`, and it has the dropout and the batch normalisation that the options `deep_dropout` and
    `deep_batch_norm` say.

    Args:
      config: the configuration of the model.
      training: of the step; None at evaluation.
      random_bias: whether initial biases are random, as in the authors' code.
      output: whether it ends in the linear output layer.
    """
    return MLP(
        config.deep_hidden,
        dropout_rate('deep_dropout', config, training),
        random_bias=random_bias,
        site=DEEP_SITE,
        batch_norm=config.deep_batch_norm,
        output=output,
        name='deep',
    )
