"""The Markdown about speed and exactness, written from the records of benchmarks."""

import pathlib
from typing import NamedTuple

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.comparisons import comparison_lines
from autoint_jax.reproduction.paper.markdown import table

KINDS = {'training step': 'training step', 'inference': 'scoring'}


def speed_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown about steps and scoring beside peers, growth with tables, copies, and the loop beside the step.

    Returns [] without records.
    """
    folder = results_dir / 'benchmarks'
    compared = lines_of(folder, '*.json', _compared)
    if compared:
        compared = lines_of(folder, '*.json', _machine)[:1] + [
            '',
            *table(['', 'shape', 'batch', 'autoint_jax', 'fastest peer', 'ratio', 'share of peak'], []),
            *compared,
        ]
    return compared + comparison_lines(folder) + lines_of(folder, '*.json', _of_loop)


def _is_compared(record: Record) -> bool:
    return record['benchmark'] in KINDS and bool(record['ratios'])


def _machine(record: Record, path: pathlib.Path) -> list[str]:
    if not _is_compared(record):
        return []
    return [
        f'Rows per second on {record["machine"]["cores"]} CPU cores ({record["machine"]["cpu"]}), measured in '
        'turn with each peer (`results/benchmarks/`); AutoInt as in the paper, tables and optimizer included.'
    ]


def _of_loop(record: Record, path: pathlib.Path) -> list[str]:
    """Returns the lines about growth with tables, copies or the loop; [] for another benchmark."""
    if record['benchmark'] == 'table growth':
        sizes = sorted(map(int, record['milliseconds']))
        return [
            '',
            f'A step with a table of {sizes[-1]:,} rows takes {record["ratio"]:.2f} times that with {sizes[0]:,} '
            f'(`{record["tables"]}`, goal {record["goal_ratio"]}); peak memory is at most '
            f'{_beyond(record):.2f} GB beyond tables and optimizer, evaluation included (goal '
            f'{record["goal_extra_bytes"] / 1e9:.0f}).',
        ]
    if record['benchmark'] == 'replicas':
        costs = [
            f'{count} cost {record["cost_relative_to_one"][str(count)]:.2f} times a run alone'
            for count in record['copies']
            if count > 1
        ]
        return [
            '',
            f'Steps of copies in one program, `{record["shape"]}` shape, variant `{record["variant"]}`, on '
            f'{record["machine"]["cores"]} cores ({record["machine"]["cpu"]}), which a run alone uses too: '
            f'{"; ".join(costs)}.',
        ]
    if record['benchmark'] == 'epoch':
        return [
            '',
            f'The training loop on the `{record["shape"]}` shape, data included, runs at {record["share"]:.2f} of the '
            f"step's rate, {record['share_with_evaluation']:.2f} with evaluation and checkpoint (goal "
            f'{record["goal_share"]}).',
        ]
    return []


def copy_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown about the cost of copies as commands, beside a run alone; [] without a record."""
    return lines_of(results_dir, 'replica_cost_*.json', _copy_lines)


def _copy_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = []
    alone, together = record['rows']
    goal = f' (goal: {record["goal"]}): {record["verdict"]}' if record['verdict'] else ''
    lines += [
        '',
        f'**Copies of AutoInt in one program, `{record["dataset"]}`, {record["machine"]["cores"]} CPU cores '
        f'({record["machine"]["cpu"]}).** {record["copies"]} copies cost {record["ratios"]["epoch"]:.2f} times a run '
        f'alone, by the epoch with evaluation and checkpoints{goal}; {record["ratios"]["command"]:.2f} times as '
        f'commands of {record["epochs"]} epochs. An epoch takes {alone["epoch_seconds"]:.2f} s alone, '
        f'{together["epoch_seconds"]:.2f} s for all {record["copies"]} (medians of {len(record["rounds"]["1"])} '
        'rounds).',
    ]
    return lines


class Peer(NamedTuple):
    """Another implementation that was measured in turn with this one.

    Attributes:
      name: the first word of its command.
      rows_per_second: its median.
      ratio: our rows per second divided by its own.
    """

    name: str
    rows_per_second: float
    ratio: float


def fastest_peer(record: Record) -> Peer:
    """Returns the fastest peer of a benchmark that has peers."""
    command = max(record['ratios'], key=lambda name: record['medians'][name])
    theirs = record['medians'][command]
    return Peer(command.split()[0], theirs, record['medians']['autoint_jax'] / theirs)


def _compared(record: Record, path: pathlib.Path) -> list[str]:
    """Returns the row of a benchmark with peers; [] for another benchmark."""
    if not _is_compared(record):
        return []
    peer, ours = fastest_peer(record), record['medians']['autoint_jax']
    tables = f' ({record["tables"]})' if record['benchmark'] == 'training step' else ''
    return [
        f'| {KINDS[record["benchmark"]]}{tables} | {record["shape"]} | {record["batch"]} | {ours:,.0f} | '
        f'{peer.rows_per_second:,.0f} '
        f'(`{peer.name}`) | {peer.ratio:.2f} | {record["roofline"]["share"]:.2f} |'
    ]


def _beyond(record: Record) -> float:
    return max(held['peak_bytes_with_flush'] - held['state_bytes'] for held in record['memory'].values()) / 1e9


def exactness_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown about deferred Adam and bfloat16 beside dense Adam in float32; [] without a record."""
    return lines_of(results_dir, 'exactness_*.json', _exactness_lines)


def _exactness_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'What faster arithmetic costs (`{path.name}`; {record["criterion"]}: {record["verdict"]}). Dense '
        f'Adam in the form `{record.get("reference_form", "automatic")}`; parameters after '
        f'{record["followed_steps"]:,} steps. '
        'A control is dense Adam in another form: what rounding alone does.',
        '',
    ]
    return lines + table(
        ['variant', 'AUC', 'minus dense Adam, by seed', 'logloss', 'tables differ by, share of movement'],
        [
            [
                row['variant'].replace('_', ' '),
                f'{row["auc"]:.4f}',
                ', '.join(row['auc_differences']),
                f'{row["logloss"]:.4f}',
                f'{row["tables_difference"] / row["tables_movement"]:.1e}',
            ]
            for row in record['rows']
        ],
    )
