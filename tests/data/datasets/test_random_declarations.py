"""Declarations that are changed at random are taken, or they are refused with one sentence."""

import json
import random
import re

import yaml
from declaration_cases import GOOD, read

from autoint_jax.data.datasets.declaration.table import TableSchema
from autoint_jax.errors import UsageError

VALUES = [
    'yes',
    'null',
    '~',
    '01',
    '1e5',
    '-1',
    '0',
    '1e999',
    '.nan',
    '"3"',
    '""',
    '"\\0"',
    '"\\ud800"',
    '[]',
    '{}',
    '[a, b]',
    '[[a]]',
    '{a: b}',
    '2020-01-01',
    '12:30',
    'abc',
    '9' * 400,
    '"\\t"',
    '"::"',
    '[null]',
    '0.5',
    '1',
    'true',
    '*x',
    '!!int 3',
    '',
    '"a b"',
    "'\\t'",
    '[1, 1]',
    '{name: a}',
    '{column: y}',
    'none',
    'train',
    '[a, "", ~]',
    '日本',
    '"\\u202e"',
    '[{}]',
    'csv',
    'hash',
    'numeric',
    '2147483648',
    '-0.0',
    '1_0',
    '% d',
]


def paths(node, path=()):
    """Yields the places of all values in a tree of dictionaries and lists."""
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(value, (*path, key))


def written(node):
    """Returns a tree as flow YAML. A tuple is a text that is taken as it is."""
    if isinstance(node, tuple):
        return node[0]
    if isinstance(node, dict):
        return (
            '{'
            + ', '.join(f'{key if isinstance(key, str) else key[0]}: {written(value)}' for key, value in node.items())
            + '}'
        )
    if isinstance(node, list):
        return '[' + ', '.join(map(written, node)) + ']'
    return json.dumps(node) if not re.fullmatch(r'-?[\d.]+|true|false', node) else node


def test_anything_else_than_a_valid_declaration_is_a_usage_error(tmp_path):
    base = yaml.load(GOOD, yaml.BaseLoader)
    columns = {'column': {'name': 's', 'train': ['a'], 'valid': ['b'], 'test': ['c']}}
    files = {'files': {'train': ['a.csv'], 'valid': {'share': '0.1', 'seed': '0'}, 'test': ['c.csv']}}
    rng = random.Random(7)
    taken = 0
    for _ in range(400):
        tree = json.loads(
            json.dumps({**base, 'split': rng.choice([base['split'], columns, files, {'random': {'seed': '1'}}])})
        )
        if 'files' in tree['split']:
            del tree['files']
        for _ in range(rng.choice([1, 1, 2])):
            path = rng.choice(list(paths(tree))[1:])
            parent = tree
            for key in path[:-1]:
                parent = parent[key]
            change = rng.random()
            if isinstance(parent, tuple):
                continue
            if change < 0.75:
                parent[path[-1]] = (rng.choice(VALUES),)
            elif change < 0.85:
                del parent[path[-1]]
            elif isinstance(parent, dict):
                parent[
                    rng.choice(['cap', 'kind', 'above', 'quote', 'column', 'files', ('[a]',), ('null',), ('"\\n"',)])
                ] = ('3',)
            if not tree or any(isinstance(tree.get(key), tuple) for key in tree):
                break
        try:
            schema = read(tmp_path, written(tree))
        except UsageError as error:
            assert str(tmp_path / 'mine.yaml') in str(error) and '\n' not in str(error) and len(str(error)) < 900
            json.dumps(str(error), ensure_ascii=False).encode()  # it can be printed
        else:
            taken += isinstance(schema, TableSchema)
    assert 60 < taken < 900
