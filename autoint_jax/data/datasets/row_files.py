"""Opens new raw files for a plan: their columns are found by name, in any order, or else by their places."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import polars as pl

from autoint_jax.data.datasets.movielens_rows import RatingsSource
from autoint_jax.data.datasets.own_table import open_source
from autoint_jax.data.datasets.row_plan import RowPlan, is_movielens
from autoint_jax.data.raw.derived import DERIVATIONS
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.parquet_files import parquet_schema
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.raw.source import Source
from autoint_jax.data.text.first_rows import first_rows
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError, nearest
from autoint_jax.units import counted

PARQUET = '.parquet'
SEPARATORS = (',', '\t', ';', '|')  # that are tried if the names of the columns are not found by the plan's own
_KINDS: dict[pl.DataType, str] = {pl.Int64(): 'integer', pl.String(): 'text'}  # of derived columns


class NewFile(NamedTuple):
    """A file of new rows, opened.

    Attributes:
      source: of its rows, with the columns that the fields need, those that are kept, and the label if there is one.
      labelled: whether it has the column of the label.
      surplus: its columns that the plan does not know and nobody asked for.
    """

    source: Source
    labelled: bool
    surplus: list[str]


def open_file(plan: RowPlan, path: pathlib.Path, keep: Sequence[str] = ()) -> NewFile | None:
    """Opens a file of new rows, or a folder of raw files of MovieLens.

    Args:
      plan: how the rows are encoded.
      path: of the file. Its suffix says whether it is Parquet; other files are read as those of the training were.
      keep: further columns to read.

    Returns:
      None if a file without a header has no byte.

    Raises:
      UsageError: the file cannot be read, or lacks a column.
    """
    if is_movielens(plan, path):
        known = [name for name, _ in plan.layout.columns]
        _check_there(path, known, keep, 'that --keep names')
        wanted = list(dict.fromkeys([*plan.needed, plan.table.label.column, *keep]))
        return NewFile(RatingsSource(path, wanted), True, [])
    if not path.is_file():
        raise UsageError(f'{path} {"is a folder" if path.is_dir() else "does not exist"}: name a file of rows')
    if path.suffix.lower() == PARQUET:
        return _parquet(plan, path, keep)
    if plan.form == 'libsvm':
        return _opened(plan, path, plan.layout, [name for name, _ in plan.layout.columns], keep, 'libsvm')
    return _text(plan, path, keep)


def _parquet(plan: RowPlan, path: pathlib.Path, keep: Sequence[str]) -> NewFile:
    """Opens a Parquet file. Raises UsageError if it lacks a column, or one has a type that would change its values."""
    types, layout = parquet_schema(path), plan.layout
    for name, values in plan.texts.items():
        if name in types:
            _check_type(path, name, types[name], values)
    if layout.decimal != '.' or layout.thousands:  # marks of numbers that are text
        numbers = [name for name, kind in layout.columns if kind == 'real' and name in types and name in plan.needed]
        written = [name for name in numbers if types[name] == pl.String]
        if written and len(written) < len(numbers):
            other = next(name for name in numbers if name not in written)
            raise UsageError(
                f'{path}: column {written[0]!r} holds numbers as text and column {other!r} as numbers: write all as '
                'numbers'
            )
        layout = layout if written else dataclasses.replace(layout, decimal='.', thousands='')
    return _opened(plan, path, layout, list(types), keep, 'parquet')


def _check_type(path: pathlib.Path, name: str, dtype: pl.DataType, values: Sequence[str]) -> None:
    """Raises UsageError if a column has a type whose texts differ from those that the training files had."""
    if dtype.is_float() and values and not any('.' in value or 'e' in value for value in values):
        raise UsageError(
            f'{path}: column {name!r} holds numbers of type {dtype}, whose text is like 7.0, but the run knows values '
            f'like {values[-1][:40]!r}: write the column as whole numbers or as text'
        )
    zeros = next((value for value in values if value[:1] == '0' and value[1:].isdigit() and value != '0'), None)
    if dtype == pl.Boolean and values and not {'true', 'false'} & set(values):
        raise UsageError(
            f'{path}: column {name!r} holds truth values, which are read as the texts true and false, but the run '
            f'knows values like {values[-1][:40]!r}: write the column as text'
        )
    if dtype.is_integer() and zeros is not None:
        raise UsageError(
            f'{path}: column {name!r} holds numbers of type {dtype}, but the run knows values with leading zeros, like '
            f'{zeros[:40]!r}: write the column as text'
        )


def _text(plan: RowPlan, path: pathlib.Path, keep: Sequence[str]) -> NewFile | None:
    """Opens a text file. Its first row decides whether columns are found by name or by their places."""
    own = plan.layout
    if plan.form == 'parquet':
        own = Layout(own.columns, separator=',', header=True, quote='"', strip=True, missing=own.missing)
    if not path.stat().st_size and not own.header:
        return None
    for separator in dict.fromkeys((own.separator, *SEPARATORS)):
        quote = own.quote if separator == own.separator else '"'
        layout = dataclasses.replace(own, separator=separator, quote=quote, own_names=False)
        found = _first_row(path, layout)
        if set(plan.needed) <= set(found) or _has_derived(plan, found):
            return _opened(plan, path, dataclasses.replace(layout, header=True), found, keep, 'text')
    found, known = _first_row(path, own), [name for name, _ in own.columns]
    label = plan.table.label.column
    named = set(found) & set(known)
    if (own.header and not own.own_names) or 2 * len(named) > len(known):
        lacking = next(name for name in plan.needed if name not in found)
        raise UsageError(
            f'{path} has no column {lacking!r}{nearest(lacking, found)}, which the run needs; {_has(found)}'
        )
    if len(found) == len(known):
        return _opened(plan, path, own, known, keep, 'text')
    if len(found) == len(known) - 1 and label in known:
        return _opened(plan, path, own, [name for name in known if name != label], keep, 'text')
    raise UsageError(
        f'{path} has {counted(len(found), "column")}, but the rows of this run have {len(known)}, or {len(known) - 1} '
        f'without the label {label!r} (is the separator {own.separator!r} right?); with names in its first row, any '
        'order is right'
    )


def _first_row(path: pathlib.Path, layout: Layout) -> list[str]:
    """Returns the cells of the first row. Raises UsageError if there is none."""
    rows = first_rows(path, layout, 1)
    if not rows:
        raise UsageError(f'{path} is empty: its first line must hold the names of the columns')
    return [name.strip() for name in rows[0]]


def _has_derived(plan: RowPlan, found: Sequence[str]) -> bool:
    """Returns whether a file has the columns that are otherwise derived, and all others that are needed."""
    derived = {field.column for field in plan.table.fields} - {name for name, _ in plan.layout.columns}
    return bool(derived) and {field.column for field in plan.table.fields} <= set(found)


def _opened(
    plan: RowPlan, path: pathlib.Path, layout: Layout, found: Sequence[str], keep: Sequence[str], form: str
) -> NewFile:
    """Opens a file with the columns `found`, in their order.

    Raises UsageError if one that is needed or kept is lacking, or stands there twice.
    """
    label, kinds, table = plan.table.label.column, dict(layout.columns), plan.table
    needed = plan.needed
    if table.derivation != 'none' and _has_derived(plan, found):
        types = DERIVATIONS['none' if table.derivation == 'kdd12_profile' else table.derivation](path.parent).types
        needed = list(dict.fromkeys(field.column for field in table.fields))
        kinds |= {name: _KINDS[types.get(name, pl.Int64())] for name in needed if name not in kinds}
        table = dataclasses.replace(table, derivation='none')
    _check_there(path, found, needed, 'which the run needs')
    _check_there(path, found, keep, 'that --keep names')
    wanted = list(dict.fromkeys([*needed, *([label] if label in found else []), *keep]))
    for name in wanted:
        if list(found).count(name) > 1:
            raise UsageError(f'{path} has two columns named {name!r}: rename one of them')
    if layout.decimal == '.' and not layout.thousands:
        kinds[label] = 'text'  # so that a label which is not allowed spoils no row
    columns = tuple((name, kinds.get(name, 'text')) for name in (found if form == 'text' else wanted))
    layout = dataclasses.replace(layout, columns=columns)
    source = open_source(form, [path], layout, wanted, table, path.parent)
    if form == 'parquet' and table.derivation != 'none':
        source = _Derived(source, table.derivation)
    surplus = [name for name in found if name not in {*dict(plan.layout.columns), *wanted}]
    return NewFile(source, label in found, surplus)


def _check_there(path: pathlib.Path, found: Sequence[str], wanted: Sequence[str], why: str) -> None:
    """Raises UsageError if a wanted column is not there."""
    for name in wanted:
        if name not in found:
            raise UsageError(f'{path} has no column {name!r}{nearest(name, list(found))}, {why}; {_has(found)}')


def _has(found: Sequence[str]) -> str:
    return f'it has: {", ".join(name[:40] for name in found[:50])}{", ..." * (len(found) > 50)}'


class _Derived:
    """A source of Parquet files with the columns that a derivation adds."""

    def __init__(self, source: Source, derivation: str):
        self._source = source
        self.paths, self._derivation = source.paths, DERIVATIONS[derivation](source.paths[0].parent)
        self.types = source.types | self._derivation.types
        self.bad_beside = self._derivation.bad

    @property
    def checksums(self) -> dict[str, str]:
        return self._source.checksums

    @property
    def tallies(self) -> list[Any]:
        return self._source.tallies

    @property
    def unseen_missing(self) -> set[str]:
        return self._source.unseen_missing

    def size(self) -> int:
        return self._source.size()

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        def derived(number: int, raw: Raw) -> Any:
            check = self._derivation.check
            for row, reason in (check(raw.frame) if check is not None else {}).items():
                raise UsageError(f'{self.paths[0]}, row {row + 1} of block {number + 1}: {reason}')
            return use(number, raw._replace(frame=self._derivation.derive(raw.frame)))

        return self._source.rows(threads, label, derived)
