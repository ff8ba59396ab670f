"""A published click log: its files, their layout, its recipes, and its preparation."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import Origin, RawFiles, plain
from autoint_jax.data.preparation.pipeline import prepare_table
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.preparation.splits import authors_split
from autoint_jax.data.raw.derived import DERIVATIONS, DERIVED_FROM, joined_files
from autoint_jax.data.raw.text_files import TextSource
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import PACKED
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, Schema


class TableRecipe(NamedTuple):
    """A recipe of a click log.

    Attributes:
      plan: how its rows are encoded.
      description: a phrase about it for --help.
    """

    plan: TablePlan
    description: str


class ClickLog(NamedTuple):
    """A published click log.

    Attributes:
      patterns: names or patterns of the file of rows, which may be packed; the first one that matches a file is used.
      layout: of that file.
      recipes: {name: recipe}; the first is the default.
    """

    patterns: tuple[str, ...]
    layout: Layout
    recipes: dict[str, TableRecipe]

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
        """Prepares raw files by a recipe, split by the authors' ten folds.

        Args:
          recipe: name.
          raw_dir: folder of the raw files.
          folder: where the prepared data will be.
          dataset: name of the data set.
          max_bad_share: share of the rows that may be unreadable.
          progress: is told of the passes over the data.
          extends: prepared data that the new data extends.
          crosses: crossed fields that are added to the recipe.

        Raises:
          UsageError: the files are not there, or cannot be prepared.
        """
        plan = dataclasses.replace(self.recipes[recipe].plan, crosses=crosses.plans)
        source = TextSource(
            [self.file_of(raw_dir)], self.layout, raw_columns(plan, self.layout), DERIVATIONS[plan.derivation](raw_dir)
        )
        return prepare_table(
            folder,
            source,
            plan,
            lambda labels, _: authors_split(labels),
            description={'dataset': dataset, 'recipe': crosses.recipe(recipe), 'parameters': _parameters(plan)},
            stored={'form': 'text', 'layout': self.layout.to_json()},
            max_bad_share=max_bad_share,
            raw_files=RawFiles(self.origin_of(recipe, crosses), raw_dir),
            extends=extends,
            progress=progress,
        )

    def origin_of(self, recipe: str, crosses: Crosses = NO_CROSSES) -> Origin:
        """Returns the origin of the data that a recipe makes, with these crosses."""
        plan = dataclasses.replace(self.recipes[recipe].plan, crosses=crosses.plans)
        made = plain(plan.to_json())
        return Origin(
            made,
            made,
            _parameters(plan),
            None,
            lambda folder: [self.file_of(folder), *joined_files(plan.derivation, folder)],
        )

    def file_of(self, raw_dir: pathlib.Path) -> pathlib.Path:
        """Returns the file of rows in a folder. Raises UsageError as `named_file` does."""
        return named_file(self.patterns, raw_dir)


def named_file(patterns: Sequence[str], raw_dir: pathlib.Path) -> pathlib.Path:
    """Returns the file in a folder that the first matching pattern names; it may be packed.

    Raises UsageError if there is none, or if several match a pattern.
    """
    for pattern in (pattern + suffix for suffix in ('', *PACKED) for pattern in patterns):
        found = sorted(path for path in raw_dir.glob(pattern) if path.is_file())
        if len(found) > 1:
            raise UsageError(f'{raw_dir} has {len(found)} files {pattern}: leave one, or name it {patterns[0]}')
        if found:
            return found[0]
    raise UsageError(f'{raw_dir / patterns[0]} does not exist: --raw_dir must name the folder with it')


def _parameters(plan: TablePlan) -> dict[str, Any]:
    """The recipe's parameters in the manifest."""
    crosses = {'crosses': plain(list(map(dataclasses.asdict, plan.crosses)))} if plan.crosses else {}
    return {'folds': 10, 'split_seed': 2018, 'fit_on_all_rows': plan.fit_on_all, **crosses}


def raw_columns(plan: TablePlan, layout: Layout) -> list[str]:
    """Returns the names of the raw columns that a plan needs, in the order of the layout."""
    needed = {field.column for field in plan.fields} | {plan.label.column, *DERIVED_FROM[plan.derivation]}
    return [name for name, _ in layout.columns if name in needed]


def features_as_the_paper_counts(schema: Schema) -> int:
    """Counts the features of a schema nearly as the authors number them (Table 1).

    These are all values with an id, one unknown value for each categorical field, and one for each numeric field. In
    Criteo the authors also number the empty value of a field; here it has no id.
    """
    ids = sum(field.cardinality if field.kind == CATEGORICAL else field.cardinality - 1 for field in schema.id_fields)
    return ids + len(schema.numeric_fields)
