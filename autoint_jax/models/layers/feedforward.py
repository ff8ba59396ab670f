"""The hidden width of feed-forward networks, a multiple of the width of what they read."""

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError


def feedforward_width(config: ModelConfig, reads: str = 'embedding_dim') -> int:
    """Returns the hidden width: `feedforward_ratio` times the option `reads`, the width of what is read."""
    return int(config.feedforward_ratio * getattr(config, reads))


def check_feedforward(config: ModelConfig, reads: str = 'embedding_dim') -> None:
    """Raises UsageError if nothing is left of the hidden layer."""
    if not feedforward_width(config, reads):
        raise UsageError(
            f"option 'model.feedforward_ratio' is {config.feedforward_ratio}, but must leave the feed-forward network "
            f'a width of at least 1 of model.{reads}, {getattr(config, reads)}'
        )
