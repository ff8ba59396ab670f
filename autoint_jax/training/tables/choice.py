"""The choice of a table optimizer and of its form: XLA, or a compiled kernel for CPUs."""

import jax
import optax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.training.tables.deferred_adam import deferred_adam
from autoint_jax.training.tables.kernels import deferred_adam_kernel, lazy_adam_kernel, rowwise_adagrad_kernel
from autoint_jax.training.tables.lazy_adam import lazy_adam
from autoint_jax.training.tables.optimizer import TableOptimizer, dense, rowwise_adagrad


def adam(config: OptimizerConfig) -> optax.GradientTransformation:
    """Returns dense Adam (Kingma & Ba, 2015), of parameters and, with optimizer.tables 'adam', of whole tables."""
    return optax.adam(config.learning_rate, b1=config.b1, b2=config.b2, eps=config.epsilon)


def table_optimizer(config: OptimizerConfig, form: str = AUTOMATIC) -> TableOptimizer:
    """Returns the table optimizer that a configuration names, in the form that runs here.

    Args:
      config: of the optimizers.
      form: option `execution.tables_form`.

    Raises UsageError if that form is unavailable.
    """
    compiled = chosen_table_form(config, form) == 'cpu_kernel'
    if config.tables == 'deferred_adam':
        return (deferred_adam_kernel if compiled else deferred_adam)(
            config.learning_rate, b1=config.b1, b2=config.b2, epsilon=config.epsilon, l2_rows=config.l2_rows
        )
    if config.tables == 'lazy_adam':
        return (lazy_adam_kernel if compiled else lazy_adam)(
            config.learning_rate, b1=config.b1, b2=config.b2, epsilon=config.epsilon, l2_rows=config.l2_rows
        )
    if config.tables == 'rowwise_adagrad':
        return (rowwise_adagrad_kernel if compiled else rowwise_adagrad)(
            config.learning_rate, epsilon=config.epsilon, l2_rows=config.l2_rows
        )
    return dense(adam(config), l2_rows=config.l2_rows, l2_tables=config.l2_tables)


def chosen_table_form(config: OptimizerConfig, asked: str = AUTOMATIC) -> str:
    """Returns the form of the table optimizer on JAX's default device: 'xla' or 'cpu_kernel'.

    Dense Adam has only the first.

    Raises UsageError if the option `execution.tables_form`, `asked`, is the compiled kernel where it is unavailable.
    """
    platform = jax.default_backend()
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


def missed_table_kernel(config: OptimizerConfig, asked: str = AUTOMATIC) -> str:
    """Returns why an automatic form on a CPU is not the compiled kernel; '' if it is, or none exists."""
    automatic = asked == AUTOMATIC and config.tables != 'adam' and jax.default_backend() == 'cpu'
    return library.unavailable() if automatic else ''
