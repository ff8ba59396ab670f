"""Reads rows of libsvm and libfm files, `label index:value ...`, and of libffm files, `label field:index:value ...`.

Blanks separate pairs. A `#` begins a comment, and lines with nothing else are no rows. Column `label` is the first word
of a line; column `qid` is the number of a pair `qid:7` after it. Other columns are named so:

    column: 3         the index of the third pair is the value of a categorical field
    column: 10-99     the indices from 10 to 99 that a line has: the value, or values, of a field
    column: field 2   in libffm files, the indices that a line has for its field 2: the value, or values, of a field
    column: 40-40     with kind: numeric, the number that goes with the index 40; missing where a line lacks it
    column: field 2   with kind: numeric, the number that goes with the index of the field 2

If an index is the value of a field, the number that goes with it must be 1, because any other would be lost.
"""

import pathlib
import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from autoint_jax.data.raw.cells import checked
from autoint_jax.data.raw.derived import NO_DERIVATION
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw, places_of
from autoint_jax.data.raw.text_files import TextSource
from autoint_jax.data.text.blocks import Block
from autoint_jax.data.text.decoding import as_text
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError

LABEL, QUERY = 'label', 'qid'
INDEX_SEPARATOR = '|'  # between the indices of a range or field
_INDEX = r'\d{1,18}'
_LINE = rf'^[^\s\x00:]+(?: qid:{_INDEX})?(?: (?:{_INDEX}:)?{_INDEX}:[^\s\x00:]+)*$'
_COLUMN = re.compile(rf'(?P<place>{_INDEX})|(?P<first>{_INDEX})-(?P<last>{_INDEX})|field (?P<field>{_INDEX})')


class LibsvmSource(TextSource):
    """A source of libsvm, libfm or libffm files, whose columns are named by place, range or field.

    UsageError is raised if a column has another name, or if a numeric column can have several numbers.
    """

    def __init__(self, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str]):
        super().__init__(paths, layout, columns, NO_DERIVATION)
        self._kinds = {name: kind for name, kind in layout.columns if name in columns}
        for name, kind in self._kinds.items():
            found = _COLUMN.fullmatch(name)
            if name in (LABEL, QUERY):
                continue
            if found is None or (found['first'] and int(found['first']) > int(found['last'])):
                raise UsageError(
                    f'column {name!r} of a libsvm file must be a place, as in 3, a range of indices, as in 10-99, a '
                    f'field of a libffm file, as in field 2, or {QUERY}'
                )
            if kind == 'real' and (found['place'] or (found['first'] and int(found['first']) != int(found['last']))):
                index = found['place'] or '40'
                raise UsageError(
                    f'column {name!r} of a libsvm file gives indices, not numbers: a numeric field takes the number '
                    f'that goes with one index, as in column: {index}-{index}'
                )

    def parse(self, block: Block, label: LabelPlan | None) -> Raw:
        """Parses a block into the columns of the source."""
        stored = as_text(block.path, block.text, block.first_line).removesuffix('\n').split('\n')
        lines = pl.Series('line', stored).str.replace(r'#.*$', '').str.replace_all(r'[ \t]+', ' ').str.strip_chars()
        some = (lines != '').to_numpy()
        form = lines.str.contains(_LINE).to_numpy()
        reason = 'it does not have the form label index:value or label field:index:value'
        bad = [
            BadRow(block.path, block.first_line + row, reason, stored[row])
            for row in np.flatnonzero(some & ~form).tolist()
        ]
        rows = np.flatnonzero(some & form)
        frame, lost = self._frame(lines.filter(some & form))
        typed, reasons = checked(frame, self._kinds, self.layout, label, unseen=self.unseen_missing)
        reasons = lost | reasons
        bad += [
            BadRow(block.path, block.first_line + int(rows[row]), reason, stored[rows[row]])
            for row, reason in reasons.items()
        ]
        kept = ~np.isin(np.arange(typed.height), list(reasons))
        places = places_of(block.first_line + rows[kept], bad)
        return Raw(typed.filter(kept), sorted(bad), int((~some).sum()), places=places)

    def _frame(self, lines: pl.Series) -> tuple[pl.DataFrame, dict[int, str]]:
        """Returns all columns as text [n], and {row: reason} of the rows of which a number would be lost."""
        parts = lines.str.splitn(' ', 2).struct.unnest()
        rest = parts['field_1'].fill_null('')
        pairs = _pairs(rest)
        columns: dict[str, pl.Series] = {}
        lost: dict[int, str] = {}
        for name, kind in self._kinds.items():
            if name == LABEL:
                columns[name] = parts['field_0']
            elif name == QUERY:
                columns[name] = rest.str.extract(r'^qid:(\d+)')
            else:
                columns[name] = _column(pairs, name, kind, len(lines), lost)
        return pl.DataFrame(columns, dict.fromkeys(columns, pl.String)), lost


def _pairs(rest: pl.Series) -> pl.DataFrame:
    """Returns a table with a line for each pair: its row, place from 1, field, index and number."""
    lists = rest.str.replace(rf'^qid:{_INDEX} ?', '').str.split(' ')
    table = (
        pl.DataFrame({'row': np.arange(len(rest), dtype=np.uint32), 'pair': lists})
        .explode('pair')
        .filter(pl.col('pair') != '')
    )
    parts = pl.col('pair').str.extract_groups(rf'^(?:(?<field>{_INDEX}):)?(?<index>{_INDEX}):(?<number>.*)$')
    return (
        table.with_columns(place=pl.int_range(1, pl.len() + 1).over('row'), parts=parts)
        .unnest('parts')
        .with_columns(pl.col('field').cast(pl.Int64), number_of_index=pl.col('index').cast(pl.Int64))
    )


def _column(pairs: pl.DataFrame, name: str, kind: str, rows: int, lost: dict[int, str]) -> pl.Series:
    """Returns a place, a range or a field as a column of text. Adds rows to `lost` of which a number would be lost."""
    found = _COLUMN.fullmatch(name)
    if found is None:
        raise ValueError(f'{name=} is neither a place nor a range nor a field')
    if found['place']:
        own = pairs.filter(pl.col('place') == int(found['place']))
    elif found['field']:
        own = pairs.filter(pl.col('field') == int(found['field']))
    else:
        own = pairs.filter(pl.col('number_of_index').is_between(int(found['first']), int(found['last'])))
    if kind != 'real':
        for row, pair, number in own.filter(pl.col('number').cast(pl.Float64, strict=False).ne_missing(1.0))[
            'row', 'pair', 'number'
        ].iter_rows():
            lost.setdefault(
                row,
                f'column {name!r} takes the index of {pair[:40]!r}, and the number {number[:20]} would be lost: '
                f'it must be 1, or the field numeric',
            )
    joined = own.group_by('row', maintain_order=True).agg(
        pl.col('number' if kind == 'real' else 'index').str.join(INDEX_SEPARATOR)
    )
    texts: list[str | None] = [None] * rows
    for row, text in joined.iter_rows():
        texts[row] = text
    return pl.Series(name, texts, dtype=pl.String)
