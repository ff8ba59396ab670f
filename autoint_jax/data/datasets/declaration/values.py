"""Reads values of a declaration by their expected types; each error names the file, the line, the key and the value."""

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
    """A value of a declaration, with its place.

    Attributes:
      path: the file of the declaration.
      node: the value.
      where: the part of the declaration that holds it, as in "field 'age'"; empty at the top.
      key: its key there; empty for the whole file.
    """

    path: pathlib.Path
    node: Node
    where: str = ''
    key: str = ''

    def error(self, problem: str) -> UsageError:
        """Returns an error about this value: '<file> line 3: in field 'age', key 'cap' <problem>'."""
        line = f' line {self.node.line}' if self.node.line is not None and (self.where or self.key) else ''
        parts = [self.where] if self.where and not self.key else [f'in {self.where}'] if self.where else []
        parts += [f'key {self.key!r}'] if self.key else []
        return UsageError(f'{self.path}{line}: {", ".join(parts) or "the file"} {problem}')

    def wrong(self, takes: str, suggestion: str = '') -> NoReturn:
        """Raises UsageError, which says the value and what its key takes, perhaps with a suggestion."""
        raise self.error(f'is {self.shown()}{suggestion}: it takes {takes}')

    def shown(self) -> str:
        """Returns the value in the words of an error."""
        if isinstance(self.node, Items):
            return 'a list'
        if isinstance(self.node, Mapping):
            return 'a mapping'
        if not self.node.text and not self.node.quoted:
            return 'empty'
        text = self.node.text if len(self.node.text) <= 60 else self.node.text[:57] + '...'
        return f'{"the text " * self.node.quoted}{text!r}'

    def mapping(self, keys: Sequence[str]) -> dict[str, 'Declared']:
        """Returns its values by key.

        Raises UsageError if it is not a mapping, or has a key that is not among `keys`.
        """
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
        """Returns whether it is a mapping with this key."""
        return isinstance(self.node, Mapping) and key in self.node.pairs

    def value(self, key: str) -> 'Declared':
        """Returns the value of a key that the mapping has. Raises UsageError if it is not a mapping."""
        if not isinstance(self.node, Mapping):
            self.wrong('a mapping')
        return Declared(self.path, self.node.pairs[key], self.place, key)

    @property
    def place(self) -> str:
        """The name of this value in errors about its parts."""
        return ' '.join(filter(None, (self.where, self.key)))

    def items(self, what: str) -> list['Declared']:
        """Returns the values of a list. Raises UsageError, which says `what` it takes, if it is no list or empty."""
        if not isinstance(self.node, Items):
            self.wrong(what)
        if not self.node.values:
            raise self.error(f'is an empty list: it takes {what}')
        return [dataclasses.replace(self, node=node) for node in self.node.values]

    def named(self, where: str) -> 'Declared':
        """Returns the same value with `where` as its name in errors."""
        return Declared(self.path, self.node, where)

    def is_null(self) -> bool:
        """Returns whether it is `null` or `~` without quotes."""
        return isinstance(self.node, Scalar) and not self.node.quoted and self.node.text.lower() in _NULL

    def text(self, takes: str = 'a text', *, empty: bool = False, control: bool = False) -> str:
        """Returns a text as written, with or without quotes.

        Args:
          takes: the expected value, for the error.
          empty: whether the empty text, in quotes, is allowed.
          control: whether control characters are allowed.

        Raises UsageError if it is not such a text.
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
        """Returns the texts of a list, or one text.

        Args:
          takes: the expected value, for the error.
          none: whether an empty list is allowed.
          empty: whether the empty text, in quotes, is allowed.
          control: whether control characters are allowed.

        Raises UsageError if a value is not such a text, or occurs twice.
        """
        if isinstance(self.node, Scalar):
            return (self.text(takes, empty=empty, control=control),)
        if none and isinstance(self.node, Items) and not self.node.values:
            return ()
        found: dict[str, None] = {}
        for item in self.items(takes):
            text = item.text(takes, empty=empty, control=control)
            if text in found:
                raise item.error(f'lists {text[:60]!r} twice: keep one')
            found[text] = None
        return tuple(found)

    def choice(self, options: Collection[str]) -> str:
        """Returns one of some words. Raises UsageError, which lists them, at any other value."""
        word = self.node.text if isinstance(self.node, Scalar) else ''
        if word not in options:
            words = [option if option.isidentifier() else repr(option) for option in options]
            self.wrong('one of ' + ', '.join(words), nearest(word, list(options)))
        return word

    def boolean(self) -> bool:
        """Returns true or false. Raises UsageError at any other value, and at quotes."""
        word = self.node.text.lower() if isinstance(self.node, Scalar) and not self.node.quoted else ''
        if word not in (*_TRUE, *_FALSE):
            self.wrong('true or false, without quotes')
        return word in _TRUE

    def whole(self, low: int, high: int) -> int:
        """Returns a whole number from `low` to `high`; 100000, 100_000 and 1e5 are the same.

        Raises UsageError at any other value.
        """
        takes = f'a whole number from {low:,} to {high:,}'
        number = self._number(takes)
        if not low <= number <= high or number != int(number):
            self.wrong(takes)
        return int(number)

    def number(self, takes: str, allowed: Callable[[float], bool] = lambda _: True) -> int | float:
        """Returns a finite number for which `allowed` is true: an int if it has neither point nor exponent.

        Raises UsageError, which says what it `takes`, at any other value.
        """
        number = self._number(takes)
        if not allowed(number):
            self.wrong(takes)
        return number

    def _number(self, takes: str) -> int | float:
        """Reads a finite number without quotes. Raises UsageError, which says what it `takes`, at any other value."""
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
    """Returns whether a text holds control characters, which include line ends."""
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in '\u2028\u2029' for letter in text)


def _is_number(text: str) -> bool:
    """Returns whether a text is a decimal number, perhaps with underscores and an exponent."""
    return bool(_NUMBER.fullmatch(text)) and any(letter.isdigit() for letter in text.lower().split('e')[0])
