"""The part of prepared data that a run folder keeps: all that encodes new rows as those of the training were encoded.

    RUN_DIR/encoding/manifest.json  schema.json  vocabularies.json
    RUN_DIR/encoding/plan.json      how raw rows are encoded; data of earlier versions may lack it

So the run can score new rows when its prepared data is gone. The files are hard links where the file system allows.
"""

import os
import pathlib
import shutil

from autoint_jax import stored
from autoint_jax.data.store.opening import open_folder
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import SIDE_FILES
from autoint_jax.errors import UsageError
from autoint_jax.unfinished import unfinished
from autoint_jax.units import shown_bytes

ENCODING = 'encoding'
MANIFEST = 'manifest.json'
MEND = 'remove that folder, then pass the --data_dir of the data that the run was trained on'


def keep(folder: pathlib.Path, data: PreparedData) -> str:
    """Keeps what encodes rows in a run folder, unless it is kept already.

    Args:
      folder: the run folder.
      data: the prepared data of the run.

    Returns:
      A sentence about the size, or '' if nothing was written.
    """
    kept = folder / ENCODING
    if _hash_in(kept) == data.hash:
        return ''
    names = [name for name in (*SIDE_FILES, MANIFEST) if (data.folder / name).exists()]
    with unfinished(kept) as scratch:
        scratch.mkdir()
        linked = [_linked(data.folder / name, scratch / name) for name in names]
        size = sum((scratch / name).stat().st_size for name in names)
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(scratch, kept)
    how = 'as links to the prepared data' if all(linked) else 'as copies'
    return f'{kept} keeps what scoring needs of the data: {shown_bytes(size)}, {how}'


def kept_encoding(folder: pathlib.Path, data_hash: str) -> PreparedData | None:
    """Returns the schema, the plan and the vocabularies that a run folder keeps, as prepared data without rows.

    Args:
      folder: the run folder.
      data_hash: the hash of the data of the run.

    Returns:
      None if the folder keeps nothing, because an earlier version made it.

    Raises:
      UsageError: the files were damaged, or are those of other data.
    """
    kept = folder / ENCODING
    if not kept.is_dir():
        return None
    data = open_folder(kept, mend=MEND)
    if data.hash != data_hash:
        raise UsageError(
            f'{kept} is of other data (hash {data.hash[:12]}) than the run (hash {data_hash[:12]}): {MEND}'
        )
    return data


def _hash_in(kept: pathlib.Path) -> str | None:
    """Returns the hash of the data that a folder was kept of; None if that is unknown."""
    try:
        return stored.read_json(kept / MANIFEST, {'hash': str})['hash']
    except UsageError:
        return None


def _linked(source: pathlib.Path, target: pathlib.Path) -> bool:
    """Makes `target` a hard link to a file, or a copy where that is not possible. Returns whether it is a link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True
