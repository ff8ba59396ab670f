"""Preparation of a user's own table by its declaration."""

import csv
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import polars as pl

from autoint_jax.data.derived import DERIVATIONS
from autoint_jax.data.field_plan import TablePlan
from autoint_jax.data.layout import Layout
from autoint_jax.data.libsvm_source import LABEL, LibsvmSource
from autoint_jax.data.parquet_source import ParquetSource, parquet_schema
from autoint_jax.data.preparation import prepare_table
from autoint_jax.data.prepared import PreparedData
from autoint_jax.data.progress import Progress
from autoint_jax.data.sources import Source, TextSource, names_in
from autoint_jax.data.table_schema import TableSchema, load
from autoint_jax.data.text_blocks import opened
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import MULTIVALUED


def prepare_own(schema_path: pathlib.Path, raw_dir: pathlib.Path | None, folder: pathlib.Path, *, dataset: str, recipe: str,
                max_bad_share: float, progress: Progress) -> PreparedData:
    """Prepares a user's table. `raw_dir` has its files, by default the folder of the declaration. Raises UsageError."""
    schema = load(schema_path)
    paths = files_of(schema, raw_dir or schema_path.parent)
    layout = layout_of(schema, paths[0])
    columns = list(schema.types() if schema.split_column is None else {**schema.types(), schema.split_column: ''})
    source = open_source(schema.form, paths, layout, columns, schema.plan, raw_dir or schema_path.parent)
    return prepare_table(
        folder, source, schema.plan, schema.splitter(), split_column=schema.split_column,
        description={'dataset': dataset, 'recipe': recipe, 'parameters': {
            'split': {schema.split[0]: schema.split[1]}, 'plan': schema.plan.to_json()}},
        stored={'form': schema.form, 'layout': layout.to_json()}, max_bad_share=max_bad_share, progress=progress)


def files_of(schema: TableSchema, folder: pathlib.Path) -> list[pathlib.Path]:
    """The files, in the order of the declaration, those of a pattern by name. Raises UsageError where one matches none."""
    paths: list[pathlib.Path] = []
    for pattern in schema.files:
        found = sorted(folder.glob(pattern)) if not pathlib.Path(pattern).is_absolute() else [pathlib.Path(pattern)]
        if not found or not found[0].exists():
            near = nearest(pattern, [path.name for path in folder.iterdir()]) if folder.is_dir() else ''
            raise UsageError(f'{folder / pattern}, named in {schema.path}, does not exist{near}')
        paths += found
    return paths


def layout_of(schema: TableSchema, path: pathlib.Path) -> Layout:
    """The layout of the files; in text files, all their columns, those that are not read as text."""
    types = schema.types()
    if schema.split[0] == 'time':
        types.setdefault(schema.split_column, 'text')
    time = schema.split_column if schema.split[0] == 'time' else None
    if schema.form == 'parquet' and time is not None and parquet_schema(path).get(time, pl.String).is_numeric():
        types[time] = 'real'
    if schema.form in ('parquet', 'libsvm'):
        if schema.form == 'libsvm' and schema.plan.label.column != LABEL:
            raise UsageError(f'{schema.path}: the label of a libsvm file is the column {LABEL!r}')
        return Layout(tuple(types.items()), separator=schema.separator, strip=True, missing=schema.missing)
    form = Layout((), separator=schema.separator, header=schema.header, quote='"', strip=True, missing=schema.missing)
    names = names_in(path, form) if schema.header else list(schema.columns)
    for column in types:
        if column not in names:
            raise UsageError(f'{schema.path} uses column {column!r}, which {path} does not have{nearest(column, names)}; it has: '
                             f'{", ".join(names)}')
    if time is not None and types[time] == 'text' and _is_number(path, form, names.index(time)):
        types[time] = 'real'
    return Layout(tuple((name, types.get(name, 'text')) for name in names), separator=schema.separator, header=schema.header,
                  quote='"', strip=True, missing=schema.missing)


def open_source(form: str, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str], plan: TablePlan,
                raw_dir: pathlib.Path) -> Source:
    """Opens raw files of any form. Raises UsageError where they are not there or lack columns."""
    if form == 'libsvm':
        return LibsvmSource(paths, layout, columns)
    if form == 'parquet':
        separators = {field.column: field.separator for field in plan.fields if field.kind == MULTIVALUED}
        return ParquetSource(paths, layout, columns, separators)
    return TextSource(paths, layout, columns, DERIVATIONS[plan.derivation](raw_dir))


def _is_number(path: pathlib.Path, form: Layout, place: int) -> bool:
    """The first row has a number there."""
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding='utf-8-sig', errors='replace', newline='')
        rows: Any = csv.reader(text, delimiter=form.separator)
        if form.header:
            next(rows)
        try:
            float(next(rows)[place])
        except (StopIteration, ValueError, IndexError):
            return False
    return True
