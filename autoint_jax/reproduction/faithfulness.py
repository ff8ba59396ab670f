"""How well strengths of groups find the groups that are planted, and the page about experiments/faithfulness.py."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.evaluation.ranking import auc
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper import markdown

RESAMPLES, LEVEL = 2000, 0.95  # of the bootstrap over seeds; share of the resamples within an interval
PAIRS, TRIPLES = 2, 3
WORDS = {PAIRS: 'pairs', TRIPLES: 'triples'}
JUDGED = 'intervention'  # the kind of evidence that has to find the planted groups

Group = tuple[str, ...]


class Detection(NamedTuple):
    """How well one run finds the interacting groups.

    Attributes:
      auc: share of the pairs of an interacting and another group in which the former is stronger; ties count half.
      first: whether every interacting group is stronger than every other one.
    """

    auc: float
    first: bool


def detection(strengths: Mapping[Group, float], interacting: Set[Group]) -> Detection:
    """Returns how well the strengths of all groups tell the interacting ones from the others."""
    truth = np.array([group in interacting for group in strengths])
    values = np.array(list(strengths.values()))
    return Detection(auc(values, truth.astype(np.float32)), bool(values[truth].min() > values[~truth].max()))


def of_triples(pairs: Mapping[Group, float]) -> dict[Group, float]:
    """Returns the strength of every triple as the mean of its pairs, for evidence that knows pairs only.

    Args:
      pairs: the strength of every pair, by names of fields in the order of the schema.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    return {
        triple: float(np.mean([pairs[pair] for pair in itertools.combinations(triple, 2)]))
        for triple in itertools.combinations(names, 3)
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns a 95 % interval of the mean of some values, by resampling them."""
    drawn = np.random.default_rng(1979).integers(0, len(values), (RESAMPLES, len(values)))
    means = np.asarray(values)[drawn].mean(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each strength, density, model, order and kind of evidence, with figures over seeds.

    Args:
      runs: the record of each run: strength, density, model, seed, test_auc, best_auc, and 'found' with
        {order: {kind: {auc, first}}}.
    """
    found: dict[tuple[Any, ...], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for run in runs:
        for order, kinds in run['found'].items():
            for kind, figures in kinds.items():
                key = (run['strength'], run['density'], run['model'], int(order), kind)
                found.setdefault(key, []).append((run, figures))
    rows = []
    for (strength, density, model, order, kind), seeds in found.items():
        areas = [figures['auc'] for _, figures in seeds]
        low, high = interval(areas)
        rows.append(
            {
                'strength': strength,
                'density': density,
                'model': model,
                'order': order,
                'kind': kind,
                'auc': float(np.mean(areas)),
                'low': low,
                'high': high,
                'first': sum(figures['first'] for _, figures in seeds),
                'seeds': len(seeds),
                'test_auc': float(np.mean([run['test_auc'] for run, _ in seeds])),
                'best_auc': float(np.mean([run['best_auc'] for run, _ in seeds])),
                'auc_of_seeds': [f'{area:.4f}' for area in areas],
                'test_auc_of_seeds': [f'{run["test_auc"]:.4f}' for run, _ in seeds],
            }
        )
    return rows


def show(table: Sequence[Mapping[str, Any]]) -> None:
    """Prints the rows of `summary` as a table."""
    comparison.show(
        'planted interactions',
        ['strength', 'density', 'model', 'groups', 'evidence', 'AUC', 'interval', 'all first', 'test AUC', 'best'],
        [
            [f'{row["strength"]:g}', row['density'], row['model'], WORDS[row['order']], row['kind']]
            + [f'{row["auc"]:.3f}', f'{row["low"]:.3f} to {row["high"]:.3f}', f'{row["first"]} of {row["seeds"]}']
            + [f'{row["test_auc"]:.4f}', f'{row["best_auc"]:.4f}']
            for row in table
        ],
    )


def faithfulness_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the record of experiments/faithfulness.py; [] if there is none.

    Raises UsageError if the record cannot be read or has another form than expected.
    """
    return lines_of(results_dir, 'faithfulness.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    rows, lines = record['rows'], [f'{record["criterion"]}: {record["verdict"]}.']
    kinds = list(dict.fromkeys(row['kind'] for row in rows))
    for order, words in WORDS.items():
        lines += ['', f'**Area under the ROC curve of finding the interacting {words}**', '']
        settings: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            if row['order'] == order:
                settings.setdefault((row['strength'], row['density'], row['model']), {})[row['kind']] = row
        lines += markdown.table(
            ['strength', 'density', 'model', *kinds, 'test AUC', 'best possible'],
            [
                [f'{strength:g}', density, f'`{model}`', *(_cell(of_kind.get(kind)) for kind in kinds)]
                + [f'{of_kind[JUDGED]["test_auc"]:.4f}', f'{of_kind[JUDGED]["best_auc"]:.4f}']
                for (strength, density, model), of_kind in settings.items()
            ],
        )
    lines += ['', *map(_sentence, kinds, [rows] * len(kinds))]
    return lines


def _cell(row: Mapping[str, Any] | None) -> str:
    """Returns text such as '0.912 (0.880, 0.940), 3': the mean, its interval, and in how many seeds all are first."""
    return '-' if row is None else f'{row["auc"]:.3f} ({row["low"]:.3f}, {row["high"]:.3f}), {row["first"]}'


def _sentence(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns a line of a list that sums up a kind of evidence over all settings."""
    parts = []
    for order, words in WORDS.items():
        own = [row for row in rows if row['kind'] == kind and row['order'] == order]
        areas = [row['auc'] for row in own]
        parts.append(
            f'{words}: AUC {min(areas):.3f} to {max(areas):.3f}, all first in {sum(row["first"] for row in own)} of '
            f'{sum(row["seeds"] for row in own)} runs'
        )
    return f'- `{kind}`: {"; ".join(parts)}.'
