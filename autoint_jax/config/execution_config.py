"""The options that choose how a run is computed. They change its values only by rounding."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, option

AUTOMATIC = 'automatic'
COMPILED_FORMS = (AUTOMATIC, 'xla', 'cpu_kernel')
STOP, GO_ON = 'stop', 'go_on'


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """The options of how a run is computed. They are not part of its identity, so it may resume with other values.

    Attributes:
      form: form of the interacting layers. A model without such layers accepts only 'automatic'.
      dense_form: form of dense layers and LayerNorms in training.
      tables_form: form of the sparse optimizers of tables.
      slice_rows: rows of a slice; 0 if the size is chosen automatically.
      streaming: whether rows are read from disk even if they fit in memory.
      deterministic: whether a GPU computes sums in one order, so that the same run has the same bits.
      checkpoint_seconds: seconds between checkpoints that are saved by the clock; 0 for none.
      full_disk: whether a run stops or goes on if a checkpoint cannot be saved because the disk is full.
    """

    form: str = option(
        AUTOMATIC,
        "how the interacting layers are computed: 'automatic' (the fastest for the device), or a name in "
        'autoint_jax/models/interacting/forms.py; all forms give the same values',
    )
    dense_form: str = option(
        AUTOMATIC,
        'how dense layers, such as those of deep networks, and LayerNorms beside them are computed in training: '
        "'automatic' (the fastest for the device), 'xla' or 'cpu_kernel' (compiled C++); both give the same values",
    )
    tables_form: str = option(
        AUTOMATIC,
        "how the sparse optimizers of tables are computed: 'automatic' (the fastest for the device), 'xla' or "
        "'cpu_kernel' (compiled C++); both give the same values",
    )
    slice_rows: int = option(
        0,
        'rows whose gradients are computed at a time on each device, so that activations stay in its cache '
        '(0 = chosen from the schema and the device)',
    )
    streaming: bool = option(
        False, 'read rows from disk while training, even if they fit in the memory of the device; this changes no value'
    )
    deterministic: bool = option(
        True,
        'on a GPU, compute sums in one order, so that the same run has the same bits, resumed or not; without this, '
        'steps may be faster by a half (CPUs always have one order)',
    )
    checkpoint_seconds: float = option(
        600.0,
        'seconds after which the run is saved between two evaluations, which are saved anyway (0 = never); this '
        'changes no value',
    )
    full_disk: str = option(
        STOP,
        "what a run does if a checkpoint cannot be saved because the disk is full: 'stop', or 'go_on', which says so "
        'each time; the checkpoints before are kept in both cases',
    )

    def __post_init__(self):
        for name in ('dense_form', 'tables_form'):
            asked = getattr(self, name)
            check(asked in COMPILED_FORMS, f'execution.{name}', asked, "'automatic', 'xla' or 'cpu_kernel'")
        check(self.slice_rows <= MOST_PLACES, 'execution.slice_rows', self.slice_rows, f'at most {MOST_PLACES:,}')
        check(self.checkpoint_seconds >= 0, 'execution.checkpoint_seconds', self.checkpoint_seconds, 'at least 0')
        check(self.full_disk in (STOP, GO_ON), 'execution.full_disk', self.full_disk, "'stop' or 'go_on'")
        check(self.slice_rows >= 0, 'execution.slice_rows', self.slice_rows, 'at least 0')
