"""Prepares a user's own table by its declaration."""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autoint_jax.data.datasets.declaration.table import TableSchema, load
from autoint_jax.data.datasets.declaration.text import read_tree, written
from autoint_jax.data.datasets.file_splits import SplitFiles, files_of
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import Origin, RawFiles
from autoint_jax.data.preparation.pipeline import prepare_table
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.raw.derived import DERIVATIONS
from autoint_jax.data.raw.headers import names_in
from autoint_jax.data.raw.libsvm_files import LibsvmSource
from autoint_jax.data.raw.parquet_files import ParquetSource
from autoint_jax.data.raw.source import Source
from autoint_jax.data.raw.text_files import TextSource
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import MULTIVALUED


def prepare_own(
    schema_path: pathlib.Path,
    raw_dir: pathlib.Path | None,
    folder: pathlib.Path,
    *,
    dataset: str,
    recipe: str,
    max_bad_share: float,
    progress: PreparationProgress,
    extends: Extension | None = None,
) -> PreparedData:
    """Prepares a user's table.

    Args:
      schema_path: file of the declaration.
      raw_dir: folder of the raw files; None for the folder of the declaration.
      folder: where the prepared data will be.
      dataset: name of the data set.
      recipe: name of the table.
      max_bad_share: share of the rows that may be unreadable.
      progress: is told of the passes over the data.
      extends: prepared data that the new data extends.

    Raises:
      UsageError: the declaration or the raw files cannot be used.
    """
    schema = load(schema_path)
    raw_dir = raw_dir or schema_path.parent
    return prepare_declared(
        schema,
        _files_of(schema, raw_dir),
        raw_dir,
        folder,
        origin=origin_of(schema),
        dataset=dataset,
        recipe=recipe,
        max_bad_share=max_bad_share,
        progress=progress,
        extends=extends,
    )


def prepare_declared(
    schema: TableSchema,
    files: Mapping[str, Sequence[pathlib.Path]],
    raw_dir: pathlib.Path,
    folder: pathlib.Path,
    *,
    origin: Origin,
    dataset: str,
    recipe: str,
    max_bad_share: float,
    progress: PreparationProgress,
    extends: Extension | None = None,
) -> PreparedData:
    """Prepares a declared table from its files.

    Args:
      schema: the declaration.
      files: {split: files}, or {'': files} if they do not belong to splits.
      raw_dir: folder of the raw files.
      folder: where the prepared data will be.
      origin: of the data, for the manifest.
      dataset: name of the data set.
      recipe: name of the table or recipe.
      max_bad_share: share of the rows that may be unreadable.
      progress: is told of the passes over the data.
      extends: prepared data that the new data extends.

    Raises:
      UsageError: the raw files cannot be used.
    """
    layout = layout_of(schema, next(path for paths in files.values() for path in paths))
    columns = list(schema.types() if schema.split_column is None else {**schema.types(), schema.split_column: ''})
    sources = {
        part: open_source(schema.form, paths, layout, columns, schema.plan, raw_dir) for part, paths in files.items()
    }
    source: Source = SplitFiles(sources) if schema.split.files else sources['']
    names = {
        part: f'{part} ({", ".join(path.name for path in paths[:5])}{", ..." * (len(paths) > 5)})'
        for part, paths in files.items()
        if part
    }
    for remark in schema.remarks:
        progress.say(remark)
    return prepare_table(
        folder,
        source,
        schema.plan,
        schema.split,
        split_column=schema.split.spooled_column,
        split_names={split: split for split in SPLITS} | names,
        description={'dataset': dataset, 'recipe': recipe, 'parameters': parameters_of(schema)},
        stored={'form': schema.form, 'layout': dataclasses.replace(layout, required=()).to_json()},
        max_bad_share=max_bad_share,
        raw_files=RawFiles(origin, raw_dir),
        extends=extends,
        progress=progress,
    )


def origin_of(schema: TableSchema) -> Origin:
    """Returns the origin of a table's data, by its declaration."""
    meaning = {name: value for name, value in dataclasses.asdict(schema).items() if name not in ('path', 'remarks')}
    return Origin(
        written(read_tree(schema.path)),
        meaning,
        parameters_of(schema),
        schema.path,
        lambda folder: [path for paths in _files_of(schema, folder).values() for path in paths],
    )


def parameters_of(schema: TableSchema) -> dict[str, Any]:
    """Returns the table's parameters in the manifest."""
    return {'split': {schema.split.kind: schema.split.parameters}, 'plan': schema.plan.to_json()}


def _files_of(schema: TableSchema, folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """Returns {split: files}, or {'': files} if they do not belong to splits. Raises UsageError."""
    return files_of(schema.split.files or {'': schema.files}, folder, schema.path)


def layout_of(schema: TableSchema, path: pathlib.Path) -> Layout:
    """Returns the layout of a table's files.

    In text files it has all columns; columns that are not used have the type text.

    Args:
      schema: the declaration.
      path: one of the files.

    Raises:
      UsageError: the file does not have a declared column.
    """
    types = schema.types()
    required: tuple[str, ...] = ()
    if schema.split.kind == 'time' and schema.split_column is not None:
        types.setdefault(schema.split_column, 'text')
        required = () if 'missing_time' in schema.split.parameters else (schema.split_column,)
    layout = dataclasses.replace(schema.layout, required=required)
    if schema.form in ('parquet', 'libsvm'):
        return dataclasses.replace(layout, columns=tuple(types.items()))
    names = list(schema.columns) or names_in(path, layout)
    _check_repeated(names, types, schema.path, path)
    alone = f' (is the separator {layout.separator!r} right?)' if len(names) == 1 else ''
    known = set(names)
    for column in types:
        if column not in known:
            raise UsageError(
                f'{schema.path} uses column {column!r}, which {path} does not have{nearest(column, names)}; it has: '
                f'{_listed(names)}{alone}'
            )
    return dataclasses.replace(layout, columns=tuple((name, types.get(name, 'text')) for name in names))


def _check_repeated(names: list[str], used: Iterable[str], declaration: pathlib.Path, path: pathlib.Path) -> None:
    """Raises UsageError if names of a header repeat, and one of these, or an absent one, is used."""
    counts = collections.Counter(names)
    twice = [name for name in names if counts[name] > 1]
    if twice and any(counts[name] != 1 for name in used):
        own = [
            name if name and names.index(name) == place else f'{name or "column"}_{place + 1}'
            for place, name in enumerate(names)
        ]
        raise UsageError(
            f'{path} has two columns named {twice[0]!r}: name all columns in {declaration}, beside header: true, as '
            f'in columns: {json.dumps(own, ensure_ascii=False)}'
        )


def _listed(names: list[str]) -> str:
    return ', '.join(name[:40] for name in names[:50]) + (', ...' if len(names) > 50 else '')


def open_source(
    form: str,
    paths: Sequence[pathlib.Path],
    layout: Layout,
    columns: Sequence[str],
    plan: TablePlan,
    raw_dir: pathlib.Path,
) -> Source:
    """Opens raw files of any form.

    Args:
      form: 'text', 'parquet' or 'libsvm'.
      paths: of the files.
      layout: of the files.
      columns: names of the raw columns to read.
      plan: of the table.
      raw_dir: folder of files that are joined.

    Raises:
      UsageError: a file is not there, or lacks a column.
    """
    if form == 'libsvm':
        return LibsvmSource(paths, layout, columns)
    if form == 'parquet':
        separators = {field.column: field.separator for field in plan.fields if field.kind == MULTIVALUED}
        return ParquetSource(paths, layout, columns, separators)
    return TextSource(paths, layout, columns, DERIVATIONS[plan.derivation](raw_dir))
