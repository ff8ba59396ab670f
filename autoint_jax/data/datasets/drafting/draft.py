"""Drafts a table's declaration from its first rows; the reason of each guess stands beside it."""

import pathlib
import re

from autoint_jax.data.datasets.declaration.form import FORMS
from autoint_jax.data.datasets.drafting import fields, labels
from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.parquet_sample import sample_of_parquet
from autoint_jax.data.datasets.drafting.samples import Sample
from autoint_jax.data.datasets.drafting.text_sample import sample_of_text
from autoint_jax.data.datasets.drafting.time_columns import Times, times_of
from autoint_jax.data.datasets.drafting.words import label_rank
from autoint_jax.data.datasets.drafting.yaml_text import quoted, scalar, shown
from autoint_jax.data.preparation.pipeline import MAX_BAD_SHARE
from autoint_jax.data.text.packed import unpacked_name
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

# Suffixes of tables that are of a kind that is not read.
_OTHER_TABLES = {
    '.xlsx': 'an Excel workbook',
    '.xls': 'an Excel workbook',
    '.ods': 'a spreadsheet',
    '.json': 'JSON',
    '.jsonl': 'JSON lines',
    '.ndjson': 'JSON lines',
    '.feather': 'Feather',
    '.arrow': 'Arrow',
    '.orc': 'ORC',
    '.avro': 'Avro',
    '.pkl': 'a pickle',
    '.pickle': 'a pickle',
    '.npy': 'a NumPy array',
    '.npz': 'NumPy arrays',
    '.h5': 'HDF5',
    '.hdf5': 'HDF5',
    '.db': 'a database',
    '.sqlite': 'a database',
    '.sas7bdat': 'SAS',
    '.dta': 'Stata',
    '.sav': 'SPSS',
    '.rds': 'R',
    '.tfrecord': 'TFRecord',
}
_ENOUGH = 20  # rows from which two columns that agree do so not by chance
# Shares of the rows for each of valid and test. The first is taken that leaves rows of both classes in every split.
_SHARES = (0.1, 0.15, 0.2, 0.25, 0.33)


def draft(path: pathlib.Path) -> str:
    """Returns the text of a declaration, with the reason of each guess as a comment.

    Raises UsageError if the file is not a table that can be read, or has no column to learn from.
    """
    sample = _sample(path)
    named = sample.named and sample.form != 'libsvm'
    label = labels.found(sample.columns, named=named or sample.form == 'libsvm')
    others = [column for column in sample.columns if label is None or column.name != label.column]
    times = [found for column in others if column.name not in sample.kinds and (found := times_of(column)) is not None]
    answer = next((column for column in sample.columns if label and column.name == label.column), None)
    kinds = {column.name: _kind(column, sample, named, times, answer) for column in others}
    _leave_out_copies(others, kinds)
    lines = [
        f'# A draft from the first {counted(sample.rows, "row")} of {_in_comment(path.name)}: '
        'check the label and every field.',
        f'files: [{scalar(path.name)}]',
        f'form: {sample.form}',
        *sample.head,
        *_infinite(others, kinds),
        *_label(label, sample.columns),
        *_split(label, times),
        'fields:',
    ]
    kept = [
        fields.line(name, column, kinds[column.name])
        for name, column in zip(_field_names([column.name for column in others]), others, strict=True)
    ]
    lines += [*kept, *sample.unreadable]
    if all(line.startswith('#') for line in kept):
        raise UsageError(
            f'{path} has no column beside the label that a model could learn from'
            if label
            else f'{path} has no column to learn from: each is empty, has one value, or a new one in each row'
        )
    return '\n'.join(lines) + '\n'


def _sample(path: pathlib.Path) -> Sample:
    """Reads the first rows of a file of any form. Raises UsageError if it is not a table that can be read."""
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        named = f', such as {path / files[0]}' if files else ''
        raise UsageError(
            f'{path} is a folder: name one of its files{named}; `files` of the declaration may then have a pattern, '
            'as in "part-*.csv"'
        )
    if not path.exists():
        one = 'one file' if re.search(r'[*?\[]', path.name) else 'a file'
        raise UsageError(f'{path} does not exist: name {one} of your table')
    if not path.is_file():
        raise UsageError(f'{path} is not a regular file: write the table to a file first, which can be read again')
    suffix = pathlib.Path(unpacked_name(path)).suffix.lower()
    if suffix in _OTHER_TABLES:
        raise UsageError(f'{path} is {_OTHER_TABLES[suffix]}, which is not read: write the table as CSV or Parquet')
    if not path.stat().st_size:
        raise UsageError(f'{path} is empty: there are no rows to draft a declaration from')
    form = FORMS.get(suffix)
    return sample_of_parquet(path) if form == 'parquet' else sample_of_text(path, libsvm=form == 'libsvm')


def _label(label: labels.Label | None, columns: list[Column]) -> list[str]:
    """Returns the lines of the label, or comments that say what to write if none was found."""
    if label is None:
        return labels.not_found(columns)
    texts = next(column for column in columns if column.name == label.column)
    missing = len(texts.texts) - len(texts.known)
    reason = label.reason
    if missing:
        share = missing / len(texts.texts)
        reason += f'; {missing:,} rows have none and are bad' + (
            f': allow them by --max_bad_share={min(round(1.5 * share + 0.001, 3), 1)}'
            if share > MAX_BAD_SHARE / 2
            else ''
        )
    return [f'label: {label.rule}  # {reason}']


def _split(label: labels.Label | None, times: list[Times]) -> list[str]:
    """Returns the lines of a random split, with splits by time as comments.

    The shares are larger if the rarer class has few rows.
    """
    rarer = None if label is None else label.rarer
    share = next((share for share in _SHARES if rarer is not None and _divides(rarer, share)), _SHARES[0])
    lines = ['split:', f'  random: {{valid: {share}, test: {share}, seed: 0}}']
    if rarer is not None and not _divides(rarer, share):
        lines[0] += f'  # these rows have only {rarer} of the rarer class, too few for training, validation and test'
    elif share != _SHARES[0]:
        lines[0] += f'  # these rows have only {rarer} of the rarer class, so the shares are larger than usual'
    for found in times:
        keys = [f'column: {scalar(found.column)}', f'valid: {share}', f'test: {share}']
        if found.format is not None:
            keys.append(f'format: {quoted(found.format)}')
        if found.missing:
            keys.append('missing_time: train')
        others = f'; {" and ".join(map(quoted, found.others))} fit as well' if found.others else ''
        reason = f'in place of random: {scalar(found.column)} holds times, {found.seen}{others}'
        lines.append(f'  # time: {{{", ".join(keys)}}}  # {reason}')
    return lines


def _divides(rows: int, share: float) -> bool:
    """Returns whether each split gets some of so many rows of a class, as `splits.random_split` draws them."""
    test, both = round(share * rows), round(2 * share * rows)
    return 0 < test < both < rows


def _infinite(columns: list[Column], kinds: dict[str, fields.Kind]) -> list[str]:
    """Returns the line about infinite numbers if a numeric field has some."""
    for column in columns:
        if column.numbers.infinite and 'numeric' in (kinds[column.name].rule or ''):
            return [
                f'infinite: missing  # column {scalar(column.name)} holds {shown(column.numbers.infinite[0])}, which '
                'is infinite in float32; with `bad`, such rows are left out'
            ]
    return []


def _kind(column: Column, sample: Sample, named: bool, times: list[Times], answer: Column | None) -> fields.Kind:
    """Returns what a column is as a field.

    Args:
      column: the column.
      sample: the first rows.
      named: whether the names of columns are the file's own.
      times: the columns of times.
      answer: the column of the label, if there is one.
    """
    if column.name in sample.kinds:
        return fields.Kind(*sample.kinds[column.name])
    if any(found.column == column.name for found in times):
        return fields.Kind(
            None,
            'left out: new rows have new times; put the hour or the weekday in a column of its own to learn from it',
        )
    if answer is not None and _gives_away(column, answer):
        return fields.Kind(None, f'left out: it tells the label, {scalar(answer.name)}, in every row')
    kind = fields.kind_of(column, names_tell=named)
    if named and kind.rule and len(column.counts) == 2 and label_rank(column.name) in (0, 1):
        return kind._replace(
            reason=f'{kind.reason}; its name is that of a label, too: leave it out if it is known only afterwards'
        )
    return kind


def _leave_out_copies(columns: list[Column], kinds: dict[str, fields.Kind]) -> None:
    """Leaves out all but the first of columns that are the same in every row."""
    seen: dict[tuple[str, ...], str] = {}
    for column in columns:
        if kinds[column.name].rule is None:
            continue
        first = seen.setdefault(tuple(column.texts), column.name)
        if first != column.name and len(column.texts) >= _ENOUGH:
            kinds[column.name] = fields.Kind(None, f'left out: it is the same as {scalar(first)} in every row')


def _gives_away(column: Column, answer: Column) -> bool:
    """Returns whether each value of the column goes with one value of the label, and the other way round."""
    if len(column.counts) != len(answer.counts) or len(column.counts) < 2 or len(column.known) < _ENOUGH:
        return False
    return len(set(zip(column.texts, answer.texts, strict=True))) == len(answer.counts)


def _field_names(columns: list[str]) -> list[str]:
    """Returns names of fields: those of the columns, without slashes, each only once."""
    found: list[str] = []
    for column in columns:
        name = re.sub(r'[/\\]', '_', column)
        found.append(
            name if name not in found and (name == column or name not in columns) else f'{name}_{len(found) + 1}'
        )
    return found


def _in_comment(name: str) -> str:
    """Returns the name of a file for a comment, quoted if it is not printable."""
    return name if name.isprintable() else quoted(name)
