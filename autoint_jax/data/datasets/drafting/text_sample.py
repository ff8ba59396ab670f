"""Reads the first rows of a text file: its encoding, separator, quotes, header and marks of numbers."""

import codecs
import collections
import dataclasses
import pathlib
import re

from autoint_jax.data.datasets.declaration.values import has_control
from autoint_jax.data.datasets.drafting.columns import Column, read_at_once
from autoint_jax.data.datasets.drafting.header import Header, header_of
from autoint_jax.data.datasets.drafting.libsvm_sample import looks_like_libsvm, sample_of_libsvm
from autoint_jax.data.datasets.drafting.marks import Marks, marks_of
from autoint_jax.data.datasets.drafting.samples import CELLS, LEAST_ROWS, ROWS, Sample, with_missing
from autoint_jax.data.datasets.drafting.separators import SELDOM, Cut, best_cut
from autoint_jax.data.datasets.drafting.yaml_text import listed, quoted, shown
from autoint_jax.data.text.first_rows import first_rows, first_text
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import opened
from autoint_jax.errors import UsageError

BYTES = 8 << 20  # most bytes that are looked at
_HEADER_COLUMNS = 200  # columns that are looked at to tell whether there is a header
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_FORMS = {',': 'csv', '\t': 'tsv'}


def sample_of_text(path: pathlib.Path, *, libsvm: bool) -> Sample:
    """Reads the first rows of a text file.

    Args:
      path: the file.
      libsvm: whether the file's name says that it has that form. Files of other names may have it, too.

    Raises UsageError if the file is empty, is not text, or is not a table.
    """
    head, encoding = _encoding(path)
    text = first_text(path, encoding, BYTES)
    lines = [line for line in text.split('\n') if line.strip(' \r')]
    if not lines:
        raise UsageError(f'{path} is empty: there are no rows to draft a declaration from')
    _check_text(path, lines)
    if libsvm or looks_like_libsvm(lines):
        return sample_of_libsvm(path, lines[:ROWS])
    return _table(path, lines[: ROWS + 1], encoding, head)


def _encoding(path: pathlib.Path) -> tuple[list[str], str]:
    """Returns the lines of the draft that say the encoding of a file, if they must, and the encoding."""
    with opened(path) as unpacked:
        begin = unpacked.file.read(BYTES)
    if begin.startswith(_MARKS):
        return [], 'utf-8'  # the byte-order mark has precedence
    odd, even = begin[1:256:2], begin[0:256:2]
    for zeros, letters, name in ((odd, even, 'utf-16-le'), (even, odd, 'utf-16-be')):
        if len(begin) > 8 and not any(zeros) and all(letters):
            return [
                f'encoding: {name}  # every letter has a NUL character beside it, and there is no byte-order mark'
            ], name
    try:
        codecs.getincrementaldecoder('utf-8')().decode(begin, final=False)
        return [], 'utf-8'
    except UnicodeDecodeError as error:
        line = begin[: error.start].count(b'\n') + 1
        if _mostly_utf8(begin):
            return [
                f'# Line {line} holds byte {begin[error.start]:#04x}, which is not UTF-8, though other letters are: '
                'it may be damaged. Correct it and delete the next line.',
                'encoding: latin-1',
            ], 'latin-1'
        name = 'cp1252' if re.search(rb'[\x80-\x9f]', begin) and _decodes(begin, 'cp1252') else 'latin-1'
        return [
            f'encoding: {name}  # a guess: line {line} holds byte {begin[error.start]:#04x}, which is not UTF-8; '
            'another encoding, such as gb18030 or shift_jis, gives other letters'
        ], name


def _mostly_utf8(content: bytes) -> bool:
    """Returns whether more letters outside ASCII are UTF-8 than not."""
    text = content.decode('utf-8', 'replace')
    return sum(letter > '\x7f' and letter != '\ufffd' for letter in text) > text.count('\ufffd')


def _decodes(content: bytes, encoding: str) -> bool:
    """Returns whether bytes can be decoded."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _check_text(path: pathlib.Path, lines: list[str]) -> None:
    """Raises UsageError if lines have NUL characters, or look like JSON, XML or a web page."""
    if any('\0' in line for line in lines):
        raise UsageError(
            f'{path} holds NUL characters, so it is not a table of text: name a file of text or a Parquet file'
        )
    if lines[0].lstrip()[:1] in ('{', '[') and lines[0].rstrip()[-1:] in ('}', '{', '[', ']', ','):
        raise UsageError(f'{path} looks like JSON, which is not read: write it as CSV or Parquet')
    if re.match(r'\s*<(\?xml|!doctype|html)', lines[0], re.IGNORECASE):
        raise UsageError(f'{path} looks like a web page or XML, not like a table: download the table itself')


def _table(path: pathlib.Path, lines: list[str], encoding: str, head: list[str]) -> Sample:
    """Reads the first rows of a table with separators; `head` has the lines about its encoding."""
    cut = _cut(path, lines, encoding)
    if cut is None:
        raise UsageError(
            f'{path} seems to have one column: none of comma, tab, semicolon, |, blank and other marks cuts its '
            f'lines into equally many cells; the first line is {shown(lines[0], 60)}'
        )
    layout = Layout((), separator=cut.separator, quote=cut.quote, strip=True, encoding=encoding)
    rows = first_rows(path, layout, max(min(ROWS, CELLS // cut.width), LEAST_ROWS) + 1)
    first, width = rows[0], cut.width
    _check_beginning(path, lines[0], first, rows[1:], width)
    body = [row for row in rows[1:] if len(row) == width]
    marks = marks_of([[row[place] for row in body] for place in range(width)], cut.separator)
    layout = dataclasses.replace(layout, decimal=marks.decimal, thousands=marks.thousands)
    told = _header(first, body, layout, width)
    if told.present and not body:
        raise UsageError(
            f'{path} has no rows below its header ({", ".join(map(shown, first[:5]))}): there is nothing to draft a '
            'declaration from'
        )
    body = body[:ROWS] if told.present else [first, *body][:ROWS]
    if len(first) == width - 1 and len({row[0] for row in body}) == len(
        body
    ):  # R writes no name above the names of rows
        first = ['', *first]
    names, lines_of_names = _names(first, told, width)
    columns, missing = with_missing(names, [[row[place] for row in body] for place in range(width)], layout)
    head = [*head, *_dialect_lines(cut, lines), *_mark_lines(marks), *lines_of_names]
    if missing:
        head.append(f'missing: {listed(missing)}')
    return Sample(_FORMS.get(cut.separator, 'csv'), head, columns, len(body), named=told.present)


def _cut(path: pathlib.Path, lines: list[str], encoding: str) -> Cut | None:
    """Returns the best cut of lines, or of rows if quoted values hold line ends; None if there is none."""
    cut = best_cut(lines)
    sure = cut is not None and cut.alike >= 0.9 * cut.lines and cut.separator not in SELDOM
    if sure or not any('"' in line for line in lines):
        return cut
    for separator in (',', '\t', ';', '|'):
        try:
            rows = first_rows(path, Layout((), separator=separator, quote='"', strip=True, encoding=encoding), ROWS)
        except UsageError:  # a quote that is not closed
            continue
        width = collections.Counter(map(len, rows)).most_common(1)[0][0]
        alike = sum(1 + sum(cell.count('\n') for cell in row) for row in rows if len(row) == width)  # counted in lines
        better = cut is None or cut.separator in SELDOM or alike > cut.alike
        if better and width > 1 and alike >= 0.9 * len(lines):
            cut = Cut(separator, '"', width, alike, len(lines), len(rows[0]) == width, len(rows))
    return cut


def _check_beginning(path: pathlib.Path, line: str, first: list[str], rows: list[list[str]], width: int) -> None:
    """Raises UsageError if the first line is neither a header nor a row, but a title, a comment or Excel's `sep=;`."""
    if re.fullmatch(r'"?sep=.{1,3}', line.strip()):
        raise UsageError(f'{path} begins with the line {shown(line.strip())}, which only Excel reads: delete it')
    if len(first) == width or (abs(len(first) - width) == 1 < len(first) and not line.startswith('#')):
        return
    below = next((number for number, row in enumerate(rows, start=2) if len(row) == width), 2)
    raise UsageError(
        f'{path} begins with a line of {len(first)} cells, {shown(line, 60)}, where most lines have {width}: delete '
        f'what stands above line {below}, where the table seems to begin'
    )


def _header(first: list[str], body: list[list[str]], layout: Layout, width: int) -> Header:
    """Decides whether the first row is a header, by its number of cells or by the rows below it."""
    if len(first) != width:
        return Header(True, f'the first line has {len(first)} cells, the others {width}')
    looked = first[:_HEADER_COLUMNS]
    read_at_once([looked, *(row[:_HEADER_COLUMNS] for row in body)], layout)
    return header_of(looked, [Column(cell, [row[place] for row in body], layout) for place, cell in enumerate(looked)])


def _mark_lines(marks: Marks) -> list[str]:
    """Returns the lines about the marks of numbers."""
    doubt = '' if marks.sure else '; a guess, for the numbers could also be read with . and , the other way round'
    found = [f'decimal: {quoted(marks.decimal)}  # as in {shown(marks.example)}{doubt}'] if marks.decimal != '.' else []
    return found + (
        [f'thousands: {quoted(marks.thousands)}  # as in {shown(marks.example)}{doubt}'] if marks.thousands else []
    )


def _dialect_lines(cut: Cut, lines: list[str]) -> list[str]:
    """Returns the lines about the separator, and about the quotes if they are not those of the form."""
    found = [f'separator: {quoted(cut.separator)}  # cuts {cut.alike:,} of {cut.lines:,} lines into {cut.width} cells']
    usual = None if cut.separator == '\t' else '"'
    if cut.quote == usual:
        return found
    if cut.quote is not None:
        example = next(line for line in lines if cut.quote in line)
        return [*found, f'quote: {quoted(cut.quote)}  # encloses values, as in {shown(example, 60)}']
    example = next(line for line in lines if '"' in line)
    return [*found, f'quote: none  # quotes enclose no whole values, as in {shown(example, 60)}']


def _names(first: list[str], told: Header, width: int) -> tuple[list[str], list[str]]:
    """Returns the names of the columns, and the lines that say where they come from."""
    if not told.present:
        names = [f'column_{number}' for number in range(1, width + 1)]
        return names, [f'header: false  # {told.reason}', f'columns: {listed(names)}']
    trouble = _trouble(first, width)
    if trouble is None:
        return first, [f'header: true  # {told.reason}']
    names = []
    for number in range(width):
        name = first[number] if number < len(first) and not has_control(first[number]) else ''
        names.append(name if name and name not in names else _new(f'{name or "column"}_{number + 1}', [*names, *first]))
    replaced = f'columns: {listed(names)}  # in place of the names in the file, for {trouble}'
    return names, [f'header: true  # {told.reason}', replaced]


def _new(name: str, taken: list[str]) -> str:
    """Returns the name, made longer until it is not among those that are taken."""
    return name if name not in taken else _new(name + '_', taken)


def _trouble(first: list[str], width: int) -> str | None:
    """Returns why the names of a header cannot be used, or None if they can."""
    if len(first) != width:
        return 'there are not as many as columns'
    if '' in first:
        return 'one is empty'
    if any(map(has_control, first)):
        return 'they hold control characters'
    twice = next((name for name in first if first.count(name) > 1), None)
    return None if twice is None else f'{shown(twice)} comes twice'
