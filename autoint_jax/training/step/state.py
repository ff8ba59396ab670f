"""What a checkpoint holds: parameters, tables, the state of their optimizers, step. Nothing random is carried."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config, OptimizerConfig
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models import registry
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.randomness import pinned, seed_key
from autoint_jax.models.layers.tables import Tables, TableSpec, initial_tables, lookup
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.tables.deferred_adam import deferred_adam
from autoint_jax.training.tables.kernels import deferred_adam_kernel, lazy_adam_kernel, rowwise_adagrad_kernel
from autoint_jax.training.tables.lazy_adam import lazy_adam
from autoint_jax.training.tables.optimizer import TableOptimizer, dense, rowwise_adagrad


class TrainState(NamedTuple):
    """Attributes:
    step: int32 [], steps taken.
    params: the model's parameters.
    tables: {name: [v, d]}; none where all fields are numeric.
    optimizer: Optax state of the parameters.
    slots: {name: what the tables' optimizer keeps for a table}.
    statistics: running statistics of batch normalisation; empty without.
    """

    step: jax.Array
    params: Any
    tables: Tables
    optimizer: Any
    slots: dict[str, Any]
    statistics: Any

    @property
    def variables(self) -> dict[str, Any]:
        """Parameters and statistics, as `model.apply` takes them."""
        return {'params': self.params, STATISTICS: self.statistics}


class Setup(NamedTuple):
    """What a configuration means for a schema: the model, its tables, the optimizers of parameters and of tables."""

    config: Config
    schema: Schema
    model: nn.Module
    table_specs: dict[str, TableSpec]
    optimizer: optax.GradientTransformation
    table_optimizer: TableOptimizer


def setup(config: Config, schema: Schema) -> Setup:
    """Raises UsageError on an unknown model, or an option that it does not read."""
    model, table_specs = registry.build(config.model, schema)
    return Setup(config, schema, model, table_specs, _adam(config.optimizer), table_optimizer(config.optimizer))


def varied(made: Setup, values: dict[str, jax.Array]) -> Setup:
    """The setup of a copy of a run, in a compiled program: options are arrays [], and were checked as numbers before."""
    config = configuration.with_arrays(made.config, values)
    return made._replace(
        config=config,
        model=made.model.clone(config=config.model),
        optimizer=_adam(config.optimizer),
        table_optimizer=table_optimizer(config.optimizer),
    )


def initial_state(made: Setup) -> TrainState:
    """The state at step 0, a function of the seed. Do not compile it: options that a user gave to JAX would then change values."""
    with pinned():
        return _drawn_state(made, seed_key(made.config.seed))


def _drawn_state(made: Setup, key: jax.Array) -> TrainState:
    tables = initial_tables(made.table_specs, jax.random.fold_in(key, 0))
    batch = Batch(
        ids=np.zeros((1, made.schema.num_slots), np.int32),
        numeric=np.zeros((1, len(made.schema.numeric_fields)), np.float32),
        labels=np.zeros(1, np.float32),
        weights=np.ones(1, np.float32),
    )
    variables = made.model.init(
        jax.random.fold_in(key, 1), lookup(tables, made.table_specs, batch), batch, training=None
    )
    params = variables['params']
    return TrainState(
        jnp.zeros((), jnp.int32),
        params,
        tables,
        made.optimizer.init(params),
        {name: made.table_optimizer.init(table) for name, table in tables.items()},
        variables.get(STATISTICS, {}),
    )


def state_shapes(made: Setup) -> TrainState:
    """The state at step 0 as shapes and types only; nothing is allocated."""
    return jax.eval_shape(lambda: initial_state(made))


def table_optimizer(config: OptimizerConfig) -> TableOptimizer:
    """The optimizer of tables that a configuration names, in its form. Raises UsageError where that does not run here."""
    compiled = chosen_table_form(config) == 'cpu_kernel'
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
    return dense(_adam(config), l2_rows=config.l2_rows, l2_tables=config.l2_tables)


def chosen_table_form(config: OptimizerConfig) -> str:
    """The form of the tables' optimizer on the default device: 'xla' or 'cpu_kernel'; dense Adam has the first only."""
    platform, asked = jax.default_backend(), config.tables_form
    reason = (
        f'it runs on CPUs, not on {platform}'
        if platform != 'cpu'
        else "optimizer.tables 'adam' has no such form"
        if config.tables == 'adam'
        else library.unavailable()
    )
    if asked == 'cpu_kernel' and reason:
        raise UsageError(f"option 'optimizer.tables_form' is 'cpu_kernel', but {reason}; use 'automatic'")
    return 'xla' if reason or asked == 'xla' else 'cpu_kernel'


def missed_table_kernel(config: OptimizerConfig) -> str:
    """Why the automatic form of the tables' optimizer is not the compiled kernel on a CPU; an empty text where it is or need not be."""
    automatic = config.tables_form == 'automatic' and config.tables != 'adam' and jax.default_backend() == 'cpu'
    return library.unavailable() if automatic else ''


def _adam(config: OptimizerConfig) -> optax.GradientTransformation:
    return optax.adam(config.learning_rate, b1=config.b1, b2=config.b2, eps=config.epsilon)
