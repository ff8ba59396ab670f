"""The first rows of a file of any form, as columns of text: what a draft is made from."""

import dataclasses

from autoint_jax.data.datasets.drafting.columns import FEW_WORDS, MISSING, Column, read_at_once
from autoint_jax.data.datasets.drafting.words import label_rank
from autoint_jax.data.text.layout import Layout

ROWS = 20_000  # most rows that are read
CELLS = 1_000_000  # most cells that are read: a wide table has fewer rows, but at least LEAST_ROWS
LEAST_ROWS = 100


@dataclasses.dataclass(frozen=True)
class Sample:
    """A sample is the first rows of a file, and what they tell about it.

    Attributes:
      form: csv, tsv, parquet or libsvm.
      head: lines of the declaration that say how the file is read, with their reasons.
      columns: the columns of the rows.
      rows: number of rows that were read.
      named: whether the names of the columns are the file's own.
      unreadable: comments about columns that no declaration can read.
      kinds: {name: (rule, reason)}, as in `fields.Kind`, of columns whose kind the form of the file decides.
    """

    form: str
    head: list[str]
    columns: list[Column]
    rows: int
    named: bool = True
    unreadable: tuple[str, ...] = ()
    kinds: dict[str, tuple[str | None, str]] = dataclasses.field(default_factory=dict)


def with_missing(names: list[str], cells: list[list[str]], layout: Layout) -> tuple[list[Column], tuple[str, ...]]:
    """Returns columns of cells, and the words in them that mean a missing value.

    Args:
      names: the names of the columns.
      cells: the cells of each column, '' where missing.
      layout: the marks of numbers.
    """
    words: set[str] = set()
    classes: set[str] = set()
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
