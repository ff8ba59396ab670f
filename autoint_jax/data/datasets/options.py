"""The options of a preparation."""

from typing import NamedTuple

from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.pipeline import MAX_BAD_SHARE
from autoint_jax.data.preparation.progress import PreparationProgress, SilentPreparation
from autoint_jax.data.store.prepared import PreparedData


class Options(NamedTuple):
    """Options of a preparation.

    Attributes:
      max_bad_share: share of the rows that may be unreadable.
      progress: is told of the passes over the data.
      extends: prepared data that the new data extends; None if there is none.
      crosses: crossed fields that are added to a recipe; a table of the user declares its own.
    """

    max_bad_share: float = MAX_BAD_SHARE
    progress: PreparationProgress = SilentPreparation()
    extends: PreparedData | None = None
    crosses: Crosses = NO_CROSSES

    @property
    def extension(self) -> Extension | None:
        """What is taken over from the data that is extended. Raises UsageError as `Extension` does."""
        return None if self.extends is None else Extension(self.extends)
