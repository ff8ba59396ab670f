"""A published table whose split is given: it has a file for each of training, validation and test."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from autoint_jax.data.datasets.click_logs import named_file
from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses
from autoint_jax.data.datasets.declaration.split_plan import SplitPlan
from autoint_jax.data.datasets.declaration.table import TableSchema
from autoint_jax.data.datasets.own_table import parameters_of, prepare_declared
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import Origin, plain
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.text.layout import Layout

LAYOUTS = {
    'csv': Layout((), separator=',', header=True, quote='"', strip=True),
    'libsvm': Layout((), separator=' ', strip=True),
}


class SplitRecipe(NamedTuple):
    """A recipe of a table with a given split.

    Attributes:
      plan: how its rows are encoded.
      description: a phrase about it for --help.
      form: of its files, a key of LAYOUTS.
      files: {split: names or patterns of its file}; the first one that matches a file is used.
    """

    plan: TablePlan
    description: str
    form: str
    files: Mapping[str, tuple[str, ...]]

    def declared(self, name: str, crosses: Crosses) -> TableSchema:
        """Returns the recipe as the declaration of a table with these crosses; `name` stands in messages."""
        plan = dataclasses.replace(self.plan, crosses=crosses.plans)
        split = SplitPlan('files', {part: patterns[:1] for part, patterns in self.files.items()})
        return TableSchema(pathlib.Path(name), (), self.form, (), LAYOUTS[self.form], split, plan)

    def files_in(self, raw_dir: pathlib.Path) -> dict[str, list[pathlib.Path]]:
        """Returns {split: its file} in a folder. Raises UsageError as `named_file` does."""
        return {part: [named_file(patterns, raw_dir)] for part, patterns in self.files.items()}


class SplitTable(NamedTuple):
    """A published table with a given split.

    Attributes:
      name: of the data set.
      recipes: {name: recipe}; the first is the default.
    """

    name: str
    recipes: dict[str, SplitRecipe]

    def prepare(
        self,
        recipe: str,
        raw_dir: pathlib.Path,
        folder: pathlib.Path,
        *,
        dataset: str,
        max_bad_share: float,
        progress: PreparationProgress,
        extends: Extension | None = None,
        crosses: Crosses = NO_CROSSES,
    ) -> PreparedData:
        """Prepares raw files by a recipe. Arguments and errors are those of `ClickLog.prepare`."""
        own = self.recipes[recipe]
        return prepare_declared(
            own.declared(self.name, crosses),
            own.files_in(raw_dir),
            raw_dir,
            folder,
            origin=self.origin_of(recipe, crosses),
            dataset=dataset,
            recipe=crosses.recipe(recipe),
            max_bad_share=max_bad_share,
            progress=progress,
            extends=extends,
        )

    def origin_of(self, recipe: str, crosses: Crosses = NO_CROSSES) -> Origin:
        """Returns the origin of the data that a recipe makes, with these crosses."""
        own = self.recipes[recipe]
        parameters = plain(parameters_of(own.declared(self.name, crosses)))
        return Origin(
            parameters,
            parameters,
            parameters,
            None,
            lambda folder: [path for paths in own.files_in(folder).values() for path in paths],
        )
