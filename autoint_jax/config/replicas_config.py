"""The options of copies of a run that train in one program."""

import dataclasses

from autoint_jax.config.options import check, option

# Options in which copies of a run may differ that train in one program: none changes a shape.
OF_COPIES = {
    'learning_rate': 'optimizer.learning_rate',
    'l2_rows': 'optimizer.l2_rows',
    'l2_tables': 'optimizer.l2_tables',
    'embedding_dropout': 'model.embedding_dropout',
    'attention_dropout': 'model.attention_dropout',
    'deep_dropout': 'model.deep_dropout',
}

# Copies of a run at most: a program of more compiles and steps for hours, and an interruption takes back all of them.
MOST_COPIES = 1024


@dataclasses.dataclass(frozen=True)
class ReplicasConfig:
    """Copies of a run, trained in one program: every combination of what is listed. Each is a run of its own."""

    seeds: int = option(1, 'copies with seeds from seed on')
    learning_rate: tuple[float, ...] = option((), 'copies with these values of optimizer.learning_rate')
    l2_rows: tuple[float, ...] = option((), 'copies with these values of optimizer.l2_rows')
    l2_tables: tuple[float, ...] = option((), 'copies with these values of optimizer.l2_tables')
    embedding_dropout: tuple[float, ...] = option((), 'copies with these values of model.embedding_dropout')
    attention_dropout: tuple[float, ...] = option((), 'copies with these values of model.attention_dropout')
    deep_dropout: tuple[float, ...] = option((), 'copies with these values of model.deep_dropout')

    def __post_init__(self):
        check(1 <= self.seeds <= MOST_COPIES, 'replicas.seeds', self.seeds, f'at least 1 and at most {MOST_COPIES:,}')
        for name in OF_COPIES:
            values = getattr(self, name)
            check(len(set(values)) == len(values), f'replicas.{name}', values, 'made of different values')
