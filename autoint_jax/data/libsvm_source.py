"""Raw rows of libsvm and libfm files: `label index:value index:value ...` by blanks, as Frappe is distributed.

A field is either the index at one place of every line, counted from 1, or what of a range of indices a line has:

    column: 3         the index of the third pair is the value of a categorical field
    column: 10-99     the indices from 10 to 99 that a line has: the value, or values, of a field; if the range is of one
                      index and the field numeric, the number that goes with it
"""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.derived import NO_DERIVATION
from autoint_jax.data.field_plan import LabelPlan
from autoint_jax.data.layout import Layout
from autoint_jax.data.raw_rows import BadRow, Raw, checked
from autoint_jax.data.sources import TextSource
from autoint_jax.data.text_blocks import Block
from autoint_jax.errors import UsageError

LABEL = 'label'
SEPARATOR = '|'  # between the indices of a range


class LibsvmSource(TextSource):
    """Columns are named by place or range; `label` is the number that begins a line."""

    def __init__(self, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str]):
        super().__init__(paths, layout, columns, NO_DERIVATION)
        for name in columns:
            if name != LABEL and not re.fullmatch(r'\d+(-\d+)?', name):
                raise UsageError(f'column {name!r} of a libsvm file must be a place, as in 3, or a range of indices, as in 10-99')

    def parse(self, block: Block, label: LabelPlan | None) -> Raw:
        lines = pl.Series('line', block.text.decode(errors='replace').removesuffix('\n').split('\n'))
        form = lines.str.contains(r'^\S+( \d+:\S+)* *$')
        bad = [BadRow(block.path, block.first_line + row, 'it has not the form label index:value index:value', lines[row])
               for row in np.flatnonzero(~form.to_numpy()).tolist()]
        numbers = block.first_line + np.flatnonzero(form.to_numpy())
        kept = lines.filter(form)
        parts = kept.str.strip_chars_end().str.splitn(' ', 2).struct.unnest()
        pairs = parts['field_1'].fill_null('').str.split(' ')
        frame = pl.DataFrame({name: parts['field_0'] if name == LABEL else self._column(pairs, name, kind)
                              for name, kind in self._kinds.items()})
        typed, reasons = checked(frame, self._kinds, self.layout, label)
        bad += [BadRow(block.path, int(numbers[row]), reason, kept[row]) for row, reason in reasons.items()]
        return Raw(typed.filter(~np.isin(np.arange(typed.height), list(reasons))), sorted(bad))

    @property
    def _kinds(self) -> dict[str, str]:
        return {name: kind for name, kind in self.layout.columns if name in self._columns}

    def _column(self, pairs: pl.Series, name: str, kind: str) -> pl.Series:
        """The texts of a place or a range."""
        if '-' not in name:
            return pairs.list.get(int(name) - 1, null_on_oob=True).str.extract(r'^(\d+):')
        first, last = map(int, name.split('-'))
        table: Any = pl.DataFrame({'row': np.arange(len(pairs), dtype=np.uint32), 'pair': pairs}).explode('pair')
        table = table.with_columns(pl.col('pair').str.split_exact(':', 1).struct.rename_fields(['index', 'value'])).unnest('pair')
        table = table.filter(pl.col('index').cast(pl.Int64, strict=False).is_between(first, last))
        found = table.group_by('row', maintain_order=True).agg(pl.col('value' if kind == 'real' else 'index').str.join(SEPARATOR))
        texts = np.full(len(pairs), None, object)
        texts[found['row'].to_numpy()] = found.to_series(1).to_list()
        return pl.Series(name, texts, dtype=pl.String)
