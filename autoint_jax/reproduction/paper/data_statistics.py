"""Table 1: samples, fields and features of prepared data beside the paper's counts, which `data/datasets/registry.py` holds."""

import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.data.datasets import registry
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, nearest
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import MEND, read

FIGURES = ('rows', 'fields', 'features')
# {data set: {figure: difference allowed}}; 0 where not named. In Criteo the authors also number the empty value of the
# categorical fields that have one, 26 at most; here it has no id (see data/datasets/criteo.py).
TOLERANCES = {'criteo': {'features': 26}}
NAME = 'table1_statistics'


def known_dataset(dataset: str) -> str:
    """`dataset`, if the paper's Table 1 has it. Raises UsageError."""
    counted = [name for name, one in registry.DATASETS.items() if one.published]
    if dataset not in counted:
        raise UsageError(
            f'the paper has no counts of data set {dataset!r}{nearest(dataset, counted)}; it has: {", ".join(counted)}'
        )
    return dataset


def prepared_as_published(dataset: str, data_dir: str | pathlib.Path) -> PreparedData | None:
    """The data prepared by the recipe whose counts the paper gives; None where it is not prepared.

    Raises UsageError where it is damaged.
    """
    recipe = registry.named(dataset).published_recipe
    if not (folder_of(data_dir, dataset, recipe) / 'manifest.json').exists():
        return None
    return open_prepared(data_dir, dataset, recipe)


def compared(dataset: str, data: PreparedData) -> list[dict[str, Any]]:
    """A row for each of FIGURES: the paper's count, ours, and whether they differ by no more than the tolerance."""
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
    """What the verdict of a data set stands for, in words."""
    return ', '.join(
        [
            "Counts equal the paper's",
            *(f'{figure} within {tolerance}' for figure, tolerance in TOLERANCES.get(dataset, {}).items()),
        ]
    )


def statistics_lines(results_dir: pathlib.Path) -> list[str]:
    """Markdown: Table 1 from its records, data sets without one shown as such. Empty where there is no record."""
    names = [name for name, one in registry.DATASETS.items() if one.published]
    found = {name: path for name in names if (path := results_dir / f'{NAME}_{name}.json').exists()}
    if not found:
        return []
    tolerated = ''.join(
        f'; in `{name}` {figure} within {tolerance}'
        for name, figures in TOLERANCES.items()
        for figure, tolerance in figures.items()
    )
    lines = [
        '',
        f"**Table 1, data.** Counts equal the paper's{tolerated}.",
        '',
        '| data set | samples | paper | fields | paper | features | paper | |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for name in names:
        published = registry.named(name).published
        ours, verdict = dict.fromkeys(FIGURES, '-'), 'not prepared'
        if name in found:
            record = read(found[name])
            with stored.of_form(found[name], mend=MEND):
                ours, verdict = {row['figure']: f'{row["ours"]:,}' for row in record['rows']}, record['verdict']
                ours = {figure: ours[figure] for figure in FIGURES}
        counts = ' | '.join(f'{ours[figure]} | {published[figure]:,}' for figure in FIGURES)
        lines.append(f'| `{name}` | {counts} | {verdict} |')
    return lines
