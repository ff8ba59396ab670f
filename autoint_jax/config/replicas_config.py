"""The options of copies of a run that train in one program."""

import dataclasses

from autoint_jax.config.options import check, option
from autoint_jax.config.rates import OPTIONS

# {name in `ReplicasConfig`: option} of the rates that may be listed; for seeds their number is given.
OF_COPIES = {name: path for name, path in OPTIONS.items() if name != 'seed'}

# The most copies in one program: a larger program compiles and steps for hours, and an interruption stops all copies.
MOST_COPIES = 1024


@dataclasses.dataclass(frozen=True)
class ReplicasConfig:
    """The options of copies of a run that train in one program: one copy for every combination of the listed values."""

    seeds: int = option(1, 'number of seeds, from the seed of the run on; one copy is trained for each')
    learning_rate: tuple[float, ...] = option((), 'values of optimizer.learning_rate; one copy is trained for each')
    tables_learning_rate: tuple[float, ...] = option(
        (), 'values of optimizer.tables_learning_rate; one copy is trained for each'
    )
    clip_norm: tuple[float, ...] = option((), 'values of optimizer.clip_norm; one copy is trained for each')
    weight_decay: tuple[float, ...] = option((), 'values of optimizer.weight_decay; one copy is trained for each')
    l2_params: tuple[float, ...] = option((), 'values of optimizer.l2_params; one copy is trained for each')
    l2_rows: tuple[float, ...] = option((), 'values of optimizer.l2_rows; one copy is trained for each')
    l2_tables: tuple[float, ...] = option((), 'values of optimizer.l2_tables; one copy is trained for each')
    embedding_dropout: tuple[float, ...] = option((), 'values of model.embedding_dropout; one copy is trained for each')
    attention_dropout: tuple[float, ...] = option((), 'values of model.attention_dropout; one copy is trained for each')
    deep_dropout: tuple[float, ...] = option((), 'values of model.deep_dropout; one copy is trained for each')

    def __post_init__(self):
        check(1 <= self.seeds <= MOST_COPIES, 'replicas.seeds', self.seeds, f'at least 1 and at most {MOST_COPIES:,}')
        for name in OF_COPIES:
            values = getattr(self, name)
            check(len(set(values)) == len(values), f'replicas.{name}', values, 'made of different values')
