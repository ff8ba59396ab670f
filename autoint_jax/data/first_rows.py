"""The first rows of a text file, as the reader of whole files reads them."""

import csv
import itertools
import pathlib

from autoint_jax.data.decoding import as_text, decoded
from autoint_jax.data.layout import Layout
from autoint_jax.data.packed import opened

SAMPLE = 1 << 20  # bytes


def first_text(path: pathlib.Path, encoding: str = 'utf-8', size: int = SAMPLE) -> str:
    """The first whole lines of a file, about `size` bytes, unpacked and decoded; every line ends with '\\n'.

    A byte-order mark is not part of the text and says the encoding. Raises UsageError where the file cannot be unpacked,
    or has bytes that are not of the encoding.
    """
    with opened(path) as unpacked:
        text = decoded(path, unpacked.file, encoding)
        sample, more = text.read(size), True
        while more and b'\n' not in sample:
            more = text.read(size)
            sample += more
    whole = sample[:sample.rfind(b'\n') + 1] if more else sample
    return as_text(path, whole or sample, 1).replace('\r\n', '\n')


def first_rows(path: pathlib.Path, layout: Layout, count: int) -> list[list[str]]:
    """The cells of the first `count` rows, a line of column names included; `layout.columns` may be empty.

    Blank lines are no rows. Blanks round a value are removed if the layout strips them, and so are quotes that enclose
    it. Rows may differ in their number of cells. Raises UsageError where the file cannot be read, as `first_text` does.
    """
    text = first_text(path, layout.encoding, SAMPLE)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=layout.separator, quotechar=layout.quote or '"',
                      quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE, skipinitialspace=layout.strip)
    found = ([cell.strip() for cell in row] if layout.strip else row for row in rows if row)
    return list(itertools.islice(found, count))
