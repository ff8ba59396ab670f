"""Prepared data on disk: per split, plain memory-mapped columns in row order, with a schema and a manifest.

    <folder>/schema.json  manifest.json  vocabularies.json
    <folder>/{train,valid,test}/{ids,numeric,labels}.npy
    <folder>/plan.json      how raw rows are encoded (tables only)
    <folder>/bad_rows.tsv   rows that could not be parsed (if there are any)

A folder appears by one rename when it is complete, so a half-made one is never believed. What is opened is checked
(`verification.py`), so that a damaged or edited one is not believed either. The manifest's `hash` names the data: it is made
of the manifest and the schema, but for the keys in UNHASHED, which describe how the data was made.
"""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np

from autoint_jax import stored
from autoint_jax.data.store import verification
from autoint_jax.data.store.split_writer import DTYPES
from autoint_jax.data.store.verification import AGAIN, Say
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError, nearest, system_sentence
from autoint_jax.names import checked_name
from autoint_jax.schema import Batch, Schema

SPLITS = ('train', 'valid', 'test')
FORMAT = 1
OWN_TABLE = 'csv'  # the data set under which users' own tables are prepared
DOWNLOADED = 'movielens_100k'  # the only data set that is
DATASETS = (DOWNLOADED, 'movielens_1m', 'criteo', 'avazu', 'kdd12')
PREPARATION = 'preparation'  # key of the manifest: sources, counts of unknown values, checksums of samples, notes
LARGE = 1 << 30  # bytes; reading them takes a second or more, which is said before
UNHASHED = ('hash', 'versions', PREPARATION)
_PREPARATION = {'samples': {split: dict.fromkeys(DTYPES, str) for split in SPLITS}, 'files_sha256': dict}


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

    @property
    def preparation(self) -> dict[str, Any]:
        """How the data was made, as `writing.finish` recorded it; {} where an earlier version did not."""
        return self.manifest.get(PREPARATION, {})

    @property
    def size(self) -> int:
        """Bytes of all columns."""
        return sum(array.size for name in SPLITS for array in self._arrays(name).values())

    @property
    def description(self) -> dict[str, Any]:
        """The manifest without what is of this machine only, such as the paths of raw files."""
        return {key: value for key, value in self.manifest.items() if key != PREPARATION}

    def split(self, name: str) -> Columns:
        """A split's memory-mapped columns, checked. Raises UsageError on an unknown split, or a damaged or changed file."""
        arrays = self._arrays(name)
        verification.check_split(arrays, self.schema)
        return Columns(*(np.load(array.path, mmap_mode='r') for array in arrays.values()))

    def check_whole(self, say: Say) -> None:
        """Compares every file with its checksum, byte by byte. Raises UsageError if one differs.

        Args:
          say: told what is being compared.
        """
        say(f'comparing {self.size / 1e9:,.2f} GB of {self.folder} with their checksums')
        for name in SPLITS:
            self.split(name)  # its sentences name a row
            for array in self._arrays(name).values():
                if array.size >= LARGE:
                    say(f'comparing {array.path}, {array.size / 1e9:,.1f} GB')
                verification.check_whole(array)
        self.vocabularies()
        for name in self.preparation.get('files_sha256', {}):
            self.text_of(name)

    def _arrays(self, name: str) -> dict[str, verification.Array]:
        if name not in SPLITS:
            raise UsageError(f'unknown split {name!r}: choose one of {", ".join(SPLITS)}')
        return verification.arrays_of(
            self.folder,
            name,
            self.schema,
            self.manifest['splits'][name],
            self.preparation.get('samples', {}).get(name, {}),
        )

    def vocabularies(self) -> dict[str, Vocabulary]:
        """Field name -> vocabulary. Raises UsageError where their file is damaged or was changed."""
        text = self.text_of('vocabularies.json', self.manifest['vocabulary_sha256'])
        return {name: Vocabulary(tuple(values)) for name, values in json.loads(text).items()}

    def text_of(self, name: str, sha256: str | None = None) -> str:
        """The text of a file beside the arrays, compared with its checksum. Raises UsageError."""
        path, sha256 = self.folder / name, sha256 or self.preparation.get('files_sha256', {}).get(name)
        try:
            content = path.read_bytes()
        except PermissionError as error:  # to prepare the data again would not help
            raise UsageError(system_sentence(error)) from None
        except OSError as error:
            raise UsageError(f'{path} cannot be read ({error.strerror}): {AGAIN}') from None
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise UsageError(f'{path} was changed or damaged after it was written (its checksum differs): {AGAIN}')
        return content.decode(errors='replace')


def folder_of(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> pathlib.Path:
    """DATA_DIR/DATASET/RECIPE. Raises UsageError where one of the two is a path or otherwise no name."""
    return pathlib.Path(data_dir) / checked_name(dataset, 'a data set') / checked_name(recipe, 'a recipe')


def open_prepared(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> PreparedData:
    """Opens prepared data. Raises UsageError that names the command which prepares it, or what is damaged."""
    there = sorted(path.parent.name for path in pathlib.Path(data_dir, dataset).glob('*/manifest.json'))
    if dataset == OWN_TABLE and not recipe:
        raise UsageError(
            f'say which of your tables: --config.data.recipe=NAME, or data.recipe in the configuration, is the name '
            f'of its declaration; prepared in {data_dir}: {", ".join(there) or "none"}'
        )
    folder = folder_of(data_dir, dataset, recipe)
    if not (folder / 'manifest.json').exists():
        if dataset not in (*DATASETS, OWN_TABLE):
            raise UsageError(
                f'unknown data set {dataset!r}{nearest(dataset, [*DATASETS, OWN_TABLE])}; known: '
                f'{", ".join([*DATASETS, OWN_TABLE])}'
            )
        if (folder / 'schema.json').exists() or (folder / 'train').exists():
            raise UsageError(f'{folder} is damaged (manifest.json is missing): {AGAIN}')
        how = (
            f'--schema={pathlib.Path(recipe).stem}.yaml'
            if dataset == OWN_TABLE
            else (f'--recipe={recipe}' if dataset == DOWNLOADED else f'--recipe={recipe} --raw_dir=FOLDER')
        )
        raise UsageError(
            f'no prepared data at {folder} (manifest.json is missing){nearest(recipe, there)}: run '
            f'scripts/prepare_data.py --dataset={dataset} {how} --data_dir={data_dir}'
        )
    manifest = stored.read_json(folder / 'manifest.json', {'format': int}, mend=AGAIN)
    schema = stored.read_json(folder / 'schema.json', {'fields': list}, mend=AGAIN)
    if manifest['format'] != FORMAT:
        raise UsageError(f'{folder} has format {manifest["format"]}, this version reads {FORMAT}: {AGAIN}')
    if identity_of(manifest, schema) != manifest.get('hash'):
        raise UsageError(
            f'{folder / "schema.json"} or {folder / "manifest.json"} was changed or damaged after it was written '
            f'(they do not give the hash of the data): {AGAIN}'
        )
    stored.checked(
        manifest.get(PREPARATION, {}),
        _PREPARATION if PREPARATION in manifest else {},
        str(folder / 'manifest.json'),
        mend=AGAIN,
    )
    with stored.of_form(folder / 'schema.json', mend=AGAIN):
        return PreparedData(folder, Schema.from_json(schema), manifest)


def identity_of(manifest: dict[str, Any], schema: Any) -> str:
    """The hash that names prepared data, by its manifest and its schema as JSON."""
    hashed = {key: value for key, value in manifest.items() if key not in UNHASHED}
    return hashlib.sha256(json.dumps([hashed, schema], sort_keys=True).encode()).hexdigest()
