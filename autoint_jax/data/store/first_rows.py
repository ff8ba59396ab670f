"""Prepared data of the first rows of other prepared data, to try things out quickly."""

import pathlib

from autoint_jax import stored
from autoint_jax.data.store import shuffled
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.derived import columns_of, write_derived
from autoint_jax.data.store.listener import Say
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError

ROWS_OF = 'first_rows_of'  # the manifest's key for the hash of the data whose first rows these are


def write_first_rows(data: PreparedData, rows: int, folder: pathlib.Path) -> None:
    """Writes the first rows of each split of `data` as prepared data of their own, with the same schema.

    Args:
      data: the whole data. Its columns are not checked.
      rows: number of rows of each split; a shorter split is taken whole.
      folder: of the new data; it must not exist.
    """
    write_derived(
        data, lambda split: [column[:rows] for column in columns_of(data, split)], folder, {ROWS_OF: data.hash}
    )


def whole_recipes(data_dir: str | pathlib.Path, dataset: str, say: Say) -> list[PreparedData]:
    """Opens all recipes of a data set, by name, without those that hold the rows of another recipe in other splits.

    An experiment makes the latter from the data that it has, also from first rows. Damaged recipes are left out,
    because the experiment may not need them; `say` is told of each.
    """
    found = []
    for name in sorted(path.parent.name for path in pathlib.Path(data_dir, dataset).glob('*/manifest.json')):
        try:
            data = open_undamaged(data_dir, dataset, name)
        except UsageError as error:
            say(f'without the recipe {name}: {error}')
            continue
        if shuffled.ROWS_OF not in data.manifest:
            found.append(data)
    return found


def open_undamaged(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> PreparedData:
    """Opens prepared data whose splits have been checked. Raises UsageError as `open_prepared` and `split` do."""
    data = open_prepared(data_dir, dataset, recipe)
    for split in SPLITS:
        data.split(split)
    return data


def first_rows_folder(data: PreparedData, data_dir: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the first rows of a recipe below another folder of prepared data."""
    return folder_of(data_dir, data.folder.parent.name, data.folder.name)


def holds_other_rows(data: PreparedData, data_dir: pathlib.Path) -> bool:
    """Returns whether the folder of first rows of a recipe holds those of other data. Raises UsageError."""
    manifest = stored.read_json_if_there(first_rows_folder(data, data_dir) / 'manifest.json')
    return manifest is not None and manifest.get(ROWS_OF) != data.hash
