"""Reads the fields and the label of a declaration."""

import dataclasses
from typing import Any

from autoint_jax.data.datasets.declaration.text import Mapping
from autoint_jax.data.datasets.declaration.values import INT32_MAX, Declared
from autoint_jax.data.encoding.plan import ID_TRANSFORMS, MISSING, MOST_SLOTS, NUMERIC_TRANSFORMS, FieldPlan
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.errors import nearest
from autoint_jax.schema import CATEGORICAL, KINDS, MULTIVALUED, NUMERIC

MOST_QUANTILES = 100_000
MOST_DIMENSIONS = 65_536
FIELD_KEYS = tuple(field.name for field in dataclasses.fields(FieldPlan) if field.name != 'streaming')
_ALWAYS = ('name', 'kind', 'column', 'transform', 'missing_values')
_VOCABULARY = ('min_count', 'cap', 'shares')
_EMBEDDED = ('missing', 'embedding_dim')
_LISTS = ('separator', 'max_values')
# The keys that a field reads beside those of _ALWAYS, by its kind and transform.
_READ = {
    **{(NUMERIC, transform): () for transform in NUMERIC_TRANSFORMS},
    (CATEGORICAL, 'none'): (*_VOCABULARY, *_EMBEDDED),
    (CATEGORICAL, 'log_square_bucket'): (*_VOCABULARY, *_EMBEDDED),
    (CATEGORICAL, 'quantiles'): ('buckets', *_EMBEDDED),
    (CATEGORICAL, 'hash'): ('buckets', *_EMBEDDED),
    (MULTIVALUED, 'none'): (*_LISTS, *_VOCABULARY, *_EMBEDDED),
    (MULTIVALUED, 'hash'): (*_LISTS, 'buckets', *_EMBEDDED),
}


def read_fields(declared: Declared) -> tuple[FieldPlan, ...]:
    """Reads the list of fields. Raises UsageError that names the field, its key and the value."""
    items = declared.items('a list of fields, each as in {name: city, kind: categorical}')
    fields: list[FieldPlan] = []
    places: dict[str, Declared] = {}
    for number, item in enumerate(items, start=1):
        field, place = _field(item.named(f'field {number}'))
        if field.name in places:
            raise place.error(f'has the name of another field: two fields are named {field.name!r}')
        places[field.name] = place
        fields.append(field)
    by_name = {field.name: field for field in fields}
    for field in fields:
        if field.shares is not None:
            _check_sharing(field, field.shares, by_name, places[field.name])
    total = sum(field.buckets for field in fields if field.transform == 'hash')
    if total >= INT32_MAX:
        raise declared.error(
            f'has fields with {total:,} buckets of hashes together: ids are whole numbers of 32 bits, so they '
            f'must be fewer than {INT32_MAX:,}'
        )
    return tuple(fields)


def read_label(declared: Declared, weight: Declared | None) -> LabelPlan:
    """Reads the label: the name of its column, or a mapping. Raises UsageError that names the key and the value.

    Args:
      declared: the label.
      weight: the column of the weights of rows; None if there is none.
    """
    weights = None if weight is None else weight.text('the name of the column that says how much each row counts')
    if not isinstance(declared.node, Mapping):
        column = declared.text('the name of a column, or a mapping as in {column: clicked}')
        return LabelPlan(column, weight=weights)
    content = declared.mapping(('column', 'above', 'positive', 'negative', 'soft'))
    if 'column' not in content:
        raise declared.error("has no 'column': write label: {column: NAME}")
    column = content['column'].text('the name of a column')
    above = (
        content['above'].number('a finite number') if 'above' in content and not content['above'].is_null() else None
    )
    values = {
        name: content[name].texts('a list of values of the label') if name in content else ()
        for name in ('positive', 'negative')
    }
    if above is not None and any(values.values()):
        raise content['above'].error(
            'stands beside positive or negative: give a number above which the label is positive, or '
            'lists of values, not both'
        )
    if values['negative'] and not values['positive']:
        raise content['negative'].error("stands alone: list the values that are positive, too, under 'positive'")
    for value in values['positive']:
        if value in values['negative']:
            raise content['negative'].error(f'lists {value!r}, which is also listed under positive: keep it in one')
    soft = 'soft' in content and content['soft'].boolean()
    if soft and any(values.values()):
        raise content['soft'].error('stands beside positive or negative, which list texts: soft labels are numbers')
    if soft and above is not None and not 0 <= above < 1:
        content['above'].wrong('a number from 0 on and below 1, as labels are soft')
    return LabelPlan(column, above, **values, soft=soft, weight=weights)


def _field(declared: Declared) -> tuple[FieldPlan, Declared]:
    """Reads a field. Returns it and its value with the name of the field, for later errors."""
    if not declared.has('name'):
        declared.mapping(FIELD_KEYS)  # raises if a key is misspelt, which may be `name`
        raise declared.error('has no name')
    name = field_name(declared.value('name'))
    declared = declared.named(f'field {name!r}')
    content = declared.mapping(FIELD_KEYS)
    kind = content['kind'].choice(KINDS) if 'kind' in content else CATEGORICAL
    transform = _transform(content['transform'], kind) if 'transform' in content else 'none'
    read = (*_ALWAYS, *_READ[kind, transform])
    for key, value in content.items():
        if key not in read:
            of = f'a {kind} field' + f' with transform {transform}' * (transform != 'none')
            raise value.error(f'is not read by {of}: take it out (such a field reads {", ".join(read)})')
    made: dict[str, Any] = {
        'name': name,
        'kind': kind,
        'transform': transform,
        'column': name,
        'max_values': 0 if kind == MULTIVALUED else 1,
    }
    if 'column' in content:
        made['column'] = content['column'].text('the name of a column')
    if transform in ('quantiles', 'hash'):
        most = MOST_QUANTILES if transform == 'quantiles' else INT32_MAX - 1
        if 'buckets' not in content:
            raise declared.error(f'has transform {transform}, so it must say how many buckets, as in buckets: 100')
        made['buckets'] = content['buckets'].whole(2, most)
    for key, high in (('min_count', INT32_MAX), ('cap', INT32_MAX - 2), ('embedding_dim', MOST_DIMENSIONS)):
        if key in content and not (key != 'min_count' and content[key].is_null()):
            made[key] = content[key].whole(1, high)
    if 'max_values' in content:
        made['max_values'] = content['max_values'].whole(0, MOST_SLOTS)
    if 'separator' in content:
        made['separator'] = separator(content['separator'])
    if 'missing' in content:
        made['missing'] = _missing(content['missing'], kind, transform)
    if 'missing_values' in content:
        made['missing_values'] = _missing_values(content['missing_values'], kind, transform)
    if 'shares' in content and not content['shares'].is_null():
        made['shares'] = content['shares'].text('the name of a field')
        for key in ('min_count', 'cap'):
            if key in content:
                raise content[key].error(f'is not read beside shares: the field {made["shares"]!r} says it for both')
    return FieldPlan(**made), declared


def separator(declared: Declared) -> str:
    """Reads a separator of values. Raises UsageError if it is empty or has a line end."""
    text = declared.text('one or more characters, such as "," or "|"', control=True)
    if '\n' in text or '\r' in text:
        declared.wrong('characters other than line ends')
    if text.startswith('\\') and len(text) > 1:
        declared.wrong(f'the characters themselves: within double quotes YAML reads a backslash, as in "{text}"')
    return text


def field_name(declared: Declared) -> str:
    """Reads the name of a field. Raises UsageError if it has blanks at its ends, or slashes."""
    name = declared.text('a text, the name of the field')
    if name != name.strip():
        declared.wrong('a name without blanks at its ends')
    if '/' in name or '\\' in name:
        declared.wrong(
            'a name without slashes: choose another and give the column beside it, as in {name: a_b, column: "a/b"}'
        )
    return name


def _transform(declared: Declared, kind: str) -> str:
    """Reads a transform. Raises UsageError if the kind of the field does not have it."""
    known = [transform for own, transform in _READ if own == kind]
    text = declared.text(f'one of {", ".join(known)}')
    if text not in known:
        others = {NUMERIC: NUMERIC_TRANSFORMS, CATEGORICAL: ID_TRANSFORMS}
        other = next((own for own, transforms in others.items() if own != kind and text in transforms), None)
        hint = f' (for kind: {other})' if other else nearest(text, known)
        declared.wrong(f'one of {", ".join(known)}, as a {kind} field', hint)
    return text


def _missing(declared: Declared, kind: str, transform: str) -> str:
    """Reads what becomes of missing values. Raises UsageError if the kind and transform do not allow it."""
    allowed: tuple[str, ...]
    if kind == MULTIVALUED:
        allowed = ('nothing',)
    elif transform in ('quantiles', 'hash'):
        allowed = ('unknown', 'nothing')
    else:
        allowed = MISSING if transform == 'log_square_bucket' else tuple(word for word in MISSING if word != 'zero')
    return declared.choice(allowed)


def _missing_values(declared: Declared, kind: str, transform: str) -> tuple[str, ...]:
    """Reads values that mean missing; they must be numbers if the column is read as numbers."""
    values = declared.texts('a list of values that are missing', none=True, empty=True)
    if kind == NUMERIC or transform in ('quantiles', 'log_square_bucket'):
        for value in values:
            try:
                ok = float(value) == float(value)
            except ValueError:
                ok = False
            if not ok:
                raise declared.error(
                    f'lists {value[:60]!r}, but the column is read as numbers: list numbers here, and texts that '
                    'mean missing under missing, beside files'
                )
    return values


def _check_sharing(field: FieldPlan, shares: str, fields: dict[str, FieldPlan], place: Declared) -> None:
    """Raises UsageError if a field cannot share the vocabulary of the field named `shares`."""
    other = fields.get(shares)
    if other is None or not other.has_vocabulary or other.shares:
        near = nearest(shares, [name for name, own in fields.items() if own.has_vocabulary and not own.shares])
        raise place.error(f'shares {shares!r}, which is not a field with a vocabulary of its own{near}')
    if other.transform != field.transform:
        raise place.error(
            f'has transform {field.transform}, but shares the vocabulary of {other.name!r}, which has transform '
            f'{other.transform}: use one for both'
        )
    if field.kind == CATEGORICAL and field.missing != (other.missing if other.kind == CATEGORICAL else 'unknown'):
        raise place.error(
            f'has missing: {field.missing}, but shares the vocabulary of {other.name!r}, which has missing: '
            f'{other.missing}: use one for both'
        )
