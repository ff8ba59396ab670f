"""The lines about crossed fields on the page of results, from the records of experiments/crosses.py."""

import pathlib

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper import markdown

SHAPES = {'movielens_1m': 'MovieLens-1M', 'criteo': "generated rows of Criteo's shape"}


def crosses_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the records of crosses; [] if there are none.

    Raises UsageError if a record cannot be read or has another form than expected.
    """
    return lines_of(results_dir, 'crosses_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    pairs = ', '.join(' x '.join(fields) for fields in record['strongest'][:5])
    over = record['over_random']
    lines = [
        '',
        f'**LR with crossed fields, {SHAPES.get(record["dataset"], record["dataset"])}, {record["data_rows"]:,} rows, '
        f'{record["seeds"]} seeds.** {record["criterion"]}: {record["verdict"]}. The strongest pairs in AutoInt are '
        f'{pairs}. Five of them gain {over["value"]:+.4f} AUC over five random ones ({over["low"]:+.4f} to '
        f'{over["high"]:+.4f}).',
        '',
    ]
    return lines + markdown.table(
        ['crosses', 'AUC', 'gain', '95 % interval', 'logloss', 'gain', 'values in tables'],
        [
            [
                f'{row["count"]} {row["crosses"]}' if row['count'] else 'none',
                f'{row["auc"]:.4f} ± {row["auc_deviation"]:.4f}',
                f'{row["auc_gain"]:+.4f}' if row['count'] else '',
                f'{row["auc_gain_low"]:+.4f} to {row["auc_gain_high"]:+.4f}' if row['count'] else '',
                f'{row["logloss"]:.4f}',
                f'{row["logloss_gain"]:+.4f}' if row['count'] else '',
                f'{row["values"]:,}',
            ]
            for row in record['rows']
        ],
    )
