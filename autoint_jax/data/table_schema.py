"""A user's own table, declared in a YAML or JSON file.

    files: [clicks-*.csv]            # beside this file, or in --raw_dir; text may be packed, .csv.gz
    form: csv                        # csv, tsv, parquet or libsvm; by default from the files' names
    header: true                     # or false with `columns: [a, b, ...]`
    separator: ","
    missing: ["?", "NA"]             # beside the empty value
    label: {column: clicked}         # 0 or 1; or {column: stars, above: 3}; or {column: income, positive: [">50K"]}
    split:                           # one of
      random: {valid: 0.1, test: 0.1, seed: 0}                 # of each class (the default)
      column: {name: part, train: [a], valid: [b], test: [c]}
      time: {column: hour, valid: 0.1, test: 0.1}              # the latest rows are test, those before them valid
    fields:
    - {name: age, kind: numeric, transform: standard}          # none, log_square, standard, min_max
    - {name: city, kind: categorical, min_count: 5, cap: 10000}
    - {name: tags, kind: multivalued, separator: ",", max_values: 8}
    - {name: height, kind: categorical, transform: quantiles, buckets: 20}
    - {name: user, kind: categorical, transform: hash, buckets: 100000}

A field also takes `column` (by default its name), `missing` (unknown, value, nothing), `missing_values`, `embedding_dim`,
and `shares: FIELD` to use that field's vocabulary.
"""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import yaml

from autoint_jax.data.field_plan import FieldPlan, LabelPlan, TablePlan
from autoint_jax.data.folds import column_split, random_split, time_split
from autoint_jax.data.preparation import Splitter
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import CATEGORICAL, KINDS, MULTIVALUED, NUMERIC

FORMS = {'.csv': 'csv', '.tsv': 'tsv', '.txt': 'tsv', '.parquet': 'parquet', '.libsvm': 'libsvm', '.libfm': 'libsvm',
         '.svm': 'libsvm'}
SEPARATORS = {'csv': ',', 'tsv': '\t', 'parquet': ',', 'libsvm': ' '}
_KEYS = ('files', 'form', 'header', 'columns', 'separator', 'missing', 'label', 'split', 'fields')
_FIELD_KEYS = tuple(field.name for field in dataclasses.fields(FieldPlan) if field.name != 'streaming')
_SPLIT_KEYS = {'random': ('valid', 'test', 'seed'), 'column': ('name', 'train', 'valid', 'test'),
               'time': ('column', 'valid', 'test')}


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """The declaration, checked.

    Attributes:
      path: of the file.
      files: names or patterns.
      form: csv, tsv, parquet or libsvm.
      header: files begin with column names.
      columns: names of all columns where there is no header.
      separator: between columns.
      missing: values that are missing.
      split: kind of the split and its parameters.
      plan: fields and label.
    """

    path: pathlib.Path
    files: tuple[str, ...]
    form: str
    header: bool
    columns: tuple[str, ...]
    separator: str
    missing: tuple[str, ...]
    split: tuple[str, dict[str, Any]]
    plan: TablePlan

    @property
    def split_column(self) -> str | None:
        kind, parameters = self.split
        return {'column': parameters.get('name'), 'time': parameters.get('column')}.get(kind)

    def splitter(self) -> Splitter:
        kind, parameters = self.split
        if kind == 'random':
            return lambda labels, _: random_split(labels, **parameters)
        if kind == 'time':
            shares = {name: parameters[name] for name in ('valid', 'test')}
            return lambda _, times: time_split(times.rank('dense').to_numpy(), **shares)
        of_split = {name: [str(value) for value in parameters[name]] for name in ('train', 'valid', 'test')}
        return lambda _, values: column_split(values.fill_null('').to_numpy().astype(np.str_), of_split)

    def types(self) -> dict[str, str]:
        """Types of the columns that are read. Raises UsageError where a column would have two."""
        wanted = [(field.column, 'real' if field.kind == NUMERIC or field.transform in ('quantiles', 'log_square_bucket')
                   else 'text') for field in self.plan.fields]
        wanted.append((self.plan.label.column, 'text' if self.plan.label.positive else 'real'))
        if self.split[0] == 'column':
            wanted.append((self.split_column, 'text'))
        types: dict[str, str] = {}
        for column, kind in wanted:
            if types.setdefault(column, kind) != kind:
                raise UsageError(f'{self.path}: column {column!r} is used as numbers and as text: give the categorical field '
                                 'transform quantiles, or drop one')
        return types


def load(path: pathlib.Path) -> TableSchema:
    """Reads and checks a declaration. Raises UsageError that names what is wrong."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f'{path} cannot be read: {error.strerror}') from None
    except yaml.YAMLError as error:
        raise UsageError(f'{path} is neither YAML nor JSON: {" ".join(str(error).split())}') from None
    if not isinstance(content, dict):
        raise UsageError(f'{path} must hold the keys {", ".join(_KEYS)}')
    _known(path, content, _KEYS, '')
    for key in ('files', 'label', 'fields'):
        if not content.get(key):
            raise UsageError(f'{path} has no {key!r}')
    files = _texts(content['files'])
    form = content.get('form', FORMS.get(pathlib.Path(files[0].removesuffix('.gz')).suffix))
    if form not in SEPARATORS:
        raise UsageError(f'{path}: form {form!r} is none of {", ".join(SEPARATORS)}{nearest(str(form), list(SEPARATORS))}')
    fields = tuple(_field(path, number, field) for number, field in enumerate(content['fields'], start=1))
    names = [field.name for field in fields]
    for field in fields:
        if names.count(field.name) > 1:
            raise UsageError(f'{path}: two fields are named {field.name!r}')
        if field.shares is not None and (field.shares not in names or fields[names.index(field.shares)].shares):
            raise UsageError(f'{path}: field {field.name!r} shares {field.shares!r}, which is no field with a vocabulary of its '
                             f'own{nearest(field.shares, names)}')
    header = content.get('header', form in ('csv', 'tsv') and 'columns' not in content)
    if form in ('csv', 'tsv') and not header and not content.get('columns'):
        raise UsageError(f'{path} says header: false, so it must list the columns')
    return TableSchema(path, files, form, header, _texts(content.get('columns', ())),
                       content.get('separator', SEPARATORS[form]), _texts(content.get('missing', ())),
                       _split(path, content.get('split', {'random': {}})), TablePlan(fields, _label(path, content['label'])))


def _known(path: pathlib.Path, content: Any, keys: Iterable[str], where: str) -> None:
    if not isinstance(content, dict):
        raise UsageError(f'{path}: {where or "it"} must be a mapping, with keys among {", ".join(keys)}')
    for key in content:
        if key not in keys:
            raise UsageError(f'{path}: unknown key {key!r}{where and " in " + where}{nearest(str(key), list(keys))}; known: '
                             f'{", ".join(keys)}')


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, (list, tuple)) else (str(values),)


def _field(path: pathlib.Path, number: int, content: Any) -> FieldPlan:
    where = f'field {content.get("name", number)!r}' if isinstance(content, dict) else f'field {number}'
    _known(path, content, _FIELD_KEYS, where)
    content = {'kind': CATEGORICAL, **content}
    if 'name' not in content:
        raise UsageError(f'{path}: field {number} has no name')
    content.setdefault('column', content['name'])
    content |= {'column': str(content['column']), 'missing_values': _texts(content.get('missing_values', ()))}
    if content['kind'] == MULTIVALUED:
        content = {'max_values': 0, **content}
    if content['kind'] not in KINDS:
        raise UsageError(f'{path}: {where} has kind {content["kind"]!r}{nearest(str(content["kind"]), list(KINDS))}; known: '
                         f'{", ".join(KINDS)}')
    if content.get('transform') in ('quantiles', 'hash') and not content.get('buckets', 0) > 1:
        raise UsageError(f'{path}: {where} must say how many buckets, 2 or more')
    try:
        return FieldPlan(**content)
    except ValueError as error:
        raise UsageError(f'{path}: {error}') from None


def _label(path: pathlib.Path, content: Any) -> LabelPlan:
    content = {'column': content} if isinstance(content, str) else content
    _known(path, content, ('column', 'above', 'positive'), 'label')
    if 'column' not in content:
        raise UsageError(f'{path}: label has no column')
    return LabelPlan(str(content['column']), content.get('above'), _texts(content.get('positive', ())))


def _split(path: pathlib.Path, content: Any) -> tuple[str, dict[str, Any]]:
    _known(path, content, _SPLIT_KEYS, 'split')
    if len(content) != 1:
        raise UsageError(f'{path}: split must be one of {", ".join(_SPLIT_KEYS)}')
    (kind, parameters), = content.items()
    _known(path, parameters, _SPLIT_KEYS[kind], f'split {kind}')
    defaults = {'valid': 0.1, 'test': 0.1} if kind != 'column' else {}
    parameters = ({'seed': 0} if kind == 'random' else {}) | defaults | parameters
    for key in _SPLIT_KEYS[kind]:
        if key not in parameters:
            raise UsageError(f'{path}: split {kind} has no {key!r}')
    if kind == 'column':
        return kind, {name: value if name == 'name' else _texts(value) for name, value in parameters.items()}
    if not all(0 < parameters[name] < 1 for name in ('valid', 'test')) or parameters['valid'] + parameters['test'] >= 1:
        raise UsageError(f'{path}: the shares valid and test of split {kind} must be above 0 and together below 1')
    return kind, parameters
