"""The options that choose only how a run is computed: its values are the same but for rounding."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, option

AUTOMATIC = 'automatic'
TABLE_FORMS = (AUTOMATIC, 'xla', 'cpu_kernel')


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """How a run is computed. It is no part of the run's identity, so a run may go on with other values on another machine.

    Attributes:
      form: of the interacting layers; a model without such layers refuses another than 'automatic'.
      tables_form: of the sparse optimizers of tables.
      slice_rows: rows of a slice, 0 where it is chosen.
      streaming: whether rows are read from disk even where they fit in memory.
    """

    form: str = option(
        AUTOMATIC,
        'form in which the interacting layers are computed, by its name in '
        "autoint_jax/models/interacting/forms.py; all give the same values; 'automatic' is the fastest for the device",
    )
    tables_form: str = option(
        AUTOMATIC,
        "form of the sparse optimizers of tables: 'xla', 'cpu_kernel' (compiled), or "
        "'automatic', the fastest for the device; both give the same values",
    )
    slice_rows: int = option(
        0,
        'rows whose gradients are taken at a time on each device, so that activations stay '
        'in its cache; 0 = chosen from the schema and the device',
    )
    streaming: bool = option(
        False,
        'read rows through a pipeline from disk instead of keeping them on the device, where they '
        'are kept if they fit; changes no value',
    )

    def __post_init__(self):
        check(
            self.tables_form in TABLE_FORMS,
            'execution.tables_form',
            self.tables_form,
            "'automatic', 'xla' or 'cpu_kernel'",
        )
        check(self.slice_rows <= MOST_PLACES, 'execution.slice_rows', self.slice_rows, f'at most {MOST_PLACES:,}')
        check(self.slice_rows >= 0, 'execution.slice_rows', self.slice_rows, 'at least 0')
