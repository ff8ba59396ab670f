"""What a run does if its evaluations do not get better: it ends early, or lowers its learning rates.

Both follow from the evaluations so far, so a resumed run does the same.
"""

from collections.abc import Sequence

import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.config.optimizer_config import CONSTANT
from autoint_jax.config.rates import rates_of
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.evaluation.stopping import plateaus, should_stop, since_the_best


def stops_early(training: TrainingConfig, evaluations: Sequence[Evaluation]) -> bool:
    """Returns whether early stopping ends a run after some evaluations."""
    values = [evaluation.valid[training.monitor] for evaluation in evaluations]
    return should_stop(values, training.monitor, training.stop_after_increases, training.stop_patience)


def fraction(config: Config, evaluations: Sequence[Evaluation]) -> float:
    """Returns the fraction of the learning rates that is left after some evaluations; 1 without the rule."""
    options, monitor = config.optimizer, config.training.monitor
    if not options.plateau_factor:
        return 1.0
    count = plateaus([one.valid[monitor] for one in evaluations], monitor, options.plateau_patience)
    return max(options.plateau_factor**count, options.plateau_least)


def lowered_rates(config: Config, evaluations: Sequence[Evaluation]) -> dict[str, np.float32]:
    """Returns {name in `Rates`: value} of the learning rates after some evaluations; empty without the rule."""
    if not config.optimizer.plateau_factor:
        return {}
    rates, left = rates_of(config), fraction(config, evaluations)
    return {name: np.float32(getattr(rates, name) * left) for name in ('learning_rate', 'tables_learning_rate')}


def sentence(config: Config, evaluations: Sequence[Evaluation]) -> str:
    """Returns a sentence if the last evaluation has lowered the learning rates; else ''."""
    left, before = fraction(config, evaluations), fraction(config, evaluations[:-1])
    if left == before:
        return ''
    monitor, options = config.training.monitor, config.optimizer
    waited = since_the_best([one.valid[monitor] for one in evaluations], monitor)
    evaluated = '1 evaluation' if waited == 1 else f'{waited:,} evaluations'
    scheduled = ' before its schedule' if options.schedule != CONSTANT or options.warmup_steps else ''
    tables = f' (tables: {options.tables_learning_rate * left:.3g})' if options.tables_learning_rate else ''
    return (
        f'{evaluated} without a better {METRICS[monitor].title}: from step {evaluations[-1].step:,} on the learning '
        f'rate{scheduled} is {options.learning_rate * left:.3g}{tables} (optimizer.plateau_factor)'
    )


def too_late(config: Config) -> str:
    """Returns a sentence if early stopping ends a run before a plateau can lower its learning rates; else ''."""
    patience, waited = config.training.stop_patience, config.optimizer.plateau_patience
    if not config.optimizer.plateau_factor or not 0 < patience <= waited:
        return ''
    return (
        f'training.stop_patience={patience} ends the run before a plateau can lower its learning rates '
        f'(optimizer.plateau_patience={waited})'
    )
