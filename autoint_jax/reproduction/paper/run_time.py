"""Figure 4: what measured training rates say of the paper's run times."""

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of

# The models of Figure 4, in the order of Table 2.
MODELS = ('lr', 'fm', 'deep_crossing', 'nfm', 'crossnet', 'cin', 'hofm', 'autoint')
MUCH_SLOWER = 2.0  # times AutoInt's seconds, from which on CIN counts as much slower
CRITERION = f"LR takes the fewest seconds of all; CIN at least {MUCH_SLOWER:g} times AutoInt's"
NO_VERDICT = (
    "The paper's other comparisons have no verdict. It timed a GPU, where networks this small most likely wait for kernels "
    'to start, so that AutoInt, DeepCrossing and NFM take about as long; where arithmetic is what takes the time, as on a '
    'CPU, they differ as their arithmetic does'
)
# What the paper's text compares without a number: (claim, dividend, divisor).
WITHOUT_VERDICT = (
    ("NFM takes about FM's time", 'nfm', 'fm'),
    ('AutoInt is comparable to DeepCrossing', 'autoint', 'deep_crossing'),
    ('AutoInt is comparable to NFM', 'autoint', 'nfm'),
    ('HOFM is slow, on KDD12 the slowest', 'hofm', 'autoint'),
)
NAME = 'figure4_run_time'


def timed(rates: Mapping[str, Sequence[float]], train_rows: int) -> list[dict[str, Any]]:
    """A row for each model: its median rate, the seconds of an epoch at it, and those as a multiple of LR's and AutoInt's.

    Args:
      rates: {model: rows per second, one a window}; 'lr' and 'autoint' are among them.
      train_rows: of an epoch.
    """
    seconds = {model: train_rows / statistics.median(windows) for model, windows in rates.items()}
    return [
        {
            'model': model,
            'epoch_seconds': seconds[model],
            'rows_per_second': statistics.median(windows),
            'slowest_window': min(windows),
            'fastest_window': max(windows),
            'times_lr': seconds[model] / seconds['lr'],
            'times_autoint': seconds[model] / seconds['autoint'],
        }
        for model, windows in rates.items()
    ]


def claims(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the paper's text says of Figure 4 beside our ratio of seconds; a verdict only where CRITERION has one, else None.

    Args:
      rows: of `timed`, of all MODELS.
    """
    seconds = {row['model']: row['epoch_seconds'] for row in rows}
    next_to_lr = min((model for model in seconds if model != 'lr'), key=seconds.__getitem__)
    judged = [
        ('LR is the fastest', next_to_lr, 'lr', seconds[next_to_lr] > seconds['lr']),
        ('CIN is much slower than AutoInt', 'cin', 'autoint', seconds['cin'] >= MUCH_SLOWER * seconds['autoint']),
    ]
    return [
        {
            'claim': claim,
            'of': f'{one} / {other}',
            'ratio': seconds[one] / seconds[other],
            'verdict': None if passed is None else comparison.verdict(passed),
        }
        for claim, one, other, passed in (*judged, *((*claim, None) for claim in WITHOUT_VERDICT))
    ]


def run_time_lines(results_dir: pathlib.Path) -> list[str]:
    """Markdown: Figure 4 from its records. Empty where there is none."""
    return lines_of(results_dir, f'{NAME}_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Figure 4, run time, `{record["dataset"]}`, {record["train_rows"]:,} training rows an epoch, '
        f'{record["measured_on"]}.** {record["criterion"]}.',
        '',
        '| model | seconds an epoch | rows/s | times LR | times AutoInt |',
        '|---|---|---|---|---|',
    ]
    lines += [
        f'| `{row["model"]}` | {row["epoch_seconds"]:.2f} | {row["rows_per_second"]:,.0f} | {row["times_lr"]:.1f} | '
        f'{row["times_autoint"]:.2f} |'
        for row in record['rows']
    ]
    lines += [
        '',
        '; '.join(
            f'{claim["claim"]}: {claim["of"]} is {claim["ratio"]:.2f}'
            + (f', {claim["verdict"]}' if claim['verdict'] else '')
            for claim in record['claims']
        )
        + f'. {record["no_verdict"]}.',
    ]
    if path.with_suffix('.png').exists():
        lines += ['', f'![seconds of an epoch]({path.with_suffix(".png")})']
    return lines
