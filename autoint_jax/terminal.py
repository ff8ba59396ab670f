"""Keeps control characters in printed text (values, names, paths, messages of libraries) from the terminal."""

from typing import Any, TextIO

from autoint_jax.errors import shown


class Harmless:
    """A text stream that escapes harmful characters and passes the text on; line ends and tabs stay.

    Attributes:
      rich_proxied_file: the other stream, under the name by which Rich finds it. Rich writes its own escape sequences
        there; the text that it is given has none (`errors.shown`).
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
