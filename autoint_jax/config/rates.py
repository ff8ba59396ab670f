"""The numbers of a run that its copies in one program may vary."""

from typing import Any, NamedTuple

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.replicas_config import OF_COPIES


class Rates(NamedTuple):
    """The seed and the rates of a run. None of them changes a shape, so copies of a run in one program may vary them.

    Each is a number, or an array [] in a program of copies that vary it.

    Attributes:
      seed: option `seed`; in the program it decides dropout.
      learning_rate: option `optimizer.learning_rate`.
      l2_rows: option `optimizer.l2_rows`.
      l2_tables: option `optimizer.l2_tables`.
      embedding_dropout: option `model.embedding_dropout`.
      attention_dropout: option `model.attention_dropout`.
      deep_dropout: option `model.deep_dropout`.
    """

    seed: Any
    learning_rate: Any
    l2_rows: Any
    l2_tables: Any
    embedding_dropout: Any
    attention_dropout: Any
    deep_dropout: Any


# {name in `Rates`: option}
OPTIONS = {'seed': 'seed', **OF_COPIES}


def rates_of(config: Config) -> Rates:
    """Returns the rates of a configuration, as numbers."""
    return Rates(**{name: configuration.value(config, OPTIONS[name]) for name in Rates._fields})
