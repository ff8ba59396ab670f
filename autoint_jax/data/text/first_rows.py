"""Reads the first rows of a text file in the same way as the whole file."""

import dataclasses
import pathlib

from autoint_jax.data.text.blocks import Block, blocks
from autoint_jax.data.text.decoding import as_text, decoded
from autoint_jax.data.text.dialect import Dialect
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import opened
from autoint_jax.data.text.tally import Tally

SAMPLE = 1 << 20  # bytes that are read at once


def first_text(path: pathlib.Path, encoding: str = 'utf-8', size: int = SAMPLE) -> str:
    """Returns the first whole lines of a file, about `size` bytes, unpacked and decoded; every line ends with '\\n'.

    A byte-order mark is not part of the text; if there is one, it decides the encoding. Raises UsageError if the file
    cannot be unpacked, or if it has bytes that are not of the encoding.
    """
    with opened(path) as unpacked:
        text = decoded(path, unpacked.file, encoding)
        sample = more = text.read(size)
        while more and (len(sample) < size or b'\n' not in sample):
            more = text.read(size)
            sample += more
    whole = sample[: sample.rfind(b'\n') + 1] if more else sample
    return as_text(path, whole or sample, 1).replace('\r\n', '\n')


def first_rows(path: pathlib.Path, layout: Layout, count: int) -> list[list[str]]:
    """Returns the cells of the first `count` rows. A line of column names counts as a row.

    Blank lines are no rows. Quotes that enclose a value are removed, and so are blanks round it if the layout strips
    them. Rows may differ in their number of cells. A line with wrong quotes is left out; if it is the first line, it is
    cut at every separator instead. `layout.columns` may be empty. Raises UsageError if the file cannot be read.
    """
    rows: list[list[str]] = []
    form = dataclasses.replace(layout, header=False, columns=())
    for block in blocks(Tally(path), form, block_bytes=SAMPLE):
        rows += _cells(block, form, count - len(rows), first=not rows)
        if len(rows) >= count:
            break
    return rows


def _cells(block: Block, layout: Layout, count: int, *, first: bool) -> list[list[str]]:
    """Returns the cells of the first `count` rows of a block; `first` says that the block begins the file."""
    separator, stored = block.separator.decode(), as_text(block.path, block.text, block.first_line)
    dialect = Dialect(block.separator, layout.quote, layout.strip) if layout.quote is not None else None
    lines, continued = stored.removesuffix('\n').split('\n'), set(block.quoted.continued.tolist())
    rows: list[list[str]] = []
    for number, line in enumerate(lines):
        if len(rows) == count:
            break
        if number in continued or not line.strip():
            continue
        end = number + 1
        while end in continued:
            end += 1
        if number not in block.quoted.faults:
            row = '\n'.join(lines[number:end])
            cells = row.split(separator) if dialect is None else dialect.cells(row)
        elif first and not rows:
            cells = line.split(separator)
        else:
            continue
        rows.append([cell.replace(separator, layout.separator) for cell in cells])
    return [[cell.strip() for cell in row] for row in rows] if layout.strip else rows
