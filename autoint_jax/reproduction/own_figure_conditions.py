"""Conditions under which AutoInt trains, beside the default: is one of them why its AUC differs from the paper's?

By its equations every condition but `longer` and `kernel_init` is the same model. They differ in rounding, in the
random numbers of dropout, in the order of rows, or in a detail of Adam.
"""

from collections.abc import Mapping
from typing import NamedTuple

DEFAULT, POOLED, ALL = 'default', 'masks', 'all'
# Adam of TensorFlow 1 adds epsilon before it corrects the second moment for its start. After t steps that is the same
# as epsilon / sqrt(1 - b2^t) here, which falls from this value at the first step to 1e-8.
LARGEST_EPSILON = 3.2e-7


class Condition(NamedTuple):
    """A condition under which AutoInt trains.

    Attributes:
      said: what differs from the default.
      name: the end of the names of its runs.
      changes: {option: value} of options that differ from the default.
      kept: whether only records of a certain commit are read, and nothing is trained.
      pooled: whether its runs are among those of the row `masks`.
      order: the seed of another order of training rows; 0 for the stored order.
    """

    said: str
    name: str = ''
    changes: Mapping[str, object] = {}
    kept: bool = False
    pooled: bool = False
    order: int = 0


CONDITIONS = {
    'masks_xla': Condition('masks of `jax.random`, head by head in XLA', 'first', kept=True, pooled=True),
    'masks_kernel': Condition(
        'masks of `jax.random`, compiled kernel',
        'control_cpu_kernel',
        {'execution.form': 'cpu_kernel'},
        kept=True,
        pooled=True,
    ),
    'masks_deferred': Condition(
        'masks of `jax.random`, deferred Adam',
        'deferred_adam',
        {'optimizer.tables': 'deferred_adam'},
        kept=True,
        pooled=True,
    ),
    'rounding': Condition('other rounding: the compiled kernel of later code', 'later_kernel', kept=True),
    'heads': Condition('other rounding: head by head in XLA', 'control_heads', {'execution.form': 'heads'}),
    'epsilon': Condition("epsilon as large as TensorFlow's ever is", 'epsilon', {'optimizer.epsilon': LARGEST_EPSILON}),
    'kernel_init': Condition(
        'initial matrices from normal distributions', 'kernel_init', {'model.kernel_init': 'xavier_normal'}
    ),
    'order': Condition('another order of rows', 'order', order=1),
    'longer': Condition('up to 100 epochs', 'longer', {'training.epochs': 100}),
}
TRAINED = tuple(name for name, condition in CONDITIONS.items() if not condition.kept)
SAME_MODEL = {DEFAULT, *CONDITIONS} - {'kernel_init', 'longer'}
SAID = {name: condition.said for name, condition in CONDITIONS.items()} | {
    DEFAULT: 'default',
    POOLED: 'masks of `jax.random`, all runs',
    ALL: 'all runs of the same model',
}
