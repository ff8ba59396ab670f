"""Data sets by name, and their preparation."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from autoint_jax.data import movielens
from autoint_jax.data.movielens_files import MovieLens, read_1m, read_100k
from autoint_jax.data.prepared import PreparedData, folder_of, sha256_of, write_prepared
from autoint_jax.errors import UsageError, nearest


class Dataset(NamedTuple):
    """A data set this project can prepare.

    Attributes:
      read: folder of raw files -> raw rows.
      recipes: by name; the first is the default.
      published: figures to show beside ours, {figure: value}, for the recipe that `published_recipe` names.
    """

    read: Callable[[pathlib.Path], MovieLens]
    recipes: dict[str, movielens.Recipe]
    published: dict[str, int]
    published_recipe: str | None


DATASETS = {
    'movielens_100k': Dataset(read_100k, {'with_ids': movielens.RECIPES['with_ids']}, {}, None),
    'movielens_1m': Dataset(read_1m, movielens.RECIPES, {'rows': 739_012, 'fields': 7, 'features': 3_529},
                            'autoint_all_rows'),
}


def named(dataset: str) -> Dataset:
    """Raises UsageError on an unknown name."""
    if dataset not in DATASETS:
        raise UsageError(f'unknown data set {dataset!r}{nearest(dataset, list(DATASETS))}; known: {", ".join(DATASETS)}')
    return DATASETS[dataset]


def recipe_name(dataset: str, recipe: str | None) -> str:
    """`recipe`, checked, or the data set's default. Raises UsageError."""
    recipes = named(dataset).recipes
    if recipe is None:
        return next(iter(recipes))
    if recipe not in recipes:
        raise UsageError(f'data set {dataset!r} has no recipe {recipe!r}{nearest(recipe, list(recipes))}; '
                         f'it has: {", ".join(recipes)}')
    return recipe


def prepare(dataset: str, recipe: str, raw_dir: pathlib.Path, data_dir: pathlib.Path) -> PreparedData:
    """Reads raw files, encodes them by a recipe and writes prepared data. Raises UsageError."""
    raw = named(dataset).read(raw_dir)
    encoded = movielens.encode(raw, named(dataset).recipes[recipe_name(dataset, recipe)])
    return write_prepared(
        folder_of(data_dir, dataset, recipe), schema=encoded.schema, vocabularies=encoded.vocabularies,
        splits=encoded.splits, description={
            'dataset': dataset, 'recipe': recipe, 'parameters': encoded.parameters,
            'sources_sha256': {path.name: sha256_of(path) for path in raw.files}})


def figures(data: PreparedData) -> dict[str, int]:
    """Rows, fields and features as the paper's Table 1 counts them."""
    return {'rows': sum(split['rows'] for split in data.manifest['splits'].values()),
            'fields': len(data.schema.fields),
            'features': movielens.features_as_the_paper_counts(data.schema)}
