"""Keeps control characters in printed text (values, names, paths, messages of libraries) from the terminal."""

import unicodedata
from typing import Any, TextIO


def shown(text: Any) -> str:
    """Returns a text from outside (a value, a name, a path) on one line and harmless to a terminal.

    Control characters, line ends, escape sequences, marks that reverse the direction of writing, and halves of
    surrogate pairs are escaped as in Python, such as '\\x1b'. All other characters stay.
    """
    text = str(text)
    return (
        text
        if text.isprintable()
        else ''.join(
            character.encode('unicode_escape').decode() if _harmful(character) else character for character in text
        )
    )


def _harmful(character: str) -> bool:
    """Returns whether a terminal may act on a character.

    These are control, format (such as bidi marks) and surrogate characters, and line and paragraph separators. The
    joiners U+200C and U+200D are format characters, too, but ordinary words and pictures contain them.
    """
    return (
        (
            character > '~'
            and character not in '\u200c\u200d'
            and unicodedata.category(character) in ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
        )
        or character < ' '
        or character == '\x7f'
    )


class Harmless:
    """A text stream that escapes harmful characters and passes the text on; line ends and tabs stay.

    Attributes:
      rich_proxied_file: the other stream, under the name by which Rich finds it. Rich writes its own escape sequences
        there; the text that it is given has none (`shown`).
    """

    def __init__(self, stream: TextIO):
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Writes a text and returns its length."""
        self.rich_proxied_file.write('\n'.join('\t'.join(map(shown, line.split('\t'))) for line in text.split('\n')))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)
