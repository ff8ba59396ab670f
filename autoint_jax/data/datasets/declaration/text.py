"""Reads a YAML or JSON file into a tree in which every scalar is as it was written.

YAML would read `no` as a boolean, `1e5` as text, `2020-01-01` as a date and `010` as 8. Here nothing is guessed. A
scalar is its text and whether it stood in quotes; its reader decides what it must be.
"""

import dataclasses
import json
import pathlib
from typing import Any

import yaml

from autoint_jax.errors import UsageError

LARGEST = 2 << 20  # most bytes of a declaration; a larger file is surely something else
_MOST_VALUES = 500_000  # after aliases are written out
_MERGE = '<<'


@dataclasses.dataclass(frozen=True)
class Scalar:
    """A scalar is a text, a number, a boolean or null.

    Attributes:
      text: the scalar as written, without quotes.
      quoted: whether it stood in quotes, or is a YAML block of text.
      line: its line in the file, from 1; None in JSON.
    """

    text: str
    quoted: bool
    line: int | None = None


@dataclasses.dataclass(frozen=True)
class Items:
    """A list of nodes. `line` is its line in the file, from 1; None in JSON."""

    values: tuple['Node', ...]
    line: int | None = None


@dataclasses.dataclass(frozen=True)
class Mapping:
    """A mapping from texts to nodes. `line` is its line in the file, from 1; None in JSON."""

    pairs: dict[str, 'Node']
    line: int | None = None


Node = Scalar | Items | Mapping


def read_tree(path: pathlib.Path) -> Node:
    """Reads a file: as JSON if its name ends in .json, else as YAML.

    Raises UsageError if the file cannot be read or parsed, if it holds a key twice, or if it has tags or keys that are
    not texts.
    """
    text = _text(path)
    if not text.strip():
        raise UsageError(f'{path} is empty: it must declare a table, with the keys files, label and fields')
    if path.suffix.lower() == '.json':
        return _Json(path).read(text)
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise UsageError(_yaml_sentence(path, text, error)) from None
    except RecursionError:
        raise UsageError(f'{path} is nested too deeply for a declaration') from None
    except (ValueError, OverflowError):
        raise UsageError(
            f'{path} is neither YAML nor JSON: it has an escape of a character that does not exist, such as \\UFFFFFFFF'
        ) from None
    if node is None:
        raise UsageError(f'{path} holds only comments: it must declare a table, with the keys files, label and fields')
    try:
        return _Yaml(path).tree(node)
    except RecursionError:
        raise UsageError(f'{path} is nested too deeply for a declaration') from None


def written(node: Node) -> Any:
    """Returns a tree as lists, dictionaries and texts; every scalar becomes its text."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [written(value) for value in node.values]
    return {key: written(value) for key, value in node.pairs.items()}


def _text(path: pathlib.Path) -> str:
    """Reads a file as text, UTF-8 or UTF-16 with a byte-order mark. Raises UsageError if that is impossible."""
    try:
        with open(path, 'rb') as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f'{path} cannot be read: {getattr(error, "strerror", None) or error}') from None
    if len(content) > LARGEST:
        raise UsageError(
            f'{path} has more than {LARGEST:,} bytes, so it is not a declaration of a table: is it the table itself?'
        )
    encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'utf-8-sig'
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b'\n') + 1
        raise UsageError(
            f'{path} line {line} is not {encoding.removesuffix("-sig").upper()}, byte {content[error.start]:#04x} is '
            'wrong there: save the file as UTF-8'
        ) from None


def _yaml_sentence(path: pathlib.Path, text: str, error: yaml.YAMLError) -> str:
    """Returns the sentence about an error of the YAML parser."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count('\n', 0, error.position) + 1
        return (
            f'{path} line {line} is neither YAML nor JSON: it holds the character {text[error.position]!r}, which must '
            'be escaped'
        )
    mark = getattr(error, 'problem_mark', None)
    where = f' line {mark.line + 1}' if mark is not None else ''
    problem = ', '.join(filter(None, (getattr(error, 'context', None), getattr(error, 'problem', None)))) or str(error)
    hint = '; YAML indents by blanks, not by tabs' if "'\\t'" in problem else ''
    return f'{path}{where} is neither YAML nor JSON: {" ".join(problem.split())}{hint}'


def _twice(path: pathlib.Path, key: str, lines: tuple[int | None, int | None]) -> UsageError:
    """Returns the error about a key that occurs twice, with its lines if they are known."""
    where = '' if lines[1] is None else f', in line {lines[0]}' + f' and line {lines[1]}' * (lines[0] != lines[1])
    return UsageError(f'{path} has the key {key[:60]!r} twice{where}: keep one')


class _Yaml:
    """A converter of PyYAML's nodes into a tree. It writes aliases out, within limits; `<<` merges a mapping."""

    def __init__(self, path: pathlib.Path):
        self._path, self._values = path, 0
        self._open: set[int] = set()

    def tree(self, node: yaml.Node) -> Node:
        """Converts a node and all below it. Raises UsageError at tags, loops and too many values."""
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > _MOST_VALUES:
            raise UsageError(f'{self._path} holds more than {_MOST_VALUES:,} values once its aliases are written out')
        if id(node) in self._open:
            raise UsageError(f'{self._path} line {line}: an alias refers to a value that contains the alias')
        kind = {yaml.ScalarNode: 'str', yaml.SequenceNode: 'seq', yaml.MappingNode: 'map'}[type(node)]
        if node.tag not in ('!', f'tag:yaml.org,2002:{kind}'):
            tag = node.tag.replace('tag:yaml.org,2002:', '!!')
            raise UsageError(f'{self._path} line {line} has the tag {tag[:60]!r}: write the value without a tag')
        if isinstance(node, yaml.ScalarNode):
            return Scalar(node.value, node.style is not None, line)
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            made: Node = Items(tuple(self.tree(value) for value in node.value), line)
        else:
            made = self._mapping(node, line)
        self._open.remove(id(node))
        return made

    def _mapping(self, node: yaml.MappingNode, line: int) -> Mapping:
        """Converts a mapping and merges those under `<<`; its own keys have precedence."""
        pairs: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(f'{self._path} line {at} has a list or a mapping as a key: a key must be a text')
            key = key_node.value
            if key in lines:
                raise _twice(self._path, key, (lines[key], at))
            lines[key] = at
            value = self.tree(value_node)
            if key != _MERGE or key_node.style is not None:
                pairs[key] = value
                continue
            for other in value.values if isinstance(value, Items) else (value,):
                if not isinstance(other, Mapping):
                    raise UsageError(f'{self._path} line {at}: `<<` takes an alias of a mapping, as in <<: *name')
                merged = {**other.pairs, **merged}
        return Mapping({**merged, **pairs}, line)


class _Json:
    """A parser of JSON into a tree. Numbers, true, false and null are scalars without quotes, as in YAML."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def read(self, text: str) -> Node:
        """Parses a text. Raises UsageError if it is not JSON or holds a key twice."""
        plain = lambda written: Scalar(written, False)  # noqa: E731
        try:
            return self._tree(
                json.loads(
                    text, object_pairs_hook=self._object, parse_int=plain, parse_float=plain, parse_constant=plain
                )
            )
        except json.JSONDecodeError as error:
            raise UsageError(
                f'{self._path} line {error.lineno} is not JSON: {error.msg} at column {error.colno}'
            ) from None
        except RecursionError:
            raise UsageError(f'{self._path} is nested too deeply for a declaration') from None

    def _object(self, pairs: list[tuple[str, Any]]) -> Mapping:
        """Makes a mapping of the keys and values of an object. Raises UsageError if a key occurs twice."""
        made: dict[str, Node] = {}
        for key, value in pairs:
            if key in made:
                raise _twice(self._path, key, (None, None))
            made[key] = self._tree(value)
        return Mapping(made)

    def _tree(self, value: Any) -> Node:
        """Converts a value of the JSON parser."""
        if isinstance(value, list):
            return Items(tuple(map(self._tree, value)))
        if isinstance(value, str):
            return Scalar(value, True)
        if value is None or isinstance(value, bool):
            return Scalar(json.dumps(value), False)
        return value
