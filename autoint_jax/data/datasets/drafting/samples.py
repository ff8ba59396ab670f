"""The first rows of a file of any form, as columns of text."""

import dataclasses

from autoint_jax.data.datasets.drafting.columns import FEW_WORDS, MISSING, Column, read_at_once
from autoint_jax.data.datasets.drafting.words import label_rank
from autoint_jax.data.text.layout import Layout

ROWS = 20_000
CELLS = 1_000_000  # fewer rows of wide tables, but at least LEAST_ROWS
LEAST_ROWS = 100


@dataclasses.dataclass(frozen=True)
class Sample:
    """What was read of a file.

    Attributes:
      form: csv, tsv, parquet or libsvm.
      head: lines of the declaration that say how the file is read, with their reasons.
      columns: of its rows.
      rows: how many were read.
      named: the names of the columns are the file's own.
      unreadable: lines, comments all, about columns that no declaration can read.
      kinds: of columns whose kind the form of the file says, {name: (rule, reason)}.
    """

    form: str
    head: list[str]
    columns: list[Column]
    rows: int
    named: bool = True
    unreadable: tuple[str, ...] = ()
    kinds: dict[str, tuple[str | None, str]] = dataclasses.field(default_factory=dict)


def with_missing(names: list[str], cells: list[list[str]], layout: Layout) -> tuple[list[Column], tuple[str, ...]]:
    """Columns of cells, and the words in them that mean a missing value."""
    words, classes = set(), set()
    for name, values in zip(names, map(set, cells), strict=True):
        if len(values - {'', *MISSING}) > 1:  # `None` beside one other value may be a class
            words |= values & set(MISSING)
        elif label_rank(name) is not None:
            classes |= values & set(MISSING)
    words -= classes
    read = read_at_once(cells, layout)
    known = dataclasses.replace(layout, missing=tuple(sorted(words)))
    for name, column in zip(names, cells, strict=True):
        if 0 < sum(read[text] is None for text in set(column) if text and text not in words) <= FEW_WORDS:
            words.update(Column(name, column, known).missing_words())
    layout = dataclasses.replace(layout, missing=tuple(sorted(words)))
    return [Column(name, column, layout) for name, column in zip(names, cells, strict=True)], layout.missing
