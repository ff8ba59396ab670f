"""Prepared data of the first rows of other prepared data, to try things out quickly."""

import pathlib

from autoint_jax.data.store.derived import columns_of, write_derived
from autoint_jax.data.store.prepared import PreparedData

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
