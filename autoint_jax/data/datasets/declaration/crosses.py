"""Reads and writes crossed fields: the key `crosses` of a declaration, or a file of its own with that key, such as

crosses:
- {fields: [Gender, Genre], min_count: 5}
- {fields: [user, item], buckets: 100000, name: user_item}
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.data.datasets.declaration.fields import MOST_DIMENSIONS, field_name
from autoint_jax.data.datasets.declaration.text import read_tree
from autoint_jax.data.datasets.declaration.values import INT32_MAX, Declared
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.errors import UsageError, nearest

KEY = 'crosses'
_KEYS = ('fields', 'name', 'min_count', 'cap', 'buckets', 'embedding_dim')
_SIZES = (2, 3)  # numbers of fields that can be crossed


class Crosses(NamedTuple):
    """Crossed fields that are added to a recipe of a published data set.

    Attributes:
      name: of the file, which is added to the name of the recipe.
      plans: of the crossed fields.
    """

    name: str = ''
    plans: tuple[CrossPlan, ...] = ()

    def recipe(self, name: str) -> str:
        """Returns the name of a recipe with these crosses."""
        return f'{name}_{self.name}' if self.plans else name


NO_CROSSES = Crosses()


def load_crosses(path: pathlib.Path) -> Crosses:
    """Reads a file of crosses. Raises UsageError that names the file, the line, the key and the value."""
    if not path.is_file():
        raise UsageError(f'{path} does not exist: explain.py --export_crosses=K writes such a file')
    content = Declared(path, read_tree(path)).mapping((KEY,))
    if KEY not in content:
        raise UsageError(f'{path} has no {KEY!r}: list the crosses, as in {KEY}: [{{fields: [a, b]}}]')
    return Crosses(path.stem, read_crosses(content[KEY], None))


def read_crosses(declared: Declared, names: Sequence[str] | None) -> tuple[CrossPlan, ...]:
    """Reads a list of crosses.

    Args:
      declared: the list.
      names: names of the fields of the table; None if they are not known yet.

    Raises:
      UsageError: a value is wrong; it names the cross, its key and the value.
    """
    crosses: dict[str, CrossPlan] = {}
    for number, item in enumerate(declared.items('a list of crosses, each as in {fields: [a, b]}'), start=1):
        cross = _cross(item.named(f'cross {number}'), names)
        if cross.name in crosses or cross.name in (names or ()):
            raise item.error(f'has the name {cross.name!r} of another field: give it another name, as in name: a_b')
        crosses[cross.name] = cross
    return tuple(crosses.values())


def _cross(declared: Declared, names: Sequence[str] | None) -> CrossPlan:
    """Reads one cross."""
    content = declared.mapping(_KEYS)
    if 'fields' not in content:
        raise declared.error('has no fields: name two or three, as in fields: [a, b]')
    fields = content['fields'].texts('a list of two or three names of fields')
    if len(fields) not in _SIZES:
        raise content['fields'].error(f'names {len(fields)} field{"s" * (len(fields) != 1)}: name two or three')
    for name in fields:
        if names is not None and name not in names:
            raise content['fields'].error(f'names {name!r}{nearest(name, list(names))}, which is not a field')
    made: dict[str, Any] = {'fields': fields, 'name': ' x '.join(fields)}
    if 'name' in content:
        made['name'] = field_name(content['name'])
    for key, low, high in (
        ('min_count', 1, INT32_MAX),
        ('cap', 1, INT32_MAX - 2),
        ('buckets', 2, INT32_MAX - 1),
        ('embedding_dim', 1, MOST_DIMENSIONS),
    ):
        if key in content:
            made[key] = content[key].whole(low, high)
    for key in ('min_count', 'cap'):
        if key in content and 'buckets' in content:
            raise content[key].error('stands beside buckets, and a hashed cross counts no values: take one out')
    return CrossPlan(**made)


def crosses_text(crosses: Sequence[CrossPlan], comments: Sequence[str], remarks: Sequence[str]) -> str:
    """Returns a file of crosses, as `load_crosses` reads it.

    Args:
      crosses: plans, with the names that they have by default.
      comments: lines that stand first.
      remarks: one for each cross, at the end of its line.
    """
    lines = [*(f'# {comment}' for comment in comments), f'{KEY}:']
    for cross, remark in zip(crosses, remarks, strict=True):
        named = ', '.join(json.dumps(name) for name in cross.fields)
        size = f'buckets: {cross.buckets}' if cross.buckets else f'min_count: {cross.min_count}'
        lines.append(f'- {{fields: [{named}], {size}}}  # {remark}')
    return '\n'.join(lines) + '\n'
