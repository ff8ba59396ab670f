"""The lines about daily training on its page, from the record of experiments/daily_training.py."""

import pathlib
from typing import Any

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper import markdown


def daily_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the record of daily training; [] if there is none.

    Raises UsageError if the record cannot be read or has another form than expected.
    """
    return lines_of(results_dir, 'daily_training.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    rows: list[dict[str, Any]] = record['rows']
    whole = sum(row['daily_whole_seconds'] for row in rows) / sum(row['again_whole_seconds'] for row in rows)
    lines = [
        f'{record["criterion"]}: {record["verdict"]}. Each day has {record["day_rows"]:,} rows, seed {record["seed"]}. '
        f'The mean difference of AUC is {record["auc_difference"]:+.4f}, and daily training takes '
        f'{record["time_share"]:.1%} of the CPU time of the steps, {whole:.1%} with preparation, compilation and '
        'evaluation.',
        '',
    ]
    return lines + markdown.table(
        ['day', 'AUC daily', 'AUC again', 'difference', 'NE daily', 'NE again', 'CPU s daily', 'CPU s again', 'epochs'],
        [
            [
                row['day'],
                f'{row["daily_auc"]:.4f}',
                f'{row["again_auc"]:.4f}',
                f'{row["auc_difference"]:+.4f}',
                f'{row["daily_normalized_entropy"]:.4f}',
                f'{row["again_normalized_entropy"]:.4f}',
                f'{row["daily_seconds"]:.1f}',
                f'{row["again_seconds"]:.1f}',
                f'{row["again_epochs"]:g}',
            ]
            for row in rows
        ],
    )
