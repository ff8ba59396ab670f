"""Figure 7: the runs whose attention is measured, and the attention of the field pairs that the paper names."""

import csv
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.explain.pairs import rank_correlations, ranked_pairs
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run_folder import contents

LEAST_CORRELATION = 0.5
ONE_SEED = 'ONE SEED'  # stands in place of a verdict
CRITERION = (
    'A pair passes if in every seed, two at least, it is among the strongest third of all pairs of different fields '
    '(mean of both directions, layers and heads); seeds agree if the rank correlation of every two is at least '
    f'{LEAST_CORRELATION}'
)
NAME = 'figure7_attention'


def trained_seeds(
    name: str,
    config: Config,
    seeds: int,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> list[pathlib.Path]:
    """Returns the folders of the complete runs of seeds 0 to `seeds - 1`, with their checkpoints.

    Missing runs are trained.

    `completed_seeds` accepts a record without a run folder, but here the folder is needed. A run without a record
    is recorded.

    Raises:
      UsageError: as `completed_seeds` raises it.
    """
    runs.recorded_seeds(name, config, seeds, data, results_dir)  # raises before training if records used other data
    with tempfile.TemporaryDirectory() as no_records:  # without records, the folder of every run is read
        found = completed_seeds(
            name, config, seeds, data, runs_dir=runs_dir, results_dir=pathlib.Path(no_records), reporter=reporter
        )
    for seed, record in enumerate(found):
        if runs.recorded(record.run, configuration.replace(config, {'seed': seed}), data, results_dir) is None:
            runs.record(record.run, runs_dir / record.run, results_dir)
    return [runs_dir / record.run for record in found]


def about(folder: pathlib.Path) -> dict[str, Any]:
    """Describes the run whose attention is shown. It may be younger than a record of the same run.

    Raises ValueError if the run is not complete.
    """
    result, run = contents.read_result(folder), contents.read_run(folder)
    if result is None:
        raise ValueError(f'{folder} has no result: its run is not complete')
    return {
        'run': folder.name,
        'test': result.test,
        'best_epoch': result.best_epoch,
        'commits': sorted({start.commit or '' for start in run.starts}),
    }


def judged(
    attentions: Sequence[np.ndarray], names: Sequence[str], claimed: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Returns a row for each pair of different fields, the strongest first.

    Only claimed pairs have a verdict, others None.

    Args:
      attentions: the attention of each seed, averaged over rows, [l, n, f, g].
      names: the names of the fields [f].
      claimed: the pairs that the paper names, in either order.
    """
    by_seed = [
        {pair.fields: pair.rank for pair in ranked_pairs(attention.mean((0, 1)), names)} for attention in attentions
    ]
    pairs = ranked_pairs(np.mean(attentions, 0).mean((0, 1)), names)
    named = {frozenset(pair) for pair in claimed}
    rows = []
    for pair in pairs:
        ranks = [of_seed[pair.fields] for of_seed in by_seed]
        strong = all(3 * rank <= len(pairs) for rank in ranks)
        rows.append(
            {
                **pair._asdict(),
                'fields': list(pair.fields),
                'pairs': len(pairs),
                'ordered_pairs': 2 * len(pairs),
                'ranks_of_seeds': [str(rank) for rank in ranks],
                'verdict': None if frozenset(pair.fields) not in named else verdict(strong, len(attentions)),
            }
        )
    return rows


def agreement(attentions: Sequence[np.ndarray]) -> dict[str, Any]:
    """Returns the rank correlations of every two seeds, and a verdict: whether all are at least LEAST_CORRELATION.

    Args:
      attentions: the attention of each seed, averaged over rows, [l, n, f, g].
    """
    correlations = rank_correlations([attention.mean((0, 1)) for attention in attentions])
    agree = all(correlation >= LEAST_CORRELATION for correlation in correlations)
    return {'rank_correlations': correlations, 'verdict': verdict(agree, len(attentions))}


def verdict(passed: bool, seeds: int) -> str:
    """Returns PASS or FAIL, or ONE_SEED, because a single run may not be typical."""
    return comparison.verdict(passed) if seeds > 1 else ONE_SEED


def write_weights(path: pathlib.Path, attentions: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """Writes a CSV with the weight of every seed, layer, head and ordered pair.

    Heads of different seeds do not correspond.

    Args:
      path: the path of the CSV.
      attentions: the attention of each seed, averaged over rows, [l, n, f, g].
      names: the names of the fields [f].
    """
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['seed', 'layer', 'head', 'field', 'attends_to', 'weight'])
        for seed, attention in enumerate(attentions):
            for layer, head, f, g in np.ndindex(*attention.shape):
                writer.writerow([seed, layer + 1, head + 1, names[f], names[g], f'{attention[layer, head, f, g]:.6f}'])


def attention_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of Figure 7 from its records; [] if there is none."""
    return lines_of(results_dir, f'{NAME}_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Figure 7, attention, `{record["dataset"]}`, {record["rows_averaged"]:,} {record["split"]} rows, '
        f'{record["seeds"]} seed{"s" if record["seeds"] > 1 else ""}.** {record["criterion"]}.',
        '',
    ]
    lines += table(
        ['pair the paper names', 'rank', 'of pairs', 'rank in each seed', 'weight, there and back', ''],
        [
            [
                ', '.join(row['fields']),
                row['rank'],
                row['pairs'],
                ', '.join(row['ranks_of_seeds']),
                f'{row["forward"]:.3f}, {row["backward"]:.3f}',
                row['verdict'],
            ]
            for row in record['rows']
            if row['verdict']
        ],
    )
    strongest = '; '.join(', '.join(row['fields']) for row in record['rows'][:3])
    agreed = record['agreement']
    correlations = ', '.join(f'{correlation:.2f}' for correlation in agreed['rank_correlations']) or 'none'
    lines += [
        '',
        f'Strongest pairs here: {strongest}. Rank correlations between seeds: {correlations}: {agreed["verdict"]}.',
    ]
    image = path.with_name(f'{path.stem}_mean.png')
    if image.exists():
        lines += ['', f'![attention of fields to fields]({image})']
    return lines
