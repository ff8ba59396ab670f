"""HeteroAtt (Gui et al., 2023): a setting of the ladder of `field_attention.py`, with a task token."""

from typing import ClassVar

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.field_attention import FieldAttention, Rungs
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS
from autoint_jax.models.layers.feedforward import check_feedforward


class HeteroAtt(FieldAttention):
    """HeteroAtt: all fields have projections and feed-forward networks of their own, and a task token is read.

    In the last layer only the task token asks. LayerNorm stands before attention and feed-forward network; the paper
    does not say where. Scores are scaled by 1 / sqrt(a) unless `score_scale` says 'one'. The paper's networks are four
    times as wide as the embedding and its values four times as wide as its keys; the default of `feedforward_ratio` is
    4/3, that of `value_dim` the width of keys. Numeric fields are tokens of their own, where the paper makes tokens
    from all of them together. The attention weights are not shown, because one of the tokens is no field.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = (
        *EMBEDDING_OPTIONS,
        'num_layers',
        'num_heads',
        'head_dim',
        'value_dim',
        'score_scale',
        'feedforward_ratio',
        'embedding_dropout',
        'attention_dropout',
        'feedforward_dropout',
        'residual_dropout',
    )
    ATTENTION = False
    TASK_TOKEN = True

    @staticmethod
    def rungs(config: ModelConfig) -> Rungs:
        return Rungs(projections=True, output=True, feedforward=True, joint=False)

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def check(config: ModelConfig) -> None:
        check_feedforward(config)
        if config.num_layers < 1:
            raise UsageError(
                f"option 'model.num_layers' is 0, but model {config.name!r} needs at least 1 layer: the task token "
                'would see no field'
            )
