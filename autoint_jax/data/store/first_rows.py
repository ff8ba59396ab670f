"""Prepared data of the first rows of other prepared data, to try things out quickly."""

import json
import os
import pathlib
import shutil
import tempfile

import numpy as np

from autoint_jax.data.store.columns import DTYPES, SPLITS
from autoint_jax.data.store.manifest import PREPARATION, identity_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.split_writer import SplitWriter
from autoint_jax.data.store.verification import sample_of

ROWS_OF = 'first_rows_of'  # the manifest's key for the hash of the data whose first rows these are


def write_first_rows(data: PreparedData, rows: int, folder: pathlib.Path) -> None:
    """Writes the first rows of each split of `data` as prepared data of their own, with the same schema.

    Args:
      data: the whole data. Its columns are not checked.
      rows: number of rows of each split; a shorter split is taken whole.
      folder: of the new data; it must not exist.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:
        made = pathlib.Path(scratch, 'data')
        made.mkdir()
        records = {}
        for split in SPLITS:
            columns = [np.load(data.folder / split / f'{name}.npy', mmap_mode='r')[:rows] for name in DTYPES]
            with SplitWriter(made / split, data.schema.num_slots, len(data.schema.numeric_fields)) as writer:
                writer.append(*columns)
            records[split] = writer.record
        for path in data.folder.iterdir():
            if path.is_file() and path.name != 'manifest.json':
                shutil.copyfile(path, made / path.name)
        samples = {split: {name: sample_of(made / split / f'{name}.npy') for name in DTYPES} for split in SPLITS}
        manifest = data.manifest | {'splits': records, ROWS_OF: data.hash}
        if PREPARATION in manifest:
            manifest[PREPARATION] = data.preparation | {'samples': samples}
        manifest['hash'] = identity_of(manifest, json.loads((made / 'schema.json').read_text()))
        (made / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
        os.rename(made, folder)
