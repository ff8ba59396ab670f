"""The data sets by name, and their preparation."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from autoint_jax.data.datasets import (
    avazu,
    click_logs,
    criteo,
    kdd12,
    movielens,
    movielens_files,
    movielens_rows,
    own_table,
)
from autoint_jax.data.datasets.click_logs import ClickLog
from autoint_jax.data.datasets.declaration.crosses import Crosses
from autoint_jax.data.datasets.movielens_files import MovieLens, files_1m, files_100k, read_1m, read_100k
from autoint_jax.data.datasets.options import Options
from autoint_jax.data.datasets.references import OWN_TABLE_REFERENCE, Reference
from autoint_jax.data.encoding.unknown_values import VALUES_KEY, of_columns
from autoint_jax.data.preparation.origin import ORIGIN_KEY, Origin, RawFiles
from autoint_jax.data.store.opening import OWN_TABLE, folder_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import sha256_of, write_prepared
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import Schema


class Recipe(Protocol):
    """A recipe of any data set: a way to encode it.

    Attributes:
      description: a phrase about it for --help.
    """

    @property
    def description(self) -> str: ...


class Dataset(NamedTuple):
    """A data set that this project can prepare.

    Attributes:
      prepare: (name of a recipe, folder of raw files, folder for prepared data, options) -> prepared data.
      origin: (name of a recipe, crosses that are added to it) -> origin of the data that it makes.
      recipes: {name: recipe}; the first is the default.
      features: counts the features of a schema as the paper does.
      reference: description, citation, home page, terms of use, raw files.
      published: {figure: value} of the paper's Table 1.
      published_recipe: name of the recipe to which these figures belong.
    """

    prepare: Callable[[str, pathlib.Path, pathlib.Path, Options], PreparedData]
    origin: Callable[[str, Crosses], Origin]
    recipes: Mapping[str, Recipe]
    features: Callable[[Schema], int]
    reference: Reference
    published: dict[str, int]
    published_recipe: str | None = 'autoint_all_rows'


def _movielens(
    name: str,
    read: Callable[[pathlib.Path], MovieLens],
    files: Callable[[pathlib.Path], Sequence[pathlib.Path]],
    recipes: dict[str, movielens.MovieLensRecipe],
    reference: Reference,
    published: dict[str, int],
) -> Dataset:
    """A release of MovieLens as a data set."""

    def origin(recipe: str, crosses: Crosses) -> Origin:
        parameters = movielens.parameters_of(recipes[recipe], crosses.plans)
        return Origin(parameters, parameters, parameters, None, files)

    def prepare(recipe: str, raw_dir: pathlib.Path, folder: pathlib.Path, options: Options) -> PreparedData:
        if options.extends is not None:
            raise UsageError(
                f'{name} cannot be extended: MovieLens was published once and is prepared as a whole, so leave out '
                '--extend_from; a table of your own and a click log can be extended'
            )
        crosses = options.crosses.plans
        raw_files = RawFiles(origin(recipe, options.crosses), raw_dir)
        raw = read(raw_dir)
        encoded = movielens.with_crosses(movielens.encode(raw, recipes[recipe]), crosses)
        checksums = {path.name: sha256_of(path) for path in raw.files}
        raw_files.check_unchanged()
        return write_prepared(
            folder,
            schema=encoded.schema,
            vocabularies=encoded.vocabularies,
            splits=encoded.splits,
            plan=movielens_rows.row_plan(encoded.schema, crosses, encoded.cuts),
            say=options.progress.say,
            description={
                'dataset': name,
                'recipe': options.crosses.recipe(recipe),
                'parameters': movielens.parameters_of(recipes[recipe], crosses),
                'sources_sha256': checksums,
            },
            preparation={
                ORIGIN_KEY: raw_files.record(checksums, None),
                VALUES_KEY: of_columns(encoded.schema, encoded.splits),
            },
        )

    return Dataset(prepare, origin, recipes, movielens.features_as_the_paper_counts, reference, published)


def _click_log(name: str, log: ClickLog, reference: Reference, published: dict[str, int]) -> Dataset:
    """A click log as a data set."""

    def prepare(recipe: str, raw_dir: pathlib.Path, folder: pathlib.Path, options: Options) -> PreparedData:
        return log.prepare(
            recipe,
            raw_dir,
            folder,
            dataset=name,
            max_bad_share=options.max_bad_share,
            progress=options.progress,
            extends=options.extension,
            crosses=options.crosses,
        )

    return Dataset(prepare, log.origin_of, log.recipes, click_logs.features_as_the_paper_counts, reference, published)


# {name: data set}, with the figures of the paper's Table 1.
DATASETS = {
    'movielens_100k': _movielens(
        'movielens_100k',
        read_100k,
        files_100k,
        {'with_ids': movielens.RECIPES['with_ids']},
        movielens_files.REFERENCE_100K,
        {},
    ),
    'movielens_1m': _movielens(
        'movielens_1m',
        read_1m,
        files_1m,
        movielens.RECIPES,
        movielens_files.REFERENCE_1M,
        {'rows': 739_012, 'fields': 7, 'features': 3_529},
    ),
    'criteo': _click_log(
        'criteo', criteo.CRITEO, criteo.REFERENCE, {'rows': 45_840_617, 'fields': 39, 'features': 998_960}
    ),
    'avazu': _click_log(
        'avazu', avazu.AVAZU, avazu.REFERENCE, {'rows': 40_428_967, 'fields': 23, 'features': 1_544_488}
    ),
    'kdd12': _click_log(
        'kdd12', kdd12.KDD12, kdd12.REFERENCE, {'rows': 149_639_105, 'fields': 13, 'features': 6_019_086}
    ),
}


def named(dataset: str) -> Dataset:
    """Returns the data set of that name. Raises UsageError if there is none."""
    if dataset not in DATASETS:
        raise UsageError(
            f'unknown data set {dataset!r}{nearest(dataset, list(DATASETS))}; known: {", ".join(DATASETS)}'
        )
    return DATASETS[dataset]


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


def figures(data: PreparedData, features: Callable[[Schema], int]) -> dict[str, int]:
    """Returns the numbers of rows, fields and features, as the paper's Table 1 counts them."""
    return {
        'rows': sum(split['rows'] for split in data.manifest['splits'].values()),
        'fields': len(data.schema.fields),
        'features': features(data.schema),
    }
