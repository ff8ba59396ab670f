"""The options of the training loop: sizes of batches, and when training ends."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, option


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long a run trains, and on how many rows a step."""

    batch_size: int = option(1024, 'rows of a step, over all devices')
    epochs: int = option(50, 'passes over the training split, at most')
    evaluations_per_epoch: int = option(1, 'how often an epoch is evaluated on the validation split and saved')
    stop_after_increases: int = option(
        0, 'stop after so many successive increases of the validation logloss; 0 = never'
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            path, value = f'training.{field.name}', getattr(self, field.name)
            check(value <= MOST_PLACES, path, value, f'at most {MOST_PLACES:,}')
            least = 0 if field.name == 'stop_after_increases' else 1
            check(value >= least, path, value, f'at least {least}')
