"""The lines about the speed of scoring: times of a server, and the rate and the memory of predict.py."""

import pathlib
import statistics

from autoint_jax.records.comparison import verdict
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper import markdown

LEAST_SHARE, MOST_MEMORY = 0.9, 1.15
_SHOWN = (('rate', 0), ('cpu', 1))  # figures of a window, with their digits


def serving_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the record of experiments/serving_load.py; [] if there is none. Raises UsageError."""
    return lines_of(results_dir, 'benchmarks/serving.json', _serving)


def predict_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the record of experiments/predict_rate.py; [] if there is none. Raises UsageError."""
    return lines_of(results_dir, 'benchmarks/predict_rate.json', _predict)


def _serving(record: Record, path: pathlib.Path) -> list[str]:
    loads = record['loads']
    limited = [one for one in loads if one['limit_ms']]
    wanted = ' and '.join(f'{one["limit_ms"]:g} ms for {one["candidates"]:,}' for one in limited)
    good = all(one['p99_ms'] < one['limit_ms'] for one in limited) and not any(one['failed'] for one in loads)
    lines = [f'Goal: a p99 at random times below {wanted} candidates: {verdict(good)} ([record]({path})).', '']
    return lines + markdown.table(
        ['candidates', 'load', 'p50', 'p95', 'p99', 'CPU time'],
        [
            [
                f'{one["candidates"]:,}',
                f'at random times, {one["rate"]:g} a second'
                if one['rate']
                else f'one request after the other, {one["requests_per_second"]:.0f} a second',
                *(f'{one[name]:.1f} ms' for name in ('p50_ms', 'p95_ms', 'p99_ms', 'server_cpu_ms')),
            ]
            for one in loads
        ],
    )


def _predict(record: Record, path: pathlib.Path) -> list[str]:
    (few, least), (many, most) = list(record['memory_bytes'].items())
    good = record['share'] >= LEAST_SHARE and most <= MOST_MEMORY * least
    memory = f'{_taken(few, least)}, and {_taken(many, most)}'
    lines = [
        f"Rows of Criteo's shape are scored at {record['share']:.2f} of the rate of the slower of two parts, "
        f'which are the model alone and reading alone. {memory}. '
        f'Goal: at least {LEAST_SHARE} of the rate, and at most {MOST_MEMORY:g} times the memory: {verdict(good)} '
        f'([record]({path})).',
        '',
    ]
    return lines + markdown.table(
        ['measured', 'rows a second', 'CPU seconds of a million rows'],
        [
            [name, *(f'{statistics.median(one[key] for one in own):,.{digits}f}' for key, digits in _SHOWN)]
            for name, own in record['windows'].items()
        ],
    )


def _taken(rows: str, size: int) -> str:
    """Returns a sentence on the bytes of memory that a text such as '1000000 rows' takes."""
    count, _, noun = rows.partition(' ')
    return f'{int(count):,} {noun} take {size / 2**20:,.0f} MiB of memory'
