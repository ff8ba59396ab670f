"""Prepared data that is made of the rows of other prepared data."""

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autoint_jax.data.store.columns import SPLITS, dtypes
from autoint_jax.data.store.manifest import PREPARATION, identity_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.split_writer import SplitWriter
from autoint_jax.data.store.verification import sample_of


def columns_of(data: PreparedData, split: str) -> list[np.ndarray]:
    """Returns the memory-mapped columns of a split in the order of `dtypes`. They are not checked."""
    return [np.load(data.folder / split / f'{name}.npy', mmap_mode='r') for name in dtypes(data.schema)]


def write_derived(
    data: PreparedData, columns: Callable[[str], Sequence[np.ndarray]], folder: pathlib.Path, about: dict[str, Any]
) -> None:
    """Writes prepared data with the schema and vocabularies of `data` and other rows.

    Args:
      data: where the rows come from.
      columns: split -> its columns, in the order of `dtypes`.
      folder: of the new data; it must not exist.
      about: entries of the new manifest that replace those of `data` or stand beside them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:
        made = pathlib.Path(scratch, 'data')
        made.mkdir()
        records, names = {}, list(dtypes(data.schema))
        for split in SPLITS:
            with SplitWriter(made / split, data.schema) as writer:
                writer.append(*columns(split))
            records[split] = writer.record
        for path in data.folder.iterdir():
            if path.is_file() and path.name != 'manifest.json':
                shutil.copyfile(path, made / path.name)
        samples = {split: {name: sample_of(made / split / f'{name}.npy') for name in names} for split in SPLITS}
        manifest = data.manifest | {'splits': records} | about
        if PREPARATION in manifest:
            manifest[PREPARATION] = data.preparation | {'samples': samples}
        manifest['hash'] = identity_of(manifest, json.loads((made / 'schema.json').read_text()))
        (made / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
        os.rename(made, folder)
