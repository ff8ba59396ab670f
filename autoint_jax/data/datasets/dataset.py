"""The data sets that this project can prepare, each from its kind: MovieLens, click logs, tables with a given split."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from autoint_jax.data.datasets import click_logs, movielens, movielens_rows
from autoint_jax.data.datasets.bars_tables import SplitTable
from autoint_jax.data.datasets.click_logs import ClickLog
from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses
from autoint_jax.data.datasets.movielens_files import MovieLens
from autoint_jax.data.datasets.references import Reference
from autoint_jax.data.encoding.unknown_values import VALUES_KEY, of_columns
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import ORIGIN_KEY, Origin, RawFiles
from autoint_jax.data.preparation.pipeline import MAX_BAD_SHARE
from autoint_jax.data.preparation.progress import PreparationProgress, SilentPreparation
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import sha256_of, write_prepared
from autoint_jax.errors import UsageError
from autoint_jax.schema import Schema


class Options(NamedTuple):
    """Options of a preparation.

    Attributes:
      max_bad_share: share of the rows that may be unreadable.
      progress: is told of the passes over the data.
      extends: prepared data that the new data extends; None if there is none.
      crosses: crossed fields that are added to a recipe; a table of the user declares its own.
    """

    max_bad_share: float = MAX_BAD_SHARE
    progress: PreparationProgress = SilentPreparation()
    extends: PreparedData | None = None
    crosses: Crosses = NO_CROSSES

    @property
    def extension(self) -> Extension | None:
        """What is taken over from the data that is extended. Raises UsageError as `Extension` does."""
        return None if self.extends is None else Extension(self.extends)


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


def of_movielens(
    name: str,
    read: Callable[[pathlib.Path], MovieLens],
    files: Callable[[pathlib.Path], Sequence[pathlib.Path]],
    recipes: dict[str, movielens.MovieLensRecipe],
    reference: Reference,
    published: dict[str, int],
) -> Dataset:
    """Returns a release of MovieLens as a data set."""

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


def of_table(name: str, table: ClickLog | SplitTable, reference: Reference, published: dict[str, int]) -> Dataset:
    """Returns a click log, or a table with a given split, as a data set."""

    def prepare(recipe: str, raw_dir: pathlib.Path, folder: pathlib.Path, options: Options) -> PreparedData:
        return table.prepare(
            recipe,
            raw_dir,
            folder,
            dataset=name,
            max_bad_share=options.max_bad_share,
            progress=options.progress,
            extends=options.extension,
            crosses=options.crosses,
        )

    return Dataset(
        prepare, table.origin_of, table.recipes, click_logs.features_as_the_paper_counts, reference, published
    )
