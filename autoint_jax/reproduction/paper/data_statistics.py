"""Table 1: samples, fields and features of prepared data beside the counts of the paper.

`data/datasets/registry.py` holds these counts.
"""

import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.data.datasets import registry
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, nearest
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import MEND, read
from autoint_jax.reproduction.paper.markdown import table

FIGURES = ('rows', 'fields', 'features')
# {data set: {figure: allowed difference}}; 0 for others. In Criteo the authors also give an id to the empty value of
# the categorical fields that have one, at most 26; here it has no id (see data/datasets/criteo.py).
TOLERANCES = {'criteo': {'features': 26}}
NAME = 'table1_statistics'


def known_dataset(dataset: str) -> str:
    """Returns `dataset` if Table 1 of the paper has it. Raises UsageError otherwise."""
    counted = [name for name, one in registry.DATASETS.items() if one.published]
    if dataset not in counted:
        raise UsageError(
            f'the paper has no counts of data set {dataset!r}{nearest(dataset, counted)}; it has: {", ".join(counted)}'
        )
    return dataset


def prepared_as_published(dataset: str, data_dir: str | pathlib.Path) -> PreparedData | None:
    """Returns the data that is prepared by the recipe whose counts the paper gives; None if it is not prepared.

    Raises:
      UsageError: the data is damaged.
    """
    recipe = registry.named(dataset).published_recipe
    if recipe is None or not (folder_of(data_dir, dataset, recipe) / 'manifest.json').exists():
        return None
    return open_prepared(data_dir, dataset, recipe)


def compared(dataset: str, data: PreparedData) -> list[dict[str, Any]]:
    """Returns a row for each of FIGURES: the count of the paper, ours, and whether both agree within the tolerance."""
    known = registry.named(dataset)
    ours, rows = registry.figures(data, known.features), []
    for figure in FIGURES:
        paper, tolerance = known.published[figure], TOLERANCES.get(dataset, {}).get(figure, 0)
        rows.append(
            {
                'figure': figure,
                'paper': paper,
                'ours': ours[figure],
                'difference': ours[figure] - paper,
                'tolerance': tolerance,
                'verdict': comparison.verdict(abs(ours[figure] - paper) <= tolerance),
            }
        )
    return rows


def criterion(dataset: str) -> str:
    """Returns the criterion of a data set as a sentence."""
    return ', '.join(
        [
            "Counts equal the paper's",
            *(f'{figure} within {tolerance}' for figure, tolerance in TOLERANCES.get(dataset, {}).items()),
        ]
    )


def statistics_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of Table 1 from its records; [] if there is none.

    It shows data sets without a record as such.
    """
    names = [name for name, one in registry.DATASETS.items() if one.published]
    found = {name: path for name in names if (path := results_dir / f'{NAME}_{name}.json').exists()}
    if not found:
        return []
    tolerated = ''.join(
        f'; in `{name}` {figure} within {tolerance}'
        for name, figures in TOLERANCES.items()
        for figure, tolerance in figures.items()
    )
    lines = ['', f"**Table 1, data.** Counts equal the paper's{tolerated}.", '']
    cells = []
    for name in names:
        published = registry.named(name).published
        ours, verdict = dict.fromkeys(FIGURES, '-'), 'not prepared'
        if name in found:
            record = read(found[name])
            with stored.of_form(found[name], mend=MEND):
                ours, verdict = {row['figure']: f'{row["ours"]:,}' for row in record['rows']}, record['verdict']
                ours = {figure: ours[figure] for figure in FIGURES}
        counts = [count for figure in FIGURES for count in (ours[figure], f'{published[figure]:,}')]
        cells.append([f'`{name}`', *counts, verdict])
    return lines + table(['data set', 'samples', 'paper', 'fields', 'paper', 'features', 'paper', ''], cells)
