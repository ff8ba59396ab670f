"""Writes texts of unknown files as YAML, so that a strict reader gets them back and no line or comment breaks."""

import re
from collections.abc import Iterable

# Words that some readers of YAML do not take for texts.
_RESERVED = frozenset('y n yes no on off true false null none nan inf'.split())
_PLAIN = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


def scalar(text: str) -> str:
    """Returns a text as a YAML scalar, in quotes unless it is a plain name."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED else quoted(text)


def quoted(text: str) -> str:
    """Returns a text as a YAML scalar in double quotes; characters that are not printable are escaped."""
    return '"' + ''.join(map(_escaped, text)) + '"'


def listed(texts: Iterable[str]) -> str:
    """Returns texts as a YAML list in one line."""
    return '[' + ', '.join(map(scalar, texts)) + ']'


def shown(text: str, longest: int = 20) -> str:
    """Returns a value for a comment, in quotes, cut to a length of `longest` characters and safe for a terminal."""
    return quoted(text if len(text) <= longest else text[: longest - 3] + '...')


def _escaped(character: str) -> str:
    """Returns a character as YAML writes it within double quotes."""
    if character in '"\\':
        return '\\' + character
    if character == '\t':
        return '\\t'
    if character.isprintable():
        return character
    code = ord(character)
    return f'\\x{code:02x}' if code < 0x100 else f'\\u{code:04x}' if code < 0x10000 else f'\\U{code:08x}'
