"""The section about single rows: what was predicted for one row, and why."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.explain.findings import Findings, Row
from autoint_jax.report import packed
from autoint_jax.report.blocks import Panel, Section, Text
from autoint_jax.report.explanation import attention
from autoint_jax.report.names import shortened

# Bytes of the page for single rows, and the most pairs that are kept of each.
MOST_BYTES, MOST_PAIRS = 2_500_000, 12


def section(findings: Findings, labels: Sequence[str]) -> Section | None:
    """Returns the section, or None if no row is explained; `labels` are the names of the fields in pictures."""
    rows = findings.rows
    if not rows:
        return None
    shown = attention.attended(findings.attention) if findings.attention is not None else np.arange(len(labels))
    within = np.ix_(shown, shown)
    first = rows[0].attention
    described = [_described(row) for row in rows]
    of_map = packed.packed_bytes(first[..., within[0], within[1]].size) if first is not None else 0
    sizes = np.cumsum([of_map + len(json.dumps(row)) for row in described])
    count = max(1, int(np.searchsorted(sizes, MOST_BYTES)))
    kept = rows[:count]
    data = {'names': list(labels), 'shown': shown.tolist(), 'rows': described[:count]}
    if findings.attention is not None and first is not None:
        maps = np.stack([row.attention for row in kept if row.attention is not None])
        data |= {
            'layers': findings.attention.layers,
            'uniform': findings.attention.uniform,
            'maps': packed.array(maps[..., within[0], within[1]]),
        }
    caption = (
        'The prediction for one row. The effect of a value is how much the logit would change if it were replaced by '
        'that of another row, with its sign turned: a bar to the right says that this value raised the prediction. The '
        'effect of a pair is what its two values do together beyond what each does alone. Effects are about this model '
        'and these replacements, not about people or their reasons.'
    )
    if len(kept) < len(rows):
        caption += f' The page holds {len(kept):,} of {len(rows):,} explained rows; all are in numbers/rows.parquet.'
    text = 'What was predicted for one row, and what its values did. Choose a row from the list, or search for it.'
    return Section('rows', 'Single rows', [Text(text), Panel('row_panel', 'rows', data, caption)])


def _described(row: Row) -> dict[str, Any]:
    """Returns what the panel shows of a row beside its attention."""
    return {
        'number': row.number,
        'label': row.label,
        'values': [shortened(value, 60) for value in row.values],
        'probability': row.probability,
        'logit': row.logit,
        'effects': [float(f'{effect:.5g}') for effect in row.field_effects],
        'pairs': [[f, g, float(f'{effect:.5g}')] for f, g, effect in row.pairs[:MOST_PAIRS]],
    }
