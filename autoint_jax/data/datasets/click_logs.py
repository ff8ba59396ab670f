"""Preparation of a published click log: its files, its layout and its recipes."""

import pathlib
from typing import Any, NamedTuple

from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation.origin import Origin, RawFiles, plain
from autoint_jax.data.preparation.pipeline import prepare_table
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.preparation.splits import authors_split
from autoint_jax.data.raw.derived import DERIVATIONS, joined_files
from autoint_jax.data.raw.sources import TextSource
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import PACKED
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, Schema


class TableRecipe(NamedTuple):
    plan: TablePlan
    description: str


class ClickLog(NamedTuple):
    """A published data set.

    Attributes:
      patterns: of the file of rows, which may be packed; the first that matches a file names it.
      layout: of that file.
      recipes: by name; the first is the default.
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
    ) -> PreparedData:
        """Prepares the files of a folder by a recipe, in the authors' ten folds. Raises UsageError."""
        plan = self.recipes[recipe].plan
        source = TextSource(
            [self.file_of(raw_dir)], self.layout, raw_columns(plan, self.layout), DERIVATIONS[plan.derivation](raw_dir)
        )
        return prepare_table(
            folder,
            source,
            plan,
            lambda labels, _: authors_split(labels),
            description={'dataset': dataset, 'recipe': recipe, 'parameters': _parameters(plan)},
            stored={'form': 'text', 'layout': self.layout.to_json()},
            max_bad_share=max_bad_share,
            raw_files=RawFiles(self.origin_of(recipe), raw_dir),
            progress=progress,
        )

    def origin_of(self, recipe: str) -> Origin:
        """What a recipe makes data from."""
        plan = self.recipes[recipe].plan
        made = plain(plan.to_json())
        return Origin(
            made,
            made,
            _parameters(plan),
            None,
            lambda folder: [self.file_of(folder), *joined_files(plan.derivation, folder)],
        )

    def file_of(self, raw_dir: pathlib.Path) -> pathlib.Path:
        """The file of rows in a folder. Raises UsageError where there is none, or more than one could be meant."""
        for pattern in (pattern + suffix for suffix in ('', *PACKED) for pattern in self.patterns):
            found = sorted(path for path in raw_dir.glob(pattern) if path.is_file())
            if len(found) > 1:
                raise UsageError(
                    f'{raw_dir} has {len(found)} files {pattern}: leave one, or name it {self.patterns[0]}'
                )
            if found:
                return found[0]
        raise UsageError(f'{raw_dir / self.patterns[0]} does not exist: --raw_dir must name the folder with it')


def _parameters(plan: TablePlan) -> dict[str, Any]:
    """Those of the manifest."""
    return {'folds': 10, 'split_seed': 2018, 'fit_on_all_rows': plan.fit_on_all}


def raw_columns(plan: TablePlan, layout: Layout) -> list[str]:
    """The columns of a layout that a plan needs."""
    needed = {field.column for field in plan.fields} | {plan.label.column}
    if plan.derivation == 'avazu_calendar':
        needed.add('hour')
    return [name for name, _ in layout.columns if name in needed]


def features_as_the_paper_counts(schema: Schema) -> int:
    """Values with an id, an unknown value a categorical field, and one a numeric field, as the authors number them.

    In Criteo they also number the empty value of the fields that have one; here it has no id.
    """
    ids = sum(field.cardinality if field.kind == CATEGORICAL else field.cardinality - 1 for field in schema.id_fields)
    return ids + len(schema.numeric_fields)
