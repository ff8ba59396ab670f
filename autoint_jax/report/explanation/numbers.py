"""The numbers behind a page: tables as Parquet, and the short ones as JSON."""

import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from autoint_jax import stored
from autoint_jax.evaluation.quality import Quality
from autoint_jax.explain.findings import Belief, Findings, Row

JSON = 'findings.json'


def write(findings: Findings, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes FOLDER/findings.json and FOLDER/numbers/NAME.parquet, and returns their paths.

    A table that would have no rows is not written.
    """
    (folder / 'numbers').mkdir(parents=True, exist_ok=True)
    written = [folder / JSON]
    stored.write_text(written[0], json.dumps(_plain(summary(findings)), indent=1, allow_nan=False) + '\n')
    for name, frame in tables(findings):
        if frame.height:
            written.append(folder / 'numbers' / f'{name}.parquet')
            with stored.replacing(written[-1]) as scratch:
                frame.write_parquet(scratch)
    return written


def summary(findings: Findings) -> dict[str, Any]:
    """Returns what a program asks first: the run, the figures, the agreement of the kinds of evidence, the verdicts."""
    quality, belief = findings.quality, findings.belief
    return {
        'run': findings.run._asdict(),
        'fields': findings.fields,
        'metrics': {} if quality is None else {name: found._asdict() for name, found in quality.metrics.items()},
        'group_auc': None if quality is None or quality.group_auc is None else quality.group_auc._asdict(),
        'uniform_attention': None if findings.attention is None else findings.attention.uniform,
        'strongest_pairs': {
            kind: [list(effects.groups[place]) for place in np.argsort(-effects.strength, kind='stable')[:10]]
            for kind, effects in findings.interactions.pairs.items()
        },
        'kinds': belief.kinds,
        'correlations': belief.correlations.tolist(),
        'seeds': belief.seeds,
        'sentences': belief.sentences,
    }


def tables(findings: Findings) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yields all tables with their names."""
    if findings.quality is not None:
        yield from _quality(findings.quality)
    if findings.attention is not None:
        frames = [
            _maps(one.maps, findings.attention.layers, findings.fields).insert_column(0, pl.lit(one.name).alias('rows'))
            for one in findings.attention.groups
        ]
        yield 'attention', pl.concat(frames)
        agreement = findings.attention.agreement
        if agreement is not None:
            of, first, second = np.indices(agreement.correlations.shape).reshape(3, -1)
            yield (
                'attention_agreement',
                pl.DataFrame(
                    {
                        'of': _named(agreement.of, of),
                        'run': _named(agreement.runs, first),
                        'other': _named(agreement.runs, second),
                        'correlation': agreement.correlations.ravel(),
                    }
                ),
            )
    found = findings.interactions
    yield (
        'strengths',
        pl.DataFrame(
            [
                {
                    'kind': kind,
                    'fields': _texts(group),
                    'strength': float(effects.strength[place]),
                    'low': float(effects.low[place]),
                    'high': float(effects.high[place]),
                    'effect': float(effects.effect[place]),
                    'rows': effects.rows,
                }
                for groups in (found.singles, found.pairs, found.triples)
                for kind, effects in groups.items()
                for place, group in enumerate(effects.groups)
            ]
        ),
    )
    yield 'values', _frame(found.values)
    yield 'rows', _rows(findings.rows, findings.fields)
    yield from _belief(findings.belief)


def _quality(quality: Quality) -> Iterator[tuple[str, pl.DataFrame]]:
    yield 'roc', pl.DataFrame({'false_positive_rate': quality.roc.x, 'true_positive_rate': quality.roc.y})
    yield (
        'precision_recall',
        pl.DataFrame({'recall': quality.precision_recall.x, 'precision': quality.precision_recall.y}),
    )
    yield 'calibration', pl.DataFrame(quality.calibration._asdict())
    yield 'segments', _frame(quality.segments)
    lines = [{'run': run, **line} for run, found in quality.learning.items() for line in found]
    yield 'learning', pl.DataFrame(lines, infer_schema_length=None)


def _belief(belief: Belief) -> Iterator[tuple[str, pl.DataFrame]]:
    curves = [
        pl.DataFrame({'of': of, 'kind': kind, 'fields': curve.x, 'logit': curve.y})
        for of, found in (('deletion', belief.deletion), ('insertion', belief.insertion))
        for kind, curve in found.items()
    ]
    yield 'replaced', pl.concat(curves) if curves else pl.DataFrame()
    yield 'permuted', _frame(belief.permuted)


def _rows(rows: Sequence[Row], fields: Sequence[str]) -> pl.DataFrame:
    """Returns single rows; attention is a flat list in the order layer, head, field, attended field."""
    return pl.DataFrame(
        [
            {
                'row': row.number,
                'label': row.label,
                'probability': row.probability,
                'logit': row.logit,
                'values': _texts(row.values),
                'field_effects': row.field_effects.tolist(),
                'pairs': [{'fields': _texts([fields[f], fields[g]]), 'effect': effect} for f, g, effect in row.pairs],
                'attention': None if row.attention is None else row.attention.ravel().tolist(),
            }
            for row in rows
        ],
        infer_schema_length=None,
    )


def _maps(maps: np.ndarray, layers: Sequence[str], fields: Sequence[str]) -> pl.DataFrame:
    layer, head, field, attended = np.indices(maps.shape).reshape(4, -1)
    return pl.DataFrame(
        {
            'layer': _named(layers, layer),
            'head': head + 1,
            'field': _named(_texts(fields), field),
            'attended': _named(_texts(fields), attended),
            'weight': maps.ravel(),
        }
    )


def _named(names: Sequence[str], places: np.ndarray) -> pl.Series:
    """Returns the name of each place, as a column that stores every name once."""
    return pl.Series(list(names), dtype=pl.Enum(list(names))).gather(places)


def _frame(rows: Sequence[Any]) -> pl.DataFrame:
    """Returns named tuples as a table."""
    return pl.DataFrame([{name: _sound(value) for name, value in row._asdict().items()} for row in rows])


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    return _texts(value) if isinstance(value, tuple) else value


def _texts(texts: Sequence[str]) -> list[str]:
    return [_text(text) for text in texts]


def _text(text: str) -> str:
    """Returns a text that UTF-8 can hold: halves of surrogate pairs become escapes."""
    return text.encode('utf-8', 'backslashreplace').decode('utf-8')


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
