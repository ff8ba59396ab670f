"""What commands print: control characters of foreign text (values, names, paths, messages of libraries) do not reach the terminal."""

from typing import Any, TextIO

from autoint_jax.errors import shown


class Harmless:
    """A text stream in front of another: what is written passes with its harmful characters escaped, line ends and tabs aside.

    Attributes:
      rich_proxied_file: the stream behind, where rich finds it. Rich writes its own escape sequences there, and is given text that has
        none (`errors.shown`).
    """

    def __init__(self, stream: TextIO):
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        self.rich_proxied_file.write('\n'.join('\t'.join(map(shown, line.split('\t'))) for line in text.split('\n')))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)
