"""Prepared data with the rows of other prepared data in another order, or split anew at random."""

import pathlib

import numpy as np

from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.derived import columns_of, write_derived
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError

ROWS_OF = 'shuffled_rows_of'  # the manifest's key for the hash of the data whose rows these are
SHUFFLED = 'shuffled'  # the key among the recipe's parameters: what was drawn, and the seed


def opened_with_other_rows(data: PreparedData, what: str, seed: int, data_dir: str) -> PreparedData:
    """Returns `data` in another order or split, which is written below `data_dir` if it is not there.

    Args:
      data: whose rows are taken.
      what: 'order' or 'split'.
      seed: of the draw.
      data_dir: folder of prepared data.

    Raises:
      UsageError: the folder holds something else.
    """
    dataset, recipe = data.manifest['dataset'], f'{data.manifest["recipe"]}_{what}{seed}'
    folder = folder_of(data_dir, dataset, recipe)
    if not folder.exists():
        {'order': write_other_order, 'split': write_other_split}[what](data, seed, folder)
    found = open_prepared(data_dir, dataset, recipe)
    if found.manifest.get(ROWS_OF) != data.hash:
        raise UsageError(f'{folder} has other rows than {data.folder}: remove it, or name another --data_dir')
    return found


def write_other_split(data: PreparedData, seed: int, folder: pathlib.Path) -> None:
    """Writes all rows of `data` as prepared data of their own, in splits of the same sizes that are drawn at random.

    Vocabularies and scales stay as they are. So the new data equals data that was prepared with another split only if
    they were fitted on all rows.

    Args:
      data: whose rows are split anew. Its columns are not checked.
      seed: of the draw.
      folder: of the new data, whose name is that of its recipe; it must not exist.
    """
    parts = {split: columns_of(data, split) for split in SPLITS}
    pooled = [np.concatenate(of_column) for of_column in zip(*parts.values(), strict=True)]
    ends = np.cumsum([len(parts[split][0]) for split in SPLITS])
    drawn = np.split(np.random.default_rng(seed).permutation(ends[-1]), ends[:-1])
    rows = dict(zip(SPLITS, map(np.sort, drawn), strict=True))
    about = _about(data, folder, 'splits', seed)
    write_derived(data, lambda split: [column[rows[split]] for column in pooled], folder, about)


def write_other_order(data: PreparedData, seed: int, folder: pathlib.Path) -> None:
    """Writes `data` with its training rows in an order that is drawn at random. So every epoch has another order, too.

    Args:
      data: whose training rows are shuffled. Its columns are not checked.
      seed: of the draw.
      folder: of the new data, whose name is that of its recipe; it must not exist.
    """

    def columns(split):
        found = columns_of(data, split)
        if split != 'train':
            return found
        order = np.random.default_rng(seed).permutation(len(found[0]))
        return [column[order] for column in found]

    write_derived(data, columns, folder, _about(data, folder, 'order', seed))


def _about(data: PreparedData, folder: pathlib.Path, what: str, seed: int) -> dict[str, object]:
    parameters = data.manifest.get('parameters', {}) | {SHUFFLED: {'what': what, 'seed': seed}}
    return {'recipe': folder.name, ROWS_OF: data.hash, 'parameters': parameters}
