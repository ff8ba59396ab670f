"""Prepared data on disk: per split, plain memory-mapped columns in row order, with a schema and a manifest.

    <folder>/schema.json  manifest.json  vocabularies.json
    <folder>/{train,valid,test}/{ids,numeric,labels}.npy

A folder appears by one rename when it is complete, so a half-made one is never believed.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import platform
import shutil
import tempfile
from typing import Any

import numpy as np

from autoint_jax.data.vocabulary import Vocabulary
from autoint_jax.errors import UsageError
from autoint_jax.schema import Batch, Schema

SPLITS = ('train', 'valid', 'test')
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Columns:
    """Rows of a split: ids int32 [n, slots], numeric float32 [n, numeric], labels float32 [n]."""

    ids: np.ndarray
    numeric: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: slice | np.ndarray = slice(None)) -> Batch:
        """The chosen rows, each with weight 1."""
        labels = np.asarray(self.labels[rows])
        return Batch(np.asarray(self.ids[rows]), np.asarray(self.numeric[rows]), labels, np.ones_like(labels))


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """An opened folder of prepared data."""

    folder: pathlib.Path
    schema: Schema
    manifest: dict[str, Any]

    @property
    def hash(self) -> str:
        """Names the data: schema, recipe, and the content of every column."""
        return self.manifest['hash']

    def split(self, name: str) -> Columns:
        """A split's memory-mapped columns. Raises UsageError on an unknown split or a damaged file."""
        if name not in SPLITS:
            raise UsageError(f'unknown split {name!r}: choose one of {", ".join(SPLITS)}')
        arrays = []
        for column in ('ids', 'numeric', 'labels'):
            path = self.folder / name / f'{column}.npy'
            try:
                arrays.append(np.load(path, mmap_mode='r'))
            except (OSError, ValueError) as error:
                raise UsageError(f'{path} cannot be read ({error}): prepare the data again with --overwrite') from None
        columns = Columns(*arrays)
        if len(columns) != self.manifest['splits'][name]['rows']:
            raise UsageError(f'{self.folder / name} has {len(columns)} rows, its manifest says '
                             f'{self.manifest["splits"][name]["rows"]}: prepare the data again with --overwrite')
        return columns

    def vocabularies(self) -> dict[str, Vocabulary]:
        """Field name -> vocabulary."""
        stored = json.loads((self.folder / 'vocabularies.json').read_text())
        return {name: Vocabulary(tuple(values)) for name, values in stored.items()}


def folder_of(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> pathlib.Path:
    return pathlib.Path(data_dir) / dataset / recipe


def open_prepared(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> PreparedData:
    """Opens prepared data. Raises UsageError that names the command which prepares it."""
    folder = folder_of(data_dir, dataset, recipe)
    try:
        manifest = json.loads((folder / 'manifest.json').read_text())
        schema = Schema.from_json(json.loads((folder / 'schema.json').read_text()))
    except FileNotFoundError as error:
        raise UsageError(f'no prepared data at {folder} ({pathlib.Path(error.filename).name} is missing): run '
                         f'scripts/prepare_data.py --dataset={dataset} --recipe={recipe} --data_dir={data_dir}') from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f'{folder} is damaged ({error}): prepare the data again with --overwrite') from None
    if manifest['format'] != FORMAT:
        raise UsageError(f'{folder} has format {manifest["format"]}, this version reads {FORMAT}: prepare the data again '
                         f'with --overwrite')
    return PreparedData(folder, schema, manifest)


def write_prepared(folder: pathlib.Path, *, schema: Schema, vocabularies: dict[str, Vocabulary],
                   splits: dict[str, Columns], description: dict[str, Any]) -> PreparedData:
    """Writes prepared data beside `folder` and renames it into place.

    Args:
      folder: where the data shall be; replaced if it exists.
      schema: of all splits.
      vocabularies: field name -> vocabulary.
      splits: 'train', 'valid' and 'test'.
      description: dataset, recipe, its parameters and source checksums, for the manifest.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = pathlib.Path(tempfile.mkdtemp(prefix=f'.{folder.name}-unfinished-', dir=folder.parent))
    try:
        (unfinished / 'schema.json').write_text(schema.dumps())
        vocabulary_text = json.dumps({name: vocabulary.values for name, vocabulary in vocabularies.items()})
        (unfinished / 'vocabularies.json').write_text(vocabulary_text)
        manifest = {
            'format': FORMAT,
            **description,
            'vocabulary_sha256': hashlib.sha256(vocabulary_text.encode()).hexdigest(),
            'splits': {name: _write_split(unfinished / name, columns) for name, columns in splits.items()},
        }
        identity = json.dumps([manifest, schema.to_json()], sort_keys=True)
        manifest['hash'] = hashlib.sha256(identity.encode()).hexdigest()
        manifest['versions'] = {'python': platform.python_version(), 'numpy': np.__version__}
        (unfinished / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
        unfinished.chmod(0o755)
        _put_in_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return PreparedData(folder, schema, manifest)


def _write_split(folder: pathlib.Path, columns: Columns) -> dict[str, Any]:
    folder.mkdir()
    sums = {}
    for name, dtype in (('ids', np.int32), ('numeric', np.float32), ('labels', np.float32)):
        array = np.ascontiguousarray(getattr(columns, name), dtype)
        _save(folder / f'{name}.npy', array)
        sums[f'{name}_sha256'] = hashlib.sha256(array.tobytes()).hexdigest()
    return {'rows': len(columns), 'positives': int(columns.labels.sum()), **sums}


def _save(path: pathlib.Path, array: np.ndarray) -> None:
    try:
        np.save(path, array)
    except OSError as error:
        if error.errno is None:  # NumPy reports a short write without its cause, which is a full disk
            raise OSError(errno.ENOSPC, 'no space left', str(path)) from error
        raise


def _put_in_place(unfinished: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames, setting an earlier folder aside first. Of two processes preparing at once, the last one's data stays."""
    while True:
        try:
            os.rename(unfinished, folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        replaced = pathlib.Path(tempfile.mkdtemp(prefix=f'.{folder.name}-replaced-', dir=folder.parent))
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, replaced)
        shutil.rmtree(replaced, ignore_errors=True)


def sha256_of(path: pathlib.Path) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
