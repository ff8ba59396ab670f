"""The choice of a table optimizer and of its form: XLA, or a compiled kernel for CPUs."""

import functools

import jax
import optax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.config.options import is_on
from autoint_jax.config.rates import Rates
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.training.tables.deferred_adam import deferred_adam
from autoint_jax.training.tables.kernels import deferred_adam_kernel, lazy_adam_kernel, rowwise_adagrad_kernel
from autoint_jax.training.tables.lazy_adam import lazy_adam
from autoint_jax.training.tables.learning_rate import LearningRate, schedule_factors
from autoint_jax.training.tables.optimizer import TableOptimizer, dense, rowwise_adagrad
from autoint_jax.training.tables.row_rules import RowRules


def adam(
    config: OptimizerConfig, learning_rate: float | jax.Array, decay: float | jax.Array = 0.0
) -> optax.GradientTransformation:
    """Returns dense Adam (Kingma & Ba, 2015), for parameters and, with optimizer.tables 'adam', for whole tables.

    With a weight decay it is AdamW (Loshchilov & Hutter, 2019), whose decay is multiplied by the learning rate. That of
    whole tables is `optimizer.tables_weight_decay`.
    """
    plain = _plain_adam(config, learning_rate)
    if not is_on(decay):
        return plain

    def update(gradients, state, params=None):
        updates, state = plain.update(gradients, state, params)
        return jax.tree.map(lambda moved, value: moved - learning_rate * decay * value, updates, params), state

    return optax.GradientTransformation(plain.init, update)


def _plain_adam(config: OptimizerConfig, learning_rate: float | jax.Array) -> optax.GradientTransformation:
    return optax.adam(learning_rate, b1=config.b1, b2=config.b2, eps=config.epsilon)


def table_optimizer(config: OptimizerConfig, form: str, rates: Rates) -> TableOptimizer:
    """Returns the table optimizer that a configuration names.

    Args:
      config: the options of the optimizers.
      form: 'xla' or 'cpu_kernel', from `chosen_table_form`.
      rates: learning rates, weight decay and L2 weights, in place of those of `config`.
    """
    learning_rate = LearningRate(rates.tables_learning_rate, schedule_factors(config))
    decay = 0.0 if config.tables_weight_decay else rates.weight_decay  # of the rows of a batch
    rules = RowRules(rates.l2_rows, decay, config.row_clip, config.row_clip_floor)
    compiled = form == 'cpu_kernel'
    if config.tables == 'deferred_adam':
        return (deferred_adam_kernel if compiled else deferred_adam)(
            learning_rate, b1=config.b1, b2=config.b2, epsilon=config.epsilon, rules=rules
        )
    if config.tables == 'lazy_adam':
        return (lazy_adam_kernel if compiled else lazy_adam)(
            learning_rate, b1=config.b1, b2=config.b2, epsilon=config.epsilon, rules=rules
        )
    if config.tables == 'rowwise_adagrad':
        return (rowwise_adagrad_kernel if compiled else rowwise_adagrad)(
            learning_rate, epsilon=config.epsilon, rules=rules
        )
    return dense(
        functools.partial(adam, config, decay=config.tables_weight_decay),
        learning_rate,
        rules=rules,
        l2_tables=rates.l2_tables,
    )


def chosen_table_form(config: OptimizerConfig, asked: str = AUTOMATIC, platform: str | None = None) -> str:
    """Returns the form of the table optimizer on devices of a platform: 'xla' or 'cpu_kernel'.

    Dense Adam has only the first.

    Args:
      config: the options of the optimizers.
      asked: option `execution.tables_form`.
      platform: 'cpu', 'gpu' and so on; by default that of JAX's default device.

    Raises UsageError if the compiled kernel is asked for and unavailable.
    """
    platform = platform or jax.default_backend()
    reason = (
        f'it runs on CPUs, not on {platform}'
        if platform != 'cpu'
        else "optimizer.tables 'adam' has no such form"
        if config.tables == 'adam'
        else library.unavailable()
    )
    if asked == 'cpu_kernel' and reason:
        raise UsageError(f"option 'execution.tables_form' is 'cpu_kernel', but {reason}; use 'automatic'")
    return 'xla' if reason or asked == 'xla' else 'cpu_kernel'


def missed_table_kernel(config: OptimizerConfig, asked: str = AUTOMATIC, platform: str | None = None) -> str:
    """Returns why an automatic form on a CPU is not the compiled kernel; '' if it is, or none exists."""
    on_cpu = (platform or jax.default_backend()) == 'cpu'
    automatic = asked == AUTOMATIC and config.tables != 'adam' and on_cpu
    return library.unavailable() if automatic else ''
