"""Figure 4: measured training rates beside the run times of the paper."""

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from autoint_jax.models import registry
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.markdown import table

# The models of Figure 4, in the order of Table 2
MODELS = ('lr', 'fm', 'deep_crossing', 'nfm', 'crossnet', 'cin', 'hofm', 'autoint')
AUTOINT_PLUS = 'autoint_plus'  # AutoInt with hidden layers, which has a configuration but no name of its own
MUCH_SLOWER = 2.0  # CIN counts as much slower if it takes so many times AutoInt's seconds
CRITERION = f"Of the paper's models LR takes the fewest seconds; CIN at least {MUCH_SLOWER:g} times AutoInt's"
NO_VERDICT = (
    "The paper's other comparisons have no verdict. It timed a GPU, where networks this small most likely wait for "
    'kernels to start, so that AutoInt, DeepCrossing and NFM take about as long; where arithmetic is what takes the '
    'time, as on a CPU, they differ as their arithmetic does'
)
# Claims of the paper without a number: (claim, model of the dividend, model of the divisor).
WITHOUT_VERDICT = (
    ("NFM takes about FM's time", 'nfm', 'fm'),
    ('AutoInt is comparable to DeepCrossing', 'autoint', 'deep_crossing'),
    ('AutoInt is comparable to NFM', 'autoint', 'nfm'),
    ('HOFM is slow, on KDD12 the slowest', 'hofm', 'autoint'),
)
NAME = 'figure4_run_time'


def others() -> list[str]:
    """Returns the models that the paper's figure does not have."""
    return [model for model in (*registry.MODELS, AUTOINT_PLUS) if model not in MODELS]


def timed(rates: Mapping[str, Sequence[float]], train_rows: int) -> list[dict[str, Any]]:
    """Returns a row for each model: its median rate, seconds of an epoch, and their ratio to LR and AutoInt.

    Args:
      rates: {model: rows per second of each window}; it has 'lr' and 'autoint'.
      train_rows: the number of rows of an epoch.
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
    """Returns the paper's claims about Figure 4 beside our ratio of seconds.

    Claims outside CRITERION have no verdict, but None.

    Args:
      rows: the rows of `timed` for all MODELS; those of other models are left out.
    """
    seconds = {row['model']: row['epoch_seconds'] for row in rows if row['model'] in MODELS}
    next_to_lr = min((model for model in seconds if model != 'lr'), key=seconds.__getitem__)
    judged: list[tuple[str, str, str, bool | None]] = [
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
    """Returns Markdown of Figure 4 from its records; [] if there is none."""
    return lines_of(results_dir, f'{NAME}_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Figure 4, run time, `{record["dataset"]}`, {record["train_rows"]:,} training rows an epoch, '
        f'{record["measured_on"]}.** {record["criterion"]}.',
        '',
    ]
    lines += table(
        ['model', 'seconds an epoch', 'rows/s', 'times LR', 'times AutoInt'],
        [
            [
                f'`{row["model"]}`',
                f'{row["epoch_seconds"]:.2f}',
                f'{row["rows_per_second"]:,.0f}',
                f'{row["times_lr"]:.1f}',
                f'{row["times_autoint"]:.2f}',
            ]
            for row in record['rows']
        ],
    )
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
