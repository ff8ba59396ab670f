"""The options that say which prepared rows a run reads, and in which order."""

import dataclasses

from autoint_jax.config.options import check, option


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The options of a run's data: which prepared data it reads, and how each epoch is shuffled."""

    dataset: str = option('movielens_100k', 'name of the data set, as given to scripts/prepare_data.py')
    recipe: str = option(
        'with_ids', 'name of the recipe by which the raw files were turned into fields, vocabularies and splits'
    )
    shuffle: str = option(
        'rows',
        "how rows are shuffled in every epoch: 'rows' (every order is equally likely) or 'blocks' (shuffles blocks of "
        'neighbouring rows, then the rows of many blocks together), for data larger than memory',
    )

    def __post_init__(self):
        check(self.shuffle in ('rows', 'blocks'), 'data.shuffle', self.shuffle, "'rows' or 'blocks'")
