"""What a preparation reports at its end: numbers of rows, fields and features, bad rows, unknown values, warnings."""

from collections.abc import Callable, Iterator

from autoint_jax import stored
from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.click_logs import features_as_the_paper_counts
from autoint_jax.data.encoding import unknown_report, unknown_values
from autoint_jax.data.raw.bad_rows import SIDE_FILE
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.opening import OWN_TABLE
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.value_checks import AGAIN
from autoint_jax.schema import Schema


def lines(data: PreparedData, dataset: str) -> Iterator[str]:
    """Yields the lines about prepared data of a data set, which may be OWN_TABLE."""
    yield from _figures(data, dataset)
    yield from _splits(data)
    with stored.of_form(data.folder / 'manifest.json', mend=AGAIN):
        yield from unknown_report.lines(data.preparation.get(unknown_values.VALUES_KEY, {}))
        for note in data.preparation.get('notes', ()):
            yield f'WARNING: {note}'


def _figures(data: PreparedData, dataset: str) -> Iterator[str]:
    """Yields rows, fields and features, beside the paper's Table 1 if the data set and the recipe are in it."""
    published: dict[str, int] = {}
    features: Callable[[Schema], int] = features_as_the_paper_counts
    if dataset != OWN_TABLE:
        known = registry.named(dataset)
        published = known.published if known.published_recipe == data.manifest['recipe'] else {}
        features = known.features
    for figure, value in registry.figures(data, features).items():
        beside = f'   paper, Table 1: {published[figure]:>11,}' if figure in published else ''
        yield f'{figure:>10}: {value:>11,}{beside}'


def _splits(data: PreparedData) -> Iterator[str]:
    """Yields the rows of each split, and the first rows that could not be parsed."""
    for split in SPLITS:
        counts = data.manifest['splits'][split]
        yield f'{split:>10}: {counts["rows"]:>11,} rows, {counts["positives"] / max(counts["rows"], 1):.2%} positive'
    bad = data.manifest.get('bad_rows')
    if bad:
        yield (
            f'{bad:,} {"row" if bad == 1 else "rows"} could not be parsed and {"is" if bad == 1 else "are"} left out, '
            f'see {data.folder / SIDE_FILE}; the first:'
        )
        for row in data.manifest['first_bad_rows']:
            yield f'  {row["file"]} line {row["line"]}: {row["reason"]}'
