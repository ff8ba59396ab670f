"""A draft of a table's declaration from a look at its first rows."""

import csv
import io
import itertools
import json
import pathlib

import polars as pl

from autoint_jax.data.table_schema import FORMS
from autoint_jax.data.packed import opened
from autoint_jax.errors import UsageError

ROWS = 20_000
_LABELS = ('label', 'click', 'clicked', 'target', 'y', 'is_click', 'conversion', 'class')
_MISSING = ('?', 'NA', 'N/A', 'NULL', 'null', 'None', 'nan', 'NaN')


def draft(path: pathlib.Path) -> str:
    """The text of a declaration, with what was seen as comments. Raises UsageError where a file cannot be understood."""
    if not path.is_file():
        raise UsageError(f'{path} does not exist')
    form = FORMS.get(path.with_name(path.name.removesuffix('.gz')).suffix, 'csv')
    head = []
    if form == 'parquet':
        frame = pl.scan_parquet(path).head(ROWS).collect()
        columns = {name: _texts(frame[name]) for name in frame.columns}
    elif form == 'libsvm':
        columns = _libsvm(path)
    else:
        form, separator, header, columns = _text(path)
        head += [f'separator: {json.dumps(separator)}', f'header: {str(header).lower()}']
        if not header:
            head.append('columns: [' + ', '.join(map(_quoted, columns)) + ']')
    columns = {name: [value.strip() for value in values] for name, values in columns.items()}
    missing = sorted({value for values in columns.values() for value in values} & set(_MISSING))
    if missing:
        head.append('missing: [' + ', '.join(map(json.dumps, missing)) + ']')
    known = {name: [value for value in values if value and value not in missing] for name, values in columns.items()}
    label, rule = _label(known)
    rows = len(next(iter(columns.values())))
    lines = [f'# A draft from the first {rows:,} rows of {path.name}: check the label and every field.',
             f'files: [{_quoted(path.name)}]', f'form: {form}', *head, f'label: {rule}',
             'split:', '  random: {valid: 0.1, test: 0.1, seed: 0}', 'fields:']
    lines += [_field(name, values, rows, ids=form == 'libsvm') for name, values in known.items() if name != label]
    return '\n'.join(lines) + '\n'


def _texts(values: pl.Series) -> list[str]:
    if isinstance(values.dtype, pl.List):
        values = values.cast(pl.List(pl.String)).list.join('|')
    return values.cast(pl.String).fill_null('').to_list()


def _text(path: pathlib.Path) -> tuple[str, str, bool, dict[str, list[str]]]:
    with opened(path) as (content, _):
        file = io.TextIOWrapper(content, encoding='utf-8-sig', errors='replace', newline='')
        first = file.readline()
        if not first.strip():
            raise UsageError(f'{path} is empty')
        separator = max('\t,;|', key=first.count)
        file.seek(0)
        rows = list(itertools.islice(csv.reader(file, delimiter=separator, skipinitialspace=True), ROWS + 1))
    width = len(rows[0])
    body = [row for row in rows[1:] if len(row) == width]
    # Names are no numbers, and none is empty or repeats.
    header = len(set(rows[0])) == width and all(cell.strip() and not _number(cell) for cell in rows[0])
    if header and body and all(cell in {row[place] for row in body} for place, cell in enumerate(rows[0])):
        header = False
    names = [cell.strip() for cell in rows[0]] if header else [f'column_{number}' for number in range(1, width + 1)]
    body = body if header else [rows[0], *body]
    if not body:
        raise UsageError(f'{path} has no rows')
    form = {',': 'csv', '\t': 'tsv'}.get(separator, 'csv')
    return form, separator, header, dict(zip(names, map(list, zip(*body, strict=True)), strict=True))


def _libsvm(path: pathlib.Path) -> dict[str, list[str]]:
    with opened(path) as (content, _):
        rows = [line.split() for line in itertools.islice(io.TextIOWrapper(content, errors='replace'), ROWS)]
    if not rows:
        raise UsageError(f'{path} is empty')
    columns = {'label': [row[0] for row in rows]}
    if len({len(row) for row in rows}) == 1:
        return columns | {str(place): [row[place].split(':')[0] for row in rows] for place in range(1, len(rows[0]))}
    indices = [int(pair.split(':')[0]) for row in rows for pair in row[1:]]
    return columns | {f'{min(indices)}-{max(indices)}': ['|'.join(pair.split(':')[0] for pair in row[1:]) for row in rows]}


def _label(known: dict[str, list[str]]) -> tuple[str, str]:
    """The label's column and rule: one named as labels are, else the first with two values, else the last column."""
    names = [name for name in known if name.lower() in _LABELS] + [name for name in known if len(set(known[name])) == 2]
    name = (names or list(known)[-1:])[0]
    values = sorted(set(known[name]))
    if set(values) <= {'0', '1', '0.0', '1.0'}:
        return name, f'{{column: {_quoted(name)}}}'
    if set(values) == {'-1', '1'}:
        return name, f'{{column: {_quoted(name)}, above: 0}}'
    if len(values) > 2 and all(map(_number, values)):
        middle = sorted(map(float, values))[len(values) // 2]
        return name, f'{{column: {_quoted(name)}, above: {middle:g}}}  # {len(values)} values'
    return name, f'{{column: {_quoted(name)}, positive: [{json.dumps(values[-1])}]}}  # of {", ".join(values[:5])}'


def _field(name: str, values: list[str], rows: int, *, ids: bool) -> str:
    """The line of a field; `ids` says that numbers are ids."""
    distinct = set(values)
    seen = f'  # {len(distinct):,} distinct values, {1 - len(values) / max(rows, 1):.0%} missing; ' + ', '.join(
        repr(value[:20]) for value in values[:2])
    key = f'- {{name: {_quoted(name)}, kind: '
    whole = all(value.lstrip('-').isdigit() for value in distinct)
    if len(distinct) == rows > 20 and (whole or not all(map(_number, values))):
        return f'# {key}categorical}}{seen}: every row has a value of its own, so there is nothing to learn'
    if values and not ids and all(map(_number, values)) and (len(distinct) > 20 or not whole):
        return f'{key}numeric, transform: standard}}{seen}'
    for separator in '|;,':
        if sum(separator in value for value in values) > len(values) / 10:
            return f'{key}multivalued, separator: "{separator}"}}{seen}'
    count = 'min_count: 5' if len(distinct) > 1000 else 'min_count: 1'
    return f'{key}categorical, {count}}}{seen}'


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _quoted(name: str) -> str:
    return name if name.replace('_', 'a').isalnum() and not name[0].isdigit() else json.dumps(name)
