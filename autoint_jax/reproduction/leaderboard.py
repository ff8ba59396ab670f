"""The lines about leaderboards on docs/leaderboard.md, from the records of experiments/leaderboard.py."""

import pathlib

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper import markdown


def leaderboard_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the records of leaderboards; [] if there are none.

    Raises UsageError if a record cannot be read or has another form than expected.
    """
    return lines_of(results_dir, 'leaderboard_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    rows = ', '.join(f'{count:,} {split}' for split, count in record['data_rows'].items())
    lines = [
        '',
        f'**`{record["dataset"]}`, recipe `{record["recipe"]}`** (rows: {rows}): {record["trials_of_a_model"]} trials '
        f'and {record["seeds_of_a_model"]} seeds of each model, at most {record["epochs_of_a_run"]} epochs and '
        f'{record["most_parameters"]:,} parameters outside the embeddings. The order is that of the validation '
        'logloss. Each p belongs to the difference before it, and is adjusted by Holm. Parameters include embeddings.',
        '',
    ]
    beside = record.get('beside', '')  # records of earlier versions have none
    header = ['model', 'test logloss', 'behind the best', 'p', *([f'minus `{beside}`', 'p'] if beside else [])]
    lines += markdown.table(
        [*header, 'test AUC', 'parameters', 'failed trials', 'epochs searched'],
        [
            [
                f'`{row["model"]}`',
                f'{row["test_logloss"]:.4f}{_behind(row["test_logloss_deviation"])}',
                _signed(None if row['difference'] is None else -row['difference']),
                _p(row['p_t']),
                *([_signed(row['minus_beside']), _p(row['p_t_beside'])] if beside else []),
                f'{row["test_auc"]:.4f}{_behind(row["test_auc_deviation"])}',
                f'{row["parameters"] + row["embedding_parameters"]:,}',
                row['failed_trials'],
                f'{row["searched_epochs"]:,.0f}',
            ]
            for row in record['rows']
        ],
    )
    left_out = [f'{model} has no place: {reason}.' for model, reason in record['left_out'].items()]
    return [*lines, '', '. '.join(record['answer']) + '.', *left_out]


def _signed(difference: float | None) -> str:
    return '' if difference is None else f'{difference:+.4f}'


def _p(p: float | None) -> str:
    return '' if p is None else '< 0.0001' if p < 1e-4 else f'{p:.2g}'


def _behind(deviation: float | None) -> str:
    return '' if deviation is None else f' ± {deviation:.4f}'
