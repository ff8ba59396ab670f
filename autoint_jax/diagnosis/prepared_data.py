"""Checks that prepared data is undamaged, byte by byte, and lists folders that unfinished preparations left behind."""

import pathlib
from collections.abc import Callable

from autoint_jax.data.store import scratch
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import LARGE
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.errors import UsageError
from autoint_jax.units import shown_bytes


def checks(data_dir: str, dataset: str, recipe: str, say: Callable[[str], None] = lambda sentence: None) -> list[Check]:
    """Compares every file of prepared data with its checksum, and every value with its range.

    Args:
      data_dir: the folder of prepared data.
      dataset: the name of the data set.
      recipe: the name of the recipe.
      say: receives a sentence before a step that takes seconds.
    """
    folder = folder_of(data_dir, dataset, recipe)
    if not folder.exists():
        return [Check(NOTE, f'{folder} does not exist: {dataset} is not prepared with recipe {recipe}')]
    try:
        data = open_prepared(data_dir, dataset, recipe)
        data.check_whole(say if data.size >= LARGE else lambda sentence: None)
    except UsageError as error:
        return [Check(BAD, str(error))]
    rows = sum(data.manifest['splits'][split]['rows'] for split in SPLITS)
    return [Check(OK, f'{folder}: {rows:,} rows are as they were prepared (hash {data.hash[:12]})')]


def leftovers(data_dir: str) -> list[Check]:
    """Returns a note for each scratch folder whose preparation has ended, or runs on another machine."""
    folders = (
        sorted(path for path in pathlib.Path(data_dir).iterdir() if path.is_dir())
        if pathlib.Path(data_dir).is_dir()
        else []
    )
    return [
        Check(
            NOTE,
            f'{left}: an unfinished preparation takes {shown_bytes(size)}; the next one in {folder} removes it if its '
            'process has ended',
        )
        for folder in folders
        for left, size in scratch.left_in(folder)
    ]
