"""Prepared data on disk: memory-mapped columns for each split, in the order of the rows, a schema and a manifest.

    <folder>/schema.json  manifest.json  vocabularies.json
    <folder>/{train,valid,test}/{ids,numeric,labels}.npy, and row_weights.npy and soft_labels.npy if rows have these
    <folder>/plan.json      how raw rows are encoded (tables only)
    <folder>/counts/        counts of the values without an id (tables with rare values only)
    <folder>/bad_rows.tsv   rows that could not be parsed (if there are any)

A folder appears by one rename when it is complete, so an unfinished one is never taken for data. The files are checked
when they are opened (`verification.py`), so damaged or edited ones are refused.
"""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np

from autoint_jax.data.store import verification
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.listener import Say
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.data.store.value_checks import AGAIN
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.schema import Schema

COUNTS = 'counts'  # the folder of counts of values without an id, and the key of their record in `preparation`
LARGE = 1 << 30  # bytes; reading so many takes a second or more, so a sentence announces it


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """An opened folder of prepared data.

    Attributes:
      folder: where the data lies.
      schema: of all splits.
      manifest: content of `manifest.json`.
      mend: what the user can do if a file beside the columns is damaged, as the end of a sentence.
    """

    folder: pathlib.Path
    schema: Schema
    manifest: dict[str, Any]
    mend: str = AGAIN

    @property
    def hash(self) -> str:
        """The hash that names the data: it depends on the schema, the recipe, and the content of every column."""
        return self.manifest['hash']

    @property
    def preparation(self) -> dict[str, Any]:
        """How the data was made, as `writing.finish` recorded it; {} if an earlier version did not record it."""
        return self.manifest.get(PREPARATION, {})

    @property
    def size(self) -> int:
        """Bytes of all columns."""
        return sum(array.size for name in SPLITS for array in self._arrays(name).values())

    @property
    def description(self) -> dict[str, Any]:
        """The manifest without the entries that hold on this machine only, such as paths of raw files."""
        return {key: value for key, value in self.manifest.items() if key != PREPARATION}

    def split(self, name: str) -> Columns:
        """Returns the memory-mapped columns of a split, after checking them.

        Raises:
          UsageError: there is no such split, or a file is damaged or was changed.
        """
        arrays = self._arrays(name)
        verification.check_split(arrays, self.schema)
        return Columns(**{column: np.load(array.path, mmap_mode='r') for column, array in arrays.items()})

    def check_whole(self, say: Say) -> None:
        """Compares every file with its checksum, byte by byte.

        Args:
          say: is told which files are being compared.

        Raises:
          UsageError: a file differs.
        """
        say(f'comparing {self.size / 1e9:,.2f} GB of {self.folder} with their checksums')
        for name in SPLITS:
            self.split(name)  # first, because its errors name the row
            for array in self._arrays(name).values():
                if array.size >= LARGE:
                    say(f'comparing {array.path}, {array.size / 1e9:,.1f} GB')
                verification.check_whole(array)
        self.vocabularies()
        for name in self.preparation.get('files_sha256', {}):
            self.text_of(name)
        for of_field in self.preparation.get(COUNTS, {}).get('files', {}).values():
            for name, sha256 in of_field.items():
                self.text_of(f'{COUNTS}/{name}', sha256)

    def _arrays(self, name: str) -> dict[str, verification.Array]:
        """The arrays of a split, as the manifest describes them. Raises UsageError if there is no such split."""
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
        """Returns {field name: vocabulary}. Raises UsageError if their file is damaged or was changed."""
        text = self.text_of('vocabularies.json', self.manifest['vocabulary_sha256'])
        return {name: Vocabulary(tuple(values)) for name, values in json.loads(text).items()}

    def text_of(self, name: str, sha256: str | None = None) -> str:
        """Returns the text of a file beside the columns, after comparing it with its checksum.

        Args:
          name: of the file.
          sha256: its checksum; by default the one in the manifest, if there is one.

        Raises:
          UsageError: the file cannot be read, or its checksum differs.
        """
        path, sha256 = self.folder / name, sha256 or self.preparation.get('files_sha256', {}).get(name)
        try:
            content = path.read_bytes()
        except PermissionError as error:  # preparing the data again would not help
            raise UsageError(system_sentence(error)) from None
        except OSError as error:
            raise UsageError(f'{path} cannot be read ({error.strerror}): {self.mend}') from None
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise UsageError(f'{path} was changed or damaged after it was written (its checksum differs): {self.mend}')
        return content.decode(errors='replace')
