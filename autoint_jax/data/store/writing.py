"""Writes prepared data into a scratch folder, and renames the folder when it is complete."""

import hashlib
import json
import pathlib
import platform
from typing import Any

import numpy as np

from autoint_jax.data.store.columns import SPLITS, Columns, dtypes
from autoint_jax.data.store.listener import Say, silent
from autoint_jax.data.store.manifest import FORMAT, PREPARATION, identity_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.scratch import put_in_place, unfinished
from autoint_jax.data.store.split_writer import SplitWriter
from autoint_jax.data.store.verification import sample_of
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import Schema

PLAN_FILE = 'plan.json'
SIDE_FILES = ('schema.json', 'vocabularies.json', PLAN_FILE)


def write_prepared(
    folder: pathlib.Path,
    *,
    schema: Schema,
    vocabularies: dict[str, Vocabulary],
    splits: dict[str, Columns],
    description: dict[str, Any],
    preparation: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = None,
    say: Say = silent,
) -> PreparedData:
    """Writes prepared data from columns in memory.

    Args:
      folder: where the data will be; data that is there is replaced.
      schema: of all splits.
      vocabularies: {field name: vocabulary}.
      splits: {'train', 'valid' and 'test': columns}.
      description: data set, recipe, its parameters and checksums of the sources, for the manifest.
      preparation: how the data was made, for the manifest; the data's hash does not depend on it.
      plan: how raw rows are encoded, for PLAN_FILE; None if they cannot be encoded.
      say: is told of scratch folders that are left.

    Raises:
      UsageError: `folder` holds other files than prepared data.
    """
    with unfinished(folder, say) as scratch:
        records = {}
        for name, columns in splits.items():
            with SplitWriter(scratch / name, schema) as writer:
                writer.append(*(getattr(columns, column) for column in dtypes(schema)))
            records[name] = writer.record
        if plan is not None:
            write_plan(scratch, plan)
        return finish(
            scratch,
            folder,
            schema=schema,
            vocabularies=vocabularies,
            splits=records,
            description=description,
            preparation=preparation,
            say=say,
        )


def write_plan(scratch: pathlib.Path, plan: dict[str, Any]) -> None:
    """Writes how raw rows are encoded into a scratch folder, as JSON."""
    (scratch / PLAN_FILE).write_text(json.dumps(plan, indent=2) + '\n')


def finish(
    scratch: pathlib.Path,
    folder: pathlib.Path,
    *,
    schema: Schema,
    vocabularies: dict[str, Vocabulary],
    splits: dict[str, dict[str, Any]],
    description: dict[str, Any],
    preparation: dict[str, Any] | None = None,
    say: Say = silent,
) -> PreparedData:
    """Adds schema, vocabularies and manifest to a scratch folder with the columns, and renames it to `folder`.

    Args:
      scratch: the scratch folder.
      folder: where the data will be; data that is there is replaced.
      schema: of all splits.
      vocabularies: {field name: vocabulary}.
      splits: {split: record of its `SplitWriter`}.
      description: as in `write_prepared`.
      preparation: as in `write_prepared`; checksums of samples and of the files beside the columns are added.
      say: is told of scratch folders that are left.
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
    manifest['hash'] = identity_of(manifest, schema.to_json())
    manifest['versions'] = {'python': platform.python_version(), 'numpy': np.__version__}
    manifest[PREPARATION] = {
        **(preparation or {}),
        'samples': {
            split: {name: sample_of(scratch / split / f'{name}.npy') for name in dtypes(schema)} for split in SPLITS
        },
        'files_sha256': {name: sha256_of(scratch / name) for name in SIDE_FILES if (scratch / name).exists()},
    }
    (scratch / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
    put_in_place(scratch, folder, say)
    return PreparedData(folder, schema, manifest)


def sha256_of(path: pathlib.Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
