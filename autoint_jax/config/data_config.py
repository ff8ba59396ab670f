"""The options that say which prepared rows a run reads, and in which order."""

import dataclasses

from autoint_jax.config.options import check, option


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which prepared data a run is trained on."""

    dataset: str = option('movielens_100k', 'data set, as named by scripts/prepare_data.py')
    recipe: str = option('with_ids', 'how the raw files were turned into fields, vocabularies and splits')
    shuffle: str = option(
        'rows',
        "order of an epoch: 'rows' (every order is as likely) or 'blocks' (blocks of neighbouring rows, "
        'then rows of many blocks at a time), for data larger than memory',
    )

    def __post_init__(self):
        check(self.shuffle in ('rows', 'blocks'), 'data.shuffle', self.shuffle, "'rows' or 'blocks'")
