"""What a checkpoint holds: parameters, tables, the state of their optimizers, step. Nothing random is carried."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from autoint_jax.config.configuration import Config
from autoint_jax.config.copies import with_arrays
from autoint_jax.models import registry
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.randomness import pinned, seed_key
from autoint_jax.models.layers.tables import Tables, TableSpec, initial_tables, lookup
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.tables.choice import adam, table_optimizer
from autoint_jax.training.tables.optimizer import TableOptimizer


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
    model, table_specs = registry.build(config.model, schema, config.execution.form)
    of_tables = table_optimizer(config.optimizer, config.execution.tables_form)
    return Setup(config, schema, model, table_specs, adam(config.optimizer), of_tables)


def varied(made: Setup, values: dict[str, jax.Array]) -> Setup:
    """The setup of a copy of a run, in a compiled program: options are arrays [], and were checked as numbers before."""
    config = with_arrays(made.config, values)
    return made._replace(
        config=config,
        model=made.model.clone(config=config.model),
        optimizer=adam(config.optimizer),
        table_optimizer=table_optimizer(config.optimizer, config.execution.tables_form),
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
