"""Values of a declaration, read by the type that is meant. Every mistake is one sentence with file, line, key and value."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from autoint_jax.data.datasets.declaration.text import Items, Mapping, Node, Scalar
from autoint_jax.errors import UsageError, nearest

INT32_MAX = 2**31 - 1
_TRUE, _FALSE, _NULL = ('true', 'yes', 'on'), ('false', 'no', 'off'), ('null', '~')
_NUMBER = re.compile(r'[+-]?([0-9][0-9_]*)?(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?')


@dataclasses.dataclass(frozen=True)
class Declared:
    """A value of a declaration and where it stands.

    Attributes:
      path: of the file.
      node: the value.
      where: what it is a part of, as in "field 'age'"; empty at the top.
      key: its key there; empty for the whole.
    """

    path: pathlib.Path
    node: Node
    where: str = ''
    key: str = ''

    def error(self, problem: str) -> UsageError:
        """An error about this value: '<file> line 3: in field 'age', key 'cap' <problem>'."""
        line = f' line {self.node.line}' if self.node.line is not None and (self.where or self.key) else ''
        parts = [self.where] if self.where and not self.key else [f'in {self.where}'] if self.where else []
        parts += [f'key {self.key!r}'] if self.key else []
        return UsageError(f'{self.path}{line}: {", ".join(parts) or "the file"} {problem}')

    def wrong(self, takes: str, suggestion: str = '') -> NoReturn:
        """Raises the error that this value is not what its key takes."""
        raise self.error(f'is {self.shown()}{suggestion}: it takes {takes}')

    def shown(self) -> str:
        if isinstance(self.node, Items):
            return 'a list'
        if isinstance(self.node, Mapping):
            return 'a mapping'
        if not self.node.text and not self.node.quoted:
            return 'empty'
        text = self.node.text if len(self.node.text) <= 60 else self.node.text[:57] + '...'
        return f'{"the text " * self.node.quoted}{text!r}'

    def mapping(self, keys: Sequence[str]) -> dict[str, 'Declared']:
        """Its values by key. Raises UsageError on a key that is none of `keys`."""
        if not isinstance(self.node, Mapping):
            self.wrong(f'a mapping with keys among {", ".join(keys)}')
        place = f' in {self.place}' if self.place else ''
        for key in self.node.pairs:
            if key not in keys:
                line = self.node.pairs[key].line
                raise UsageError(
                    f'{self.path}{f" line {line}" if line else ""}: unknown key {key[:60]!r}{place}'
                    f'{nearest(key, list(keys))}; known: {", ".join(keys)}'
                )
        return {key: self.value(key) for key in self.node.pairs}

    def has(self, key: str) -> bool:
        return isinstance(self.node, Mapping) and key in self.node.pairs

    def value(self, key: str) -> 'Declared':
        """The value of a key that a mapping has."""
        return Declared(self.path, self.node.pairs[key], self.place, key)

    @property
    def place(self) -> str:
        """How what is inside this value names it."""
        return ' '.join(filter(None, (self.where, self.key)))

    def items(self, what: str) -> list['Declared']:
        """The values of a list that is not empty."""
        if not isinstance(self.node, Items):
            self.wrong(what)
        if not self.node.values:
            raise self.error(f'is an empty list: it takes {what}')
        return [dataclasses.replace(self, node=node) for node in self.node.values]

    def named(self, where: str) -> 'Declared':
        """The same value under another name."""
        return Declared(self.path, self.node, where)

    def is_null(self) -> bool:
        return isinstance(self.node, Scalar) and not self.node.quoted and self.node.text.lower() in _NULL

    def text(self, takes: str = 'a text', *, empty: bool = False, control: bool = False) -> str:
        """A text, as written; quotes or not make no difference.

        Args:
          takes: what is meant, for the error.
          empty: the empty text, in quotes, is allowed.
          control: control characters are allowed.
        """
        if not isinstance(self.node, Scalar) or (not self.node.text and not (empty and self.node.quoted)):
            self.wrong(takes)
        text = self.node.text
        if (
            any(0xD800 <= ord(letter) < 0xE000 for letter in text)
            or '\0' in text
            or (not control and has_control(text))
        ):
            self.wrong(f'{takes}, without control characters')
        return text

    def texts(
        self, takes: str = 'a list of texts', *, none: bool = False, empty: bool = False, control: bool = False
    ) -> tuple[str, ...]:
        """A list of different texts, or one text. `none` allows an empty list, `empty` the empty text."""
        if isinstance(self.node, Scalar):
            return (self.text(takes, empty=empty, control=control),)
        if none and isinstance(self.node, Items) and not self.node.values:
            return ()
        found: dict[str, None] = {}
        for item in self.items(takes):
            text = item.text(takes, empty=empty, control=control)
            if text in found:
                raise item.error(f'lists {text[:60]!r} twice: leave one')
            found[text] = None
        return tuple(found)

    def choice(self, options: Collection[str]) -> str:
        """One of some words."""
        word = self.node.text if isinstance(self.node, Scalar) else ''
        if word not in options:
            words = [option if option.isidentifier() else repr(option) for option in options]
            self.wrong('one of ' + ', '.join(words), nearest(word, list(options)))
        return word

    def boolean(self) -> bool:
        word = self.node.text.lower() if isinstance(self.node, Scalar) and not self.node.quoted else ''
        if word not in (*_TRUE, *_FALSE):
            self.wrong('true or false, without quotes')
        return word in _TRUE

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`; 100000, 100_000 and 1e5 are the same."""
        takes = f'a whole number from {low:,} to {high:,}'
        number = self._number(takes)
        if not low <= number <= high or number != int(number):
            self.wrong(takes)
        return int(number)

    def number(self, takes: str, allowed: Callable[[float], bool] = lambda _: True) -> int | float:
        """A finite number for which `allowed` holds; an int where it is written without a point and an exponent."""
        number = self._number(takes)
        if not allowed(number):
            self.wrong(takes)
        return number

    def _number(self, takes: str) -> int | float:
        if not isinstance(self.node, Scalar) or not _is_number(self.node.text):
            self.wrong(takes)
        if self.node.quoted:
            self.wrong(f'{takes}, without quotes')
        text = self.node.text.replace('_', '')
        if re.fullmatch(r'[+-]?[0-9]{1,30}', text):
            return int(text)
        number = float(text)
        if not math.isfinite(number):
            self.wrong(takes)
        return number


def has_control(text: str) -> bool:
    """Whether a text holds control characters, line ends among them."""
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in '\u2028\u2029' for letter in text)


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and any(letter.isdigit() for letter in text.lower().split('e')[0])
