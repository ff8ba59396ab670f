"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the lines of a Markdown table.

    Args:
      columns: the title of each column; '' for none.
      rows: for each row its cells, as many as columns.
    """
    title = f'| {" | ".join(columns)} |'.replace('|  ', '| ')
    return [title, '|---' * len(columns) + '|', *(f'| {" | ".join(map(str, cells))} |' for cells in rows)]
