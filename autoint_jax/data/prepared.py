"""Prepared data on disk: per split, plain memory-mapped columns in row order, with a schema and a manifest.

    <folder>/schema.json  manifest.json  vocabularies.json
    <folder>/{train,valid,test}/{ids,numeric,labels}.npy
    <folder>/plan.json      how raw rows are encoded (tables only)
    <folder>/bad_rows.tsv   rows that could not be parsed (if there are any)

A folder appears by one rename when it is complete, so a half-made one is never believed.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from autoint_jax.data.split_writer import SplitWriter
from autoint_jax.data.vocabulary import Vocabulary
from autoint_jax.errors import UsageError
from autoint_jax.names import checked_name
from autoint_jax.schema import Batch, Schema

SPLITS = ('train', 'valid', 'test')
FORMAT = 1
LOCK = 'lock'
OWN_TABLE = 'csv'  # the data set under which users' own tables are prepared


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
    """DATA_DIR/DATASET/RECIPE. Raises UsageError where one of the two is a path or otherwise no name."""
    return pathlib.Path(data_dir) / checked_name(dataset, 'a data set') / checked_name(recipe, 'a recipe')


def open_prepared(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> PreparedData:
    """Opens prepared data. Raises UsageError that names the command which prepares it."""
    if dataset == OWN_TABLE and not recipe:
        there = sorted(path.parent.name for path in pathlib.Path(data_dir, OWN_TABLE).glob('*/manifest.json'))
        raise UsageError(f'say which of your tables: --config.data.recipe=NAME, or data.recipe in the configuration, is the name of '
                         f'its declaration; prepared in {data_dir}: {", ".join(there) or "none"}')
    folder = folder_of(data_dir, dataset, recipe)
    try:
        manifest = json.loads((folder / 'manifest.json').read_text())
        schema = Schema.from_json(json.loads((folder / 'schema.json').read_text()))
    except FileNotFoundError as error:
        how = f'--schema={recipe}.yaml' if dataset == OWN_TABLE else f'--recipe={recipe}'
        raise UsageError(f'no prepared data at {folder} ({pathlib.Path(error.filename).name} is missing): run '
                         f'scripts/prepare_data.py --dataset={dataset} {how} --data_dir={data_dir}') from None
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
    with unfinished(folder) as scratch:
        records = {}
        for name, columns in splits.items():
            with SplitWriter(scratch / name, columns.ids.shape[1], columns.numeric.shape[1]) as writer:
                writer.append(columns.ids, columns.numeric, columns.labels)
            records[name] = writer.record
        return finish(scratch, folder, schema=schema, vocabularies=vocabularies, splits=records, description=description)


@contextlib.contextmanager
def unfinished(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A scratch folder beside `folder`, removed at the end. Those that killed processes have left are removed first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f'.{folder.name}-unfinished-*'):
        with contextlib.suppress(OSError), open(left / LOCK) as lock:  # a living process holds its lock
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f'.{folder.name}-unfinished-', dir=folder.parent))
    try:
        with open(scratch / 'unlocked', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(scratch / 'unlocked', scratch / LOCK)  # appears with its lock held
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def finish(scratch: pathlib.Path, folder: pathlib.Path, *, schema: Schema, vocabularies: dict[str, Vocabulary],
           splits: dict[str, dict[str, Any]], description: dict[str, Any]) -> PreparedData:
    """Adds schema, vocabularies and manifest to a scratch folder with its splits, and renames it into place.

    Args:
      splits: record of each split's writer.
    """
    (scratch / 'schema.json').write_text(schema.dumps())
    vocabulary_text = json.dumps({name: vocabulary.values for name, vocabulary in vocabularies.items()})
    (scratch / 'vocabularies.json').write_text(vocabulary_text)
    manifest = {
        'format': FORMAT,
        **description,
        'vocabulary_sha256': hashlib.sha256(vocabulary_text.encode()).hexdigest(),
        'splits': splits,
    }
    identity = json.dumps([manifest, schema.to_json()], sort_keys=True)
    manifest['hash'] = hashlib.sha256(identity.encode()).hexdigest()
    manifest['versions'] = {'python': platform.python_version(), 'numpy': np.__version__}
    (scratch / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
    (scratch / LOCK).unlink()
    scratch.chmod(0o755)
    _put_in_place(scratch, folder)
    return PreparedData(folder, schema, manifest)


def _put_in_place(scratch: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames, setting an earlier folder aside first. Of two processes preparing at once, the last one's data stays."""
    while True:
        try:
            os.rename(scratch, folder)
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
