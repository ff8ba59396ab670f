"""What a checkpoint holds: parameters, tables, optimizer state, step. Nothing random is carried."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from autoint_jax.config import Config, OptimizerConfig
from autoint_jax.models import registry
from autoint_jax.models.tables import Tables, TableSpec, initial_tables, lookup
from autoint_jax.schema import Batch, Schema


class TrainState(NamedTuple):
    """Attributes:
    step: int32 [], steps taken.
    params: the model's parameters.
    tables: {name: [v, d]}.
    optimizer: Optax state over {'params', 'tables'}.
    """

    step: jax.Array
    params: Any
    tables: Tables
    optimizer: Any


class Setup(NamedTuple):
    """What a configuration means for a schema: the model, its tables and the optimizer."""

    config: Config
    schema: Schema
    model: nn.Module
    table_specs: dict[str, TableSpec]
    optimizer: optax.GradientTransformation


def setup(config: Config, schema: Schema) -> Setup:
    """Raises UsageError on an unknown model."""
    model, table_specs = registry.build(config.model, schema)
    return Setup(config, schema, model, table_specs, _optimizer(config.optimizer))


def initial_state(made: Setup) -> TrainState:
    """The state at step 0, a function of the seed."""
    key = jax.random.key(made.config.seed)
    tables = initial_tables(made.table_specs, made.schema, jax.random.fold_in(key, 0))
    batch = Batch(ids=np.zeros((1, made.schema.num_slots), np.int32),
                  numeric=np.zeros((1, len(made.schema.numeric_fields)), np.float32),
                  labels=np.zeros(1, np.float32), weights=np.ones(1, np.float32))
    params = made.model.init(jax.random.fold_in(key, 1), lookup(tables, made.schema, batch), batch, train=False,
                             dropout_keys=None)['params']
    return TrainState(jnp.zeros((), jnp.int32), params, tables, made.optimizer.init({'params': params, 'tables': tables}))


def _optimizer(config: OptimizerConfig) -> optax.GradientTransformation:
    return optax.adam(config.learning_rate, b1=config.b1, b2=config.b2, eps=config.epsilon)
