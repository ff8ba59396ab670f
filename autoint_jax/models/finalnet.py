"""FinalNet (Zhu et al., SIGIR 2023): blocks of factorised interaction layers, which multiply two linear maps of their
input.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import IMITATE, Model
from autoint_jax.models.layers.batch_norm import BatchNorm
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import (
    DEEP_SITE,
    SECOND_SITE,
    Training,
    dropout_rate,
    dropped,
    dropped_embeddings,
    hidden_site,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class FieldGate(nn.Module):
    """A gate of fields: embeddings e [b, f, d] -> [b, 2 f, d], which are e and e * gate.

    The gate of a field is a linear map of all fields, the same for each of the d values. It starts at 1, with weights 0
    and biases 1, as in the authors' code.
    """

    @nn.compact
    def __call__(self, embedded: jax.Array) -> jax.Array:
        b, f, d = embedded.shape
        # Gradients of weights are slow on CPUs if several axes are contracted.
        by_value = embedded.swapaxes(1, 2).reshape(-1, f)
        dense = nn.Dense(f, kernel_init=nn.initializers.zeros, bias_init=nn.initializers.ones, name='gate')
        gates = dense(by_value).reshape(b, d, f).swapaxes(1, 2)
        return jnp.concatenate([embedded, embedded * gates], 1)


class FactorizedBlock(nn.Module):
    """A stack of factorised interaction layers and a linear output: [b, h] -> logits [b].

    A layer maps its input linearly to two halves, u and v. Its output is [u, u * v] for 'concatenated', or u + u * v
    for 'sum', whose linear map is twice as wide. Then come batch normalisation, an activation and dropout if wanted.

    Attributes:
      widths: output widths of the layers.
      factors: 'concatenated' or 'sum'.
      relu: whether a layer ends in a ReLU.
      dropout: share of the values that is dropped after each layer in training.
      site: first dropout site of the layers: DEEP_SITE or SECOND_SITE.
      batch_norm: whether layers are normalised.
    """

    widths: tuple[int, ...]
    factors: str
    relu: bool
    dropout: float | jax.Array
    site: int
    batch_norm: bool

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        for number, width in enumerate(self.widths):
            inner = width if self.factors == 'concatenated' else 2 * width
            mapped = self._dense(x, inner, f'linear_{number}', training)
            kept, factor = jnp.split(mapped, 2, 1)
            product = kept * factor
            x = jnp.concatenate([kept, product], 1) if self.factors == 'concatenated' else kept + product
            if self.batch_norm:
                x = BatchNorm(name=f'batch_norm_{number}')(x, training=training)
            x = jax.nn.relu(x) if self.relu else x
            x = dropped(x, training, site=hidden_site(self.site, number), rate=self.dropout)
        return self._dense(x, 1, 'output', training)[:, 0]

    def _dense(self, x: jax.Array, width: int, name: str, training: Training | None) -> jax.Array:
        normal = glorot_normal(x.shape[1], width)
        return Dense(width, normal, name=name)(x, training=training)


class FinalNet(Model):
    """FinalNet gives gated embeddings to one block and plain ones to another; its logit is the mean of their two.

    Training adds the cross entropy of each block with the model's own probability, so that blocks learn from each
    other. The paper's model with one block is `dnn` with other layers, and is left out. Unlike in FuxiCTR's defaults,
    gates, batch normalisation and dropout are off unless options ask for them.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'deep_hidden',
        'second_hidden',
        'deep_dropout',
        'deep_batch_norm',
        'gate_fields',
        'factors',
        'factor_relu',
        'branch_loss',
    )
    NEEDS = ('deep_hidden',)

    @staticmethod
    def check(config: ModelConfig) -> None:
        for name in ('deep_hidden', 'second_hidden'):
            widths = getattr(config, name)
            if config.factors == 'concatenated' and any(width % 2 for width in widths):
                raise UsageError(
                    f"option 'model.{name}' is {widths}, but must be made of even widths with model.factors "
                    "'concatenated', because each layer has two halves"
                )

    @staticmethod
    def branch_loss(config: ModelConfig) -> str:
        return IMITATE if config.branch_loss == 'model' else ''

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        embedded = len(schema.fields) * config.embedding_dim
        return max(embedded * (2 if config.gate_fields else 1), 2 * max(config.deep_hidden + config.second_hidden))

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, b = self.config, batch.labels.shape[0]
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        gated = FieldGate(name='field_gate')(embedded) if config.gate_fields else embedded
        first, second = (
            FactorizedBlock(
                widths,
                config.factors,
                config.factor_relu,
                dropout_rate('deep_dropout', config, training),
                site,
                config.deep_batch_norm,
                name=name,
            )
            for name, widths, site in (
                ('block_0', config.deep_hidden, DEEP_SITE),
                ('block_1', config.second_hidden or config.deep_hidden, SECOND_SITE),
            )
        )
        logits = first(gated.reshape(b, -1), training=training), second(embedded.reshape(b, -1), training=training)
        self.sow('intermediates', 'branches', jnp.stack(logits, 1))
        return 0.5 * (logits[0] + logits[1])
