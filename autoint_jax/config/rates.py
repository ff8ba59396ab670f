"""The seed and the rates of a run, in which copies of the run in one program may differ."""

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the options of copies, which are part of the configuration, are made from OPTIONS
    from autoint_jax.config.configuration import Config

# {name in `Rates`: option}
OPTIONS = {
    'seed': 'seed',
    'learning_rate': 'optimizer.learning_rate',
    'tables_learning_rate': 'optimizer.tables_learning_rate',
    'clip_norm': 'optimizer.clip_norm',
    'weight_decay': 'optimizer.weight_decay',
    'l2_params': 'optimizer.l2_params',
    'l2_rows': 'optimizer.l2_rows',
    'l2_tables': 'optimizer.l2_tables',
    'embedding_dropout': 'model.embedding_dropout',
    'attention_dropout': 'model.attention_dropout',
    'deep_dropout': 'model.deep_dropout',
}
NOTHING_VARIED: Mapping[str, Any] = MappingProxyType({})  # {name in `Rates`: value} where no rate is varied


class Rates(NamedTuple):
    """The seed and the rates of a run. None of them changes a shape, so copies of a run in one program may vary them.

    Each attribute is the value of its option in OPTIONS: a number, or an array [] in a program of copies that vary it.
    Within the program, `seed` decides dropout. Learning rates are those before the schedule. `tables_learning_rate` is
    the rate that tables have, also if its option is 0.
    """

    seed: Any
    learning_rate: Any
    tables_learning_rate: Any
    clip_norm: Any
    weight_decay: Any
    l2_params: Any
    l2_rows: Any
    l2_tables: Any
    embedding_dropout: Any
    attention_dropout: Any
    deep_dropout: Any


def rates_of(config: 'Config') -> Rates:
    """Returns the rates of a configuration, as numbers."""
    found = Rates(**{name: attrgetter(OPTIONS[name])(config) for name in Rates._fields})
    return found if found.tables_learning_rate else found._replace(tables_learning_rate=found.learning_rate)
