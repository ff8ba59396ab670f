"""The learning rate of each step: the rate of a run times the factor of its schedule.

Steps count from 0, as in Optax: the first step has the factor of step 0, which a warm-up makes 0.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.optimizer_config import CONSTANT, COSINE, INVERSE_ROOT, LINEAR, OptimizerConfig
from autoint_jax.units import counted


class LearningRate(NamedTuple):
    """The learning rate of an optimizer.

    Attributes:
      rate: the rate before the schedule; a number, or an array [] if copies of a run differ in it.
      factors: float32 [n], the factor of each step; later steps have the last one. None for the factor 1.
    """

    rate: float | jax.Array
    factors: np.ndarray | None = None

    def at(self, updates: jax.Array | int) -> float | jax.Array:
        """Returns the rate of the step that follows so many steps."""
        if self.factors is None:
            return self.rate
        return self.rate * jnp.asarray(self.factors)[jnp.minimum(updates, len(self.factors) - 1)]


@functools.cache
def schedule_factors(config: OptimizerConfig) -> np.ndarray | None:
    """Returns the factors of a schedule, float32 [n], as `LearningRate` has them; None for a constant one.

    With w = warmup_steps and T = schedule_steps, step s has the factor s / w before step w, and then

        constant      1
        cosine        p + (1 - p) (1 + cos(pi x)) / 2,  x = (s - w) / (T - w),  p = final_fraction
        linear        1 + (p - 1) x
        step          decay_factor^floor((s - w) / decay_every)
        inverse_root  sqrt(max(w, 1) / max(s, 1))

    up to step T. Those of Optax are `cosine_decay_schedule`, `linear_schedule` and `exponential_decay` with
    `staircase`, after `linear_schedule` for the warm-up.
    """
    warmup, end, last = config.warmup_steps, config.schedule_steps, config.final_fraction
    if config.schedule == CONSTANT and not warmup:
        return None
    steps = np.arange(max(warmup, end) + 1, dtype=np.float64)
    after = np.maximum(steps - warmup, 0)
    done = after / max(end - warmup, 1)
    if config.schedule == CONSTANT:
        factors = np.ones_like(steps)
    elif config.schedule == COSINE:
        factors = last + (1 - last) * (1 + np.cos(math.pi * done)) / 2
    elif config.schedule == LINEAR:
        factors = 1 + (last - 1) * done
    elif config.schedule == INVERSE_ROOT:
        factors = np.sqrt(max(warmup, 1) / np.maximum(steps, 1))
    else:
        factors = config.decay_factor ** np.floor(after / max(config.decay_every, 1))
    return np.where(steps < warmup, steps / max(warmup, 1), factors).astype(np.float32)


def sentence(config: OptimizerConfig) -> str:
    """Returns a sentence about how learning rates change from step to step; '' if they are constant."""
    factors = schedule_factors(config)
    if factors is None:
        return ''
    risen = f'rises from 0 in {counted(config.warmup_steps, "step")}' if config.warmup_steps else ''
    last = config.learning_rate * float(factors[-1])
    falls = '' if config.schedule == CONSTANT else f'goes to {last:.3g} by step {config.schedule_steps:,}'
    how = '' if config.schedule == CONSTANT else f' (optimizer.schedule={config.schedule})'
    return f'the learning rate {config.learning_rate:g} {" and then ".join(filter(None, (risen, falls)))}{how}'


def cut_short(config: OptimizerConfig, steps: int) -> str:
    """Returns a sentence if a run of at most so many steps ends before its warm-up or its schedule; '' otherwise."""
    for name, end in (('warm-up', 'warmup_steps'), ('schedule', 'schedule_steps')):
        if steps < getattr(config, end):
            return (
                f'training.epochs allows {counted(steps, "step")}, so the run ends before its {name} does '
                f'(optimizer.{end}={getattr(config, end)})'
            )
    return ''
