"""Reads the declaration of a user's own table, a YAML or JSON file such as

    files: [clicks-*.csv]            # beside this file, or in --raw_dir; text may be packed, as .csv.gz
    form: csv                        # csv, tsv, parquet or libsvm; by default the files' names say it
    header: true                     # or false with `columns: [a, b, ...]`; with true, `columns` replace its names
    separator: ","                   # of any length
    quote: '"'                       # or "'" or none; by default '"' in CSV, none in TSV
    encoding: utf-8
    decimal: "."                     # or ","
    thousands: ""                    # or the mark between thousands
    missing: ["?", "NA"]             # beside the empty value
    infinite: bad                    # an infinite number makes its row bad; with `missing`, it counts as missing
    label: {column: clicked}         # 0 or 1; or {column: stars, above: 3};
                                     # or {column: income, positive: [">50K"], negative: ["<=50K"]}
                                     # or {column: share, soft: true}, numbers from 0 to 1
    weight: times                    # the column that says how much each row counts in training, if any
    split:                           # one of
      random: {valid: 0.1, test: 0.1, seed: 0}                 # of each class (the default)
      column: {name: part, train: [a], valid: [b], test: [c]}
      time: {column: hour, valid: 0.1, test: 0.1}              # the latest rows are test, those before them valid
      files: {train: [a.csv], valid: [b.csv], test: [c.csv]}   # in place of `files` above;
                                                               # or valid: {share: 0.1, seed: 0}
    fields:
    - {name: age, kind: numeric, transform: standard}          # none, log_square, standard, min_max
    - {name: city, kind: categorical, min_count: 5, cap: 10000}
    - {name: tags, kind: multivalued, separator: ",", max_values: 8}
    - {name: height, kind: categorical, transform: quantiles, buckets: 20}
    - {name: user, kind: categorical, transform: hash, buckets: 100000}
    crosses:                                                   # each pair of values is a value
    - {fields: [age, city], min_count: 5}
    - {fields: [user, city], buckets: 100000}

A field also takes `column` (by default its name), `missing` (unknown, value, nothing), `missing_values`,
`embedding_dim`, and `shares: FIELD` to use that field's vocabulary. A key that a field's kind and transform do not read
is an error. A split by time also takes `format`, as in "%d/%m/%Y", and `missing_time`: bad (the default), train, valid
or test. `as_field: true` in a split by column or time says that a field is made of the same column on purpose.

Texts are taken as written, with or without quotes: if a text is expected, `no`, `01`, `null`, `1e5` and `2020-01-01`
are texts. Numbers stand without quotes. No key may be given twice.
"""

import dataclasses
import pathlib

from autoint_jax.data.datasets.declaration.crosses import KEY as CROSSES
from autoint_jax.data.datasets.declaration.crosses import read_crosses
from autoint_jax.data.datasets.declaration.fields import read_fields, read_label
from autoint_jax.data.datasets.declaration.form import QUOTES, TEXT_KEYS, read_form, read_layout
from autoint_jax.data.datasets.declaration.leaks import check_leaks
from autoint_jax.data.datasets.declaration.split_plan import SplitPlan
from autoint_jax.data.datasets.declaration.splits import read_split
from autoint_jax.data.datasets.declaration.text import read_tree
from autoint_jax.data.datasets.declaration.values import Declared
from autoint_jax.data.encoding.plan import FieldPlan, TablePlan
from autoint_jax.data.raw.libsvm_files import INDEX_SEPARATOR, LABEL
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError
from autoint_jax.schema import MULTIVALUED, NUMERIC

_KEYS = ('files', 'form', *TEXT_KEYS, 'missing', 'infinite', 'label', 'weight', 'split', 'fields', CROSSES)


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """A table schema is a declaration that has been read and checked.

    Attributes:
      path: the file of the declaration.
      files: names or patterns of the table's files; empty if the split lists them.
      form: csv, tsv, parquet or libsvm.
      columns: declared names of all columns; empty if the header names them.
      layout: the layout of the files, without its columns, which only the files tell.
      split: how rows are divided into training, validation and test.
      plan: the fields and the label.
      remarks: sentences about things that are allowed but may be mistakes.
    """

    path: pathlib.Path
    files: tuple[str, ...]
    form: str
    columns: tuple[str, ...]
    layout: Layout
    split: SplitPlan
    plan: TablePlan
    remarks: tuple[str, ...] = ()

    @property
    def split_column(self) -> str | None:
        """The raw column that says the split, if any."""
        return self.split.column

    def types(self) -> dict[str, str]:
        """Returns the type of each raw column that is read, real or text.

        Raises UsageError if a column is used as both.
        """
        wanted: list[tuple[str, str]] = [
            (
                field.column,
                'real' if field.kind == NUMERIC or field.transform in ('quantiles', 'log_square_bucket') else 'text',
            )
            for field in self.plan.fields
        ]
        wanted.append((self.plan.label.column, 'text' if self.plan.label.positive else 'real'))
        if self.plan.label.weight is not None:
            wanted.append((self.plan.label.weight, 'real'))
        if self.split.kind == 'column':
            wanted.append((self.split.parameters['name'], 'text'))
        types: dict[str, str] = {}
        for column, kind in wanted:
            if types.setdefault(column, kind) != kind:
                raise UsageError(
                    f'{self.path}: column {column!r} is used as numbers and as text: give the categorical field '
                    'transform quantiles, or drop one'
                )
        return types


def load(path: pathlib.Path) -> TableSchema:
    """Reads and checks a declaration. Raises UsageError that names the file, the line, the key and the value."""
    whole = Declared(path, read_tree(path))
    content = whole.mapping(_KEYS)
    split = read_split(content.get('split'))
    for key in ('files', 'label', 'fields'):
        if key not in content and not (key == 'files' and split.files):
            raise UsageError(f'{path} has no {key!r}')
    if 'files' in content and split.files:
        raise content['files'].error('stands beside split files, which lists the files already: take it out')
    files = content['files'].texts('names or patterns of files') if 'files' in content else ()
    patterns = [pattern for part in (files, *split.files.values()) for pattern in part]
    form = read_form(content, patterns, path)
    layout, columns = read_layout(content, form, whole)
    fields = read_fields(content['fields'])
    crosses = read_crosses(content[CROSSES], [field.name for field in fields]) if CROSSES in content else ()
    plan = TablePlan(fields, read_label(content['label'], content.get('weight')), crosses=crosses)
    _check_label(content['label'], plan, layout, form)
    if split.kind == 'column':
        for value in filter(None, layout.missing):
            if any(value in split.parameters[name] for name in ('train', 'valid', 'test')):
                raise content['split'].error(f'lists {value!r}, which is a missing value: take it out of one of them')
    of_column: dict[str, list[str]] = {}
    for field in plan.fields:
        of_column.setdefault(field.column, []).append(field.name)
    _check_separators(content['fields'], plan, layout, form)
    remark = check_leaks(split, path, of_column, plan.label.column)
    made = TableSchema(path, files, form, columns, layout, split, plan, (remark,) if remark else ())
    made.types()
    return made


def _check_separators(declared: Declared, plan: TablePlan, layout: Layout, form: str) -> None:
    """Raises UsageError if the separator of a multivalued field cannot stand between its values."""
    of_column: dict[str, FieldPlan] = {}
    for field in plan.fields:
        if field.kind != MULTIVALUED:
            continue
        has = f'has field {field.name!r} with the separator {field.separator!r}'
        if form in QUOTES and layout.quote is None and field.separator == layout.separator:
            raise declared.error(f'{has}, which separates the columns: without quotes, no value can hold it')
        if form == 'libsvm' and field.separator != INDEX_SEPARATOR:
            raise declared.error(f'{has}, but a libsvm file has its values as pairs: take the separator out')
        other = of_column.setdefault(field.column, field)
        if form == 'parquet' and other.separator != field.separator:
            raise declared.error(
                f'{has}, and {other.name!r} of the same column with {other.separator!r}: use one for both'
            )


def _check_label(declared: Declared, plan: TablePlan, layout: Layout, form: str) -> None:
    """Raises UsageError if the label does not fit the form, or if one of its values cannot occur."""
    label = plan.label
    if label.weight == label.column:
        raise declared.error(f"and key 'weight' both name column {label.column!r}: weights are another column")
    if form == 'libsvm' and label.column != LABEL:
        raise declared.error(f'names column {label.column!r}: the label of a libsvm file is the column {LABEL!r}')
    for value in (*label.positive, *label.negative):
        if value in layout.missing:
            raise declared.error(f'lists {value!r}, which is also a missing value: take it out of one of them')
        if value != value.strip():
            raise declared.error(
                f'lists {value!r}, but blanks round a value are no part of it: write {value.strip()!r}'
            )
