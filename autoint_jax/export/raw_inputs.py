"""The raw columns from which a row is scored, and what kind of value each holds."""

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.schema import MULTIVALUED

NUMBERS = ('integer', 'unsigned', 'real')  # types of raw columns, of data/text/layout.py, whose values are numbers
TEXT, NUMBER, TEXTS = 'text', 'number', 'texts'


def raw_inputs(plan: RowPlan) -> tuple[RawInput, ...]:
    """Returns the raw columns that a plan needs, in the order of the files.

    Gender and age of KDD12 are columns of their own, because a single row has no file of profiles beside it.
    """
    names, kinds = plan.needed, dict(plan.layout.columns)
    if plan.table.derivation == 'kdd12_profile':
        names = list(dict.fromkeys(field.column for field in plan.table.fields))
    separators: dict[str, str] = {}
    for field in plan.table.fields:
        if field.kind == MULTIVALUED:
            separators.setdefault(field.column, field.separator)
    return tuple(
        RawInput(name, TEXTS, separators[name])
        if name in separators
        else RawInput(name, NUMBER if kinds.get(name, 'integer') in NUMBERS else TEXT)
        for name in names
    )
