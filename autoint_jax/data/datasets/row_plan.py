"""The plan by which raw rows are encoded as those of some prepared data were."""

import dataclasses
import pathlib
from typing import NamedTuple

from autoint_jax import stored
from autoint_jax.data.datasets import movielens_rows
from autoint_jax.data.datasets.click_logs import raw_columns
from autoint_jax.data.encoding.fitted import Fitted
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import PLAN_FILE
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC


class RowPlan(NamedTuple):
    """How raw rows are encoded, and the form of the files that they came in.

    Attributes:
      table: the plan of the fields.
      fitted: vocabularies and parameters of the transforms.
      layout: of the files; it has all columns of text files, and those that are used of other files.
      form: 'parquet', 'libsvm' or, for text files, 'text', 'csv' or 'tsv'.
    """

    table: TablePlan
    fitted: Fitted
    layout: Layout
    form: str

    @property
    def needed(self) -> list[str]:
        """The raw columns that the fields are made of, without the label, in the order of the layout."""
        wanted = set(raw_columns(self.table, self.layout)) - {self.table.label.column}
        return [name for name, _ in self.layout.columns if name in wanted]

    @property
    def texts(self) -> dict[str, list[str]]:
        """{raw column: values of the vocabularies that were made of it}, of columns that are read as text."""
        kinds = dict(self.layout.columns)
        found: dict[str, list[str]] = {}
        for field in self.table.fields:
            if field.kind != NUMERIC and field.has_vocabulary and kinds.get(field.column) == 'text':
                found.setdefault(field.column, []).extend(self.fitted.vocabularies[field.name].values)
        return found


def row_plan(data: PreparedData) -> RowPlan:
    """Returns the plan of prepared data, or of what a run folder keeps of it.

    Raises UsageError if the plan was damaged, or if the data was made without one by other means than a preparation.
    """
    path, mend = data.folder / PLAN_FILE, data.mend
    if path.is_file():
        stored_plan = stored.parsed_json(data.text_of(PLAN_FILE), str(path), mend=mend)
    elif str(data.manifest.get('dataset', '')).startswith('movielens_'):  # prepared by an earlier version
        stored_plan = movielens_rows.row_plan(data.schema)
    else:
        raise UsageError(f'{path} does not exist, so raw rows cannot be encoded for {data.folder}: {mend}')
    with stored.of_form(path, mend=mend):
        fitted = Fitted(
            data.vocabularies(),
            {name: tuple(values) for name, values in stored_plan['parameters'].items()},
            stored_plan['max_values'],
            cuts={name: tuple(points) for name, points in stored_plan.get('cuts', {}).items()},
        )
        return RowPlan(
            _without_streaming(TablePlan.from_json(stored_plan['plan'])),
            fitted,
            Layout.from_json(stored_plan['layout']),
            stored_plan['form'],
        )


def is_movielens(plan: RowPlan, path: pathlib.Path) -> bool:
    """Returns whether a path is a folder with the raw files of MovieLens, and the plan is one of its recipes."""
    return plan.table.derivation == 'movielens_groups' and path.is_dir() and movielens_rows.is_raw_folder(path)


def _without_streaming(plan: TablePlan) -> TablePlan:
    """The plan with every occurrence of a known value given its own id.

    The occurrences in the training file are not known any more.
    """
    return dataclasses.replace(plan, fields=tuple(dataclasses.replace(field, streaming=False) for field in plan.fields))
