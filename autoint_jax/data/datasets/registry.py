"""The data sets by name, and their preparation."""

import os
import pathlib
from collections.abc import Callable

from autoint_jax.data.datasets import avazu, bars_tables, criteo, kdd12, movielens, movielens_files, own_table
from autoint_jax.data.datasets.dataset import Dataset, Options, of_movielens, of_table
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.movielens_files import files_1m, files_100k, read_1m, read_100k
from autoint_jax.data.datasets.references import OWN_TABLE_REFERENCE, Reference
from autoint_jax.data.preparation import staleness
from autoint_jax.data.store.listener import Say
from autoint_jax.data.store.opening import OWN_TABLE, folder_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import Schema

# {name: data set}, with the figures of the paper's Table 1.
DATASETS = {
    'movielens_100k': of_movielens(
        'movielens_100k',
        read_100k,
        files_100k,
        {'with_ids': movielens.RECIPES['with_ids']},
        movielens_files.REFERENCE_100K,
        {},
    ),
    'movielens_1m': of_movielens(
        'movielens_1m',
        read_1m,
        files_1m,
        movielens.RECIPES,
        movielens_files.REFERENCE_1M,
        {'rows': 739_012, 'fields': 7, 'features': 3_529},
    ),
    'criteo': of_table(
        'criteo', criteo.CRITEO, criteo.REFERENCE, {'rows': 45_840_617, 'fields': 39, 'features': 998_960}
    ),
    'avazu': of_table('avazu', avazu.AVAZU, avazu.REFERENCE, {'rows': 40_428_967, 'fields': 23, 'features': 1_544_488}),
    'kdd12': of_table(
        'kdd12', kdd12.KDD12, kdd12.REFERENCE, {'rows': 149_639_105, 'fields': 13, 'features': 6_019_086}
    ),
    **{name: of_table(name, table, bars_tables.REFERENCES[name], {}) for name, table in bars_tables.TABLES.items()},
}


def named(dataset: str) -> Dataset:
    """Returns the data set of that name. Raises UsageError if there is none."""
    if dataset not in DATASETS:
        raise unknown(dataset, list(DATASETS))
    return DATASETS[dataset]


def unknown(dataset: str, known: list[str]) -> UsageError:
    """Returns the error that there is no data set of that name, which says where data that BARS calls so is."""
    if dataset in ('criteo_x4', 'avazu_x4'):
        meant = f' (the rows that BARS calls {dataset} are --dataset={dataset.removesuffix("_x4")} --recipe=bars)'
    else:
        meant = nearest(dataset, known)
    return UsageError(f'unknown data set {dataset!r}{meant}; known: {", ".join(known)}')


def reference_of(dataset: str) -> Reference:
    """The reference of a data set, or of tables of users. Raises UsageError on an unknown name."""
    return OWN_TABLE_REFERENCE if dataset == OWN_TABLE else named(dataset).reference


def recipe_name(dataset: str, recipe: str | None) -> str:
    """Returns `recipe`, or the data set's default if it is None.

    Raises UsageError if there is no such data set or recipe.
    """
    recipes = named(dataset).recipes
    if recipe is None:
        return next(iter(recipes))
    if recipe not in recipes:
        raise UsageError(
            f'data set {dataset!r} has no recipe {recipe!r}{nearest(recipe, list(recipes))}; '
            f'it has: {", ".join(recipes)}'
        )
    return recipe


def prepare(
    dataset: str, recipe: str, raw_dir: pathlib.Path, data_dir: pathlib.Path, options: Options | None = None
) -> PreparedData:
    """Reads raw files, encodes them by a recipe and writes prepared data.

    Args:
      dataset: name.
      recipe: name of one of its recipes.
      raw_dir: folder of the raw files.
      data_dir: folder of all prepared data; the data is written to DATA_DIR/DATASET/RECIPE, or to
        DATA_DIR/DATASET/RECIPE_CROSSES if the options have crosses.
      options: of the preparation; by default `Options()`.

    Raises:
      UsageError: there is no such data set or recipe, or the files cannot be prepared.
    """
    options = options or Options()
    folder = folder_of(data_dir, dataset, options.crosses.recipe(recipe))
    return named(dataset).prepare(recipe_name(dataset, recipe), raw_dir, folder, options)


def prepare_own(
    schema: pathlib.Path, raw_dir: pathlib.Path | None, data_dir: pathlib.Path, options: Options
) -> PreparedData:
    """Prepares a user's table; its recipe gets the name of the declaration.

    Args:
      schema: file of the declaration.
      raw_dir: folder of the raw files; None for the folder of the declaration.
      data_dir: folder of all prepared data.
      options: of the preparation.

    Raises:
      UsageError: the declaration or the raw files cannot be used.
    """
    return own_table.prepare_own(
        schema,
        raw_dir,
        folder_of(data_dir, OWN_TABLE, schema.stem),
        dataset=OWN_TABLE,
        recipe=schema.stem,
        max_bad_share=options.max_bad_share,
        progress=options.progress,
        extends=options.extension,
    )


def check_unchanged(schema: pathlib.Path, data: PreparedData, say: Say) -> None:
    """Raises UsageError that names what has changed in a declaration or its raw files since the data was prepared.

    Raw files are looked for where they were then; those of another declaration than then, beside it first.

    Args:
      schema: file of the declaration.
      data: the table as it was prepared.
      say: is told which files are compared, and which differences cannot be found.
    """
    origin = own_table.origin_of(load(schema))
    moved = staleness.declaration_of(data) != os.path.abspath(schema)
    beside = schema.absolute().parent if moved else None
    asked = staleness.Asked(origin, None, beside, 1.0, False, data.manifest.get(staleness.EXTENDS))
    data_dir = data.folder.parents[1]
    command = f'scripts/prepare_data.py --dataset={OWN_TABLE} --schema={schema} --data_dir={data_dir} --overwrite'
    staleness.check(data, asked, say, f'{command} prepares it again')


def figures(data: PreparedData, features: Callable[[Schema], int]) -> dict[str, int]:
    """Returns the numbers of rows, fields and features, as the paper's Table 1 counts them."""
    return {
        'rows': sum(split['rows'] for split in data.manifest['splits'].values()),
        'fields': len(data.schema.fields),
        'features': features(data.schema),
    }
