"""The raw columns from which a row is scored, and what kind of value each holds."""

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.data.raw.derived import DERIVED_FROM
from autoint_jax.schema import MULTIVALUED, NUMERIC

NUMBERS = ('integer', 'unsigned', 'real')  # types of raw columns, of data/text/layout.py, whose values are numbers
TEXT, NUMBER, TEXTS = 'text', 'number', 'texts'


def raw_inputs(plan: RowPlan) -> tuple[RawInput, ...]:
    """Returns the raw columns that a plan needs, in the order of the files.

    Gender and age of KDD12 are columns of their own, because a single row has no file of profiles beside it. Columns of
    whole numbers that are only looked up, such as ids, are texts, because ids may have more digits than a float64.
    """
    names, kinds, derived_from = plan.needed, dict(plan.layout.columns), DERIVED_FROM[plan.table.derivation]
    if plan.table.derivation == 'kdd12_profile':
        names, derived_from = list(dict.fromkeys(field.column for field in plan.table.fields)), ()
    fields: dict[str, list[FieldPlan]] = {name: [] for name in names}
    for field in plan.table.fields:
        fields.get(field.column, []).append(field)
    return tuple(_input(name, kinds.get(name, 'integer'), fields[name], name in derived_from) for name in names)


def _input(name: str, kind: str, fields: list[FieldPlan], derived: bool) -> RawInput:
    """Returns a raw column of a type of the layout, from the fields that are made of it.

    `derived` says whether other columns are derived from it, which takes numbers.
    """
    lists = [field.separator for field in fields if field.kind == MULTIVALUED]
    if lists:
        return RawInput(name, TEXTS, lists[0])
    counted = derived or any(
        field.kind == NUMERIC or field.transform in ('quantiles', 'log_square_bucket') for field in fields
    )
    return RawInput(name, NUMBER if kind == 'real' or (kind in NUMBERS and counted) else TEXT)
