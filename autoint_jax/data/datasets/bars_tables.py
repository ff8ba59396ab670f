"""Frappe_x1, Criteo_x1 and Avazu_x1: the tables that BARS publishes with a given split, and their recipes.

There is a file for each of training, validation and test.

`bars`: train.csv, valid.csv and test.csv with a header, as BARS distributes them. Every value of the training rows has
  an id, as in FuxiCTR with a threshold of 1; others are the unknown value. Numbers of Criteo_x1 are between 0 and 1 in
  the files already.
`libfm`: the same rows as lines of libfm, `label index:value ...`, from which these files were made. Categorical fields
  are told by their places, numeric ones by their indices 1 to 13. A label above 0 is positive, so -1 may stand for 0.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autoint_jax.data.datasets.click_logs import named_file
from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses
from autoint_jax.data.datasets.declaration.split_plan import SplitPlan
from autoint_jax.data.datasets.declaration.table import TableSchema
from autoint_jax.data.datasets.own_table import parameters_of, prepare_declared
from autoint_jax.data.datasets.references import Reference
from autoint_jax.data.encoding.plan import FieldPlan, TablePlan
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import Origin, plain
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.libsvm_files import LABEL
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.text.layout import Layout
from autoint_jax.schema import CATEGORICAL, NUMERIC

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


CSV_FILES = {'train': ('train.csv',), 'valid': ('valid.csv',), 'test': ('test.csv',)}
LIBFM_FILES = {name: (f'{name}.libfm', f'{name}.libsvm', f'*{name}*.lib*') for name in ('train', 'valid', 'test')}


def _table(name: str, numeric: Sequence[str], categorical: Sequence[str]) -> SplitTable:
    """Returns a table; its numeric fields stand before the categorical ones, in both forms."""
    by_name = [FieldPlan(field, NUMERIC, field) for field in numeric]
    by_name += [FieldPlan(field, CATEGORICAL, field) for field in categorical]
    by_place = [FieldPlan(field, NUMERIC, f'{place}-{place}') for place, field in enumerate(numeric, start=1)]
    by_place += [
        FieldPlan(field, CATEGORICAL, str(place)) for place, field in enumerate(categorical, start=len(numeric) + 1)
    ]
    return SplitTable(
        name,
        {
            'bars': SplitRecipe(
                TablePlan(tuple(by_name), LabelPlan('label')),
                'the given split, from train.csv, valid.csv and test.csv',
                'csv',
                CSV_FILES,
            ),
            'libfm': SplitRecipe(
                TablePlan(tuple(by_place), LabelPlan(LABEL, above=0)),
                'the same from files of libfm, such as train.libfm',
                'libsvm',
                LIBFM_FILES,
            ),
        },
    )


# {data set: (numeric columns, categorical columns)}
COLUMNS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    'frappe_x1': (
        (),
        ('user', 'item', 'daytime', 'weekday', 'isweekend', 'homework', 'cost', 'weather', 'country', 'city'),
    ),
    'criteo_x1': ([f'I{number}' for number in range(1, 14)], [f'C{number}' for number in range(1, 27)]),
    'avazu_x1': ((), [f'feat_{number}' for number in range(1, 23)]),
}
TABLES = {name: _table(name, *columns) for name, columns in COLUMNS.items()}

HOMEPAGE, FILES = 'https://github.com/reczoo/Datasets', 'train.csv, valid.csv and test.csv'
TERMS = 'Those of the original data set. Do not redistribute the data, nor this form of it.'
CITATION = """
@inproceedings{zhu2022bars,
  author = {Jieming Zhu and Quanyu Dai and Liangcai Su and Rong Ma and Jinyang Liu and Guohao Cai and Xi Xiao and
            Rui Zhang},
  title = {{BARS}: Towards Open Benchmarking for Recommender Systems},
  booktitle = {SIGIR},
  year = {2022}
}
"""
DESCRIPTIONS = {
    'frappe_x1': 'Frappe_x1 of BARS: 288,609 rows of a user, an app and a context, of 5,382 values; the label says '
    'whether the user used the app there. The given split has 202,027, 57,722 and 28,860 rows.',
    'criteo_x1': 'Criteo_x1 of BARS: 45,840,617 rows of 13 numbers between 0 and 1 and 26 categories. The given split '
    'has 33,003,326, 8,250,124 and 4,587,167 rows.',
    'avazu_x1': 'Avazu_x1 of BARS: 40,428,967 rows of 22 categories. The given split has 28,300,276, 4,042,897 and '
    '8,085,794 rows.',
}
REFERENCES = {name: Reference(text, CITATION, HOMEPAGE, TERMS, FILES) for name, text in DESCRIPTIONS.items()}
