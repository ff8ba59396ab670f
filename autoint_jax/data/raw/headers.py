"""Reads and checks headers, the names of columns in the first row of a text file."""

import pathlib

from autoint_jax.data.text.first_rows import first_rows
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError, nearest


def names_in(path: pathlib.Path, layout: Layout) -> list[str]:
    """Returns the column names in a file's header, or the cells of its first row.

    Raises UsageError if it has no row.
    """
    rows = first_rows(path, layout, 1)
    if not rows:
        raise UsageError(f'{path} is empty' + (': it must begin with a line of column names' if layout.header else ''))
    return [name.strip() for name in rows[0]]


def check_header(path: pathlib.Path, layout: Layout) -> None:
    """Raises UsageError if a file's header does not name the layout's columns in their order."""
    found, wanted = names_in(path, layout), [name for name, _ in layout.columns]
    for name in wanted:
        if name not in found:
            raise UsageError(f'{path} has no column {name!r}{nearest(name, found)}; it has: {", ".join(found)}')
    if found != wanted:
        extra = [name for name in found if name not in wanted]
        raise UsageError(
            f'{path} has '
            + (f'a column {extra[0]!r} too many' if extra else 'its columns in another order')
            + f': they must be {", ".join(wanted)}'
        )


def check_headers_alike(path: pathlib.Path, first: pathlib.Path, layout: Layout) -> None:
    """Raises UsageError if a header that is skipped differs from that of the first file.

    It also raises UsageError if the header has the names of the declaration in another order.
    """
    found, wanted, others = names_in(path, layout), [name for name, _ in layout.columns], names_in(first, layout)
    if found != wanted and sorted(found) == sorted(wanted):
        raise UsageError(
            f'{path} has the columns that the declaration names, but in another order: {", ".join(found)}; write '
            '`columns` in their order, or take it out'
        )
    if found != others:
        raise UsageError(
            f'{path} has another header than {first}: its first line must be the same, {", ".join(others)}'
        )
