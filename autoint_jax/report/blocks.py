"""What a report is made of: sections of texts, charts, tables, and panels with controls."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# What a text is: part of the story, the answer of a section, or a warning.
PLAIN, VERDICT, CAUTION = 'plain', 'verdict', 'caution'


class Text(NamedTuple):
    """A paragraph.

    Attributes:
      text: one or more sentences; nothing in it is read as HTML.
      kind: PLAIN, VERDICT or CAUTION.
    """

    text: str
    kind: str = PLAIN


class Items(NamedTuple):
    """A list of sentences.

    Attributes:
      texts: the items; nothing in them is read as HTML.
      kind: PLAIN, VERDICT or CAUTION.
    """

    texts: Sequence[str]
    kind: str = PLAIN


class Chart(NamedTuple):
    """A picture, drawn in the page and written as PNG and SVG.

    Attributes:
      name: name of its files, and its id in the page: letters, digits and underscores.
      spec: its Vega-Lite specification with the data in it. It names no colours and fonts: these are the theme's.
      caption: sentences below the picture. They say what it shows and how far to trust it.
      described: what a reader hears who cannot see the picture.
    """

    name: str
    spec: Mapping[str, Any]
    caption: str
    described: str


class Table(NamedTuple):
    """A table. Numbers stand right, texts left.

    Attributes:
      name: its id in the page: letters, digits and underscores.
      heads: the texts above the columns.
      rows: the cells of each row; a number is a text that is already formatted, or an int.
      caption: sentences above the table.
      numeric: which columns hold numbers, by place.
    """

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str | int]]
    caption: str
    numeric: frozenset[int] = frozenset()


class Panel(NamedTuple):
    """A part with controls, built in the page by the script `panels/KIND.js`.

    Attributes:
      name: its id in the page: letters, digits and underscores.
      kind: the name of its script.
      data: what the script gets, as JSON; `packed.array` packs large arrays.
      caption: sentences below the panel.
    """

    name: str
    kind: str
    data: Mapping[str, Any]
    caption: str


Block = Text | Items | Chart | Table | Panel


class Section(NamedTuple):
    """A section of a page.

    Attributes:
      name: its id in the page: letters, digits and underscores.
      heading: its heading, also in the contents.
      blocks: what it shows, in order.
    """

    name: str
    heading: str
    blocks: Sequence[Block]


class Page(NamedTuple):
    """A report.

    Attributes:
      title: its title.
      lead: one or two sentences below the title: the answer that a reader wants first.
      facts: (name, value) of what the report is about, in the head of the page.
      sections: its sections, in order.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    @property
    def blocks(self) -> list[Block]:
        """All blocks of all sections."""
        return [block for section in self.sections for block in section.blocks]

    @property
    def charts(self) -> list[Chart]:
        """All charts of all sections."""
        return [block for block in self.blocks if isinstance(block, Chart)]
