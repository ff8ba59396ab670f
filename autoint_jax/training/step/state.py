"""The setup of a run, which is all that its programs are built from, and the state that a checkpoint holds.

The state holds no random keys: what is random is a function of the seed and the step.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import Rates, rates_of
from autoint_jax.config.training_config import SKIP
from autoint_jax.errors import UsageError
from autoint_jax.models import registry
from autoint_jax.models.contract import Model
from autoint_jax.models.interacting.forms import GPUS
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dense import chosen_dense_form
from autoint_jax.models.layers.randomness import pinned, seed_key
from autoint_jax.models.layers.tables import Tables, TableSpec, initial_tables
from autoint_jax.schema import SOFT_LABELS, Batch, Schema
from autoint_jax.training.tables.choice import adam, chosen_table_form, table_optimizer
from autoint_jax.training.tables.learning_rate import LearningRate, schedule_factors
from autoint_jax.training.tables.optimizer import TableOptimizer


class TrainState(NamedTuple):
    """The state of training after some steps.

    Attributes:
      step: int32 [], steps taken.
      params: the parameters of the model.
      tables: {name: float32 [v, d]}; empty if all fields are numeric.
      optimizer: the Optax state of the parameters.
      slots: {name of a table: the arrays that its optimizer keeps}.
      statistics: the running statistics of batch normalisation; empty without it.
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


class Skipping(NamedTuple):
    """The Optax state of the parameters in a run that skips steps that are not finite.

    Attributes:
      inner: the state of the optimizer.
      skipped: int32 [], the steps that were skipped so far.
    """

    inner: Any
    skipped: jax.Array


def updates_taken(state: TrainState) -> jax.Array:
    """Returns int32 [], the steps that changed the state, by which optimizers of tables count: all but skipped ones."""
    return state.step - state.optimizer.skipped if isinstance(state.optimizer, Skipping) else state.step


def _counting(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Returns an optimizer whose state is a `Skipping`, in which the training step counts."""

    def update(gradients, state, params=None):
        updates, inner = optimizer.update(gradients, state.inner, params)
        return updates, Skipping(inner, state.skipped)

    def init(params):
        return Skipping(optimizer.init(params), jnp.zeros((), jnp.int32))

    return optax.GradientTransformation(init, update)


class Setup(NamedTuple):
    """The model, tables and optimizers that a configuration means for a schema on devices of a platform.

    Attributes:
      config: the configuration of the run.
      schema: the fields of its data.
      platform: of the devices that train it: 'cpu', 'gpu' and so on.
      model: the model, with the form of its interacting layers.
      table_specs: {name: the table's rows, width and columns}.
      table_form: the form of the table optimizer, 'xla' or 'cpu_kernel'.
      dense_form: the form of dense layers and LayerNorms in training, 'xla' or 'cpu_kernel'.
    """

    config: Config
    schema: Schema
    platform: str
    model: Model
    table_specs: dict[str, TableSpec]
    table_form: str
    dense_form: str

    @property
    def form(self) -> str | None:
        """The form of the interacting layers; None for a model without such layers."""
        return self.model.form or None

    @property
    def compiler_options(self) -> dict[str, bool]:
        """Options of XLA for every program of the run; on a GPU `execution.deterministic` sets one."""
        ordered = self.platform in GPUS and self.config.execution.deterministic
        return {'xla_gpu_deterministic_ops': True} if ordered else {}

    @property
    def repeatable(self) -> str:
        """A clause for the line about devices: whether a GPU gives the same bits each time; '' on other devices."""
        if self.platform not in GPUS:
            return ''
        if self.config.execution.deterministic:
            return '; the same run has the same bits (execution.deterministic)'
        return '; sums are in no fixed order, so that the same run differs by rounding (execution.deterministic=false)'

    @property
    def skips(self) -> bool:
        """Whether a step whose loss or gradients are not finite is skipped."""
        return self.config.training.not_finite == SKIP

    def optimizer(self, rates: Rates | None = None, updates: jax.Array | int = 0) -> optax.GradientTransformation:
        """Returns the optimizer of parameters for the step after so many updates.

        Its rates are those of the configuration, or those given, times the factor of the schedule.
        """
        config = self.config.optimizer
        rates = rates or rates_of(self.config)
        rate = LearningRate(rates.learning_rate, schedule_factors(config))
        found = adam(config, rate.at(updates), rates.weight_decay)
        return _counting(found) if self.skips else found

    def table_optimizer(self, rates: Rates | None = None) -> TableOptimizer:
        """Returns the optimizer of tables, with the rates of the configuration or those given."""
        return table_optimizer(self.config.optimizer, self.table_form, rates or rates_of(self.config))


def make_setup(config: Config, schema: Schema, platform: str | None = None) -> Setup:
    """Returns the setup of a run. It alone decides the forms of its parts.

    Args:
      config: the configuration of the run.
      schema: the fields of its data.
      platform: of the devices that train it; by default that of JAX's default device.

    Raises UsageError if the model is unknown, does not read an option that is set, or cannot have the form asked for,
    and if an option counts rows by their label and labels are soft.
    """
    for name in ('positive_weight', 'negatives_kept') if SOFT_LABELS in schema.row_columns else ():
        if getattr(config.training, name) != 1:
            raise UsageError(
                f'training.{name} counts rows by labels 0 and 1, and the labels of this data are soft: leave it at 1'
            )
    platform = platform or jax.default_backend()
    model, table_specs = registry.build(config.model, schema, config.execution.form, platform)
    table_form = chosen_table_form(config.optimizer, config.execution.tables_form, platform)
    dense_form = chosen_dense_form(config.execution.dense_form, platform) if model.dense_layers(config.model) else 'xla'
    return Setup(config, schema, platform, model, table_specs, table_form, dense_form)


def initial_state(setup: Setup) -> TrainState:
    """Returns the state at step 0, a function of the seed.

    Do not compile this function: JAX options that a user has set would then change the values.
    """
    with pinned():
        return _drawn_state(setup, seed_key(setup.config.seed))


def _drawn_state(setup: Setup, key: jax.Array) -> TrainState:
    """Returns the state at step 0, drawn with a key."""
    tables = initial_tables(setup.table_specs, jax.random.fold_in(key, 0))
    variables = drawn_variables(setup, jax.random.fold_in(key, 1))
    params, table_optimizer = variables['params'], setup.table_optimizer()
    # Zeros and counts have the same bits if they are compiled: one program for all instead of one for each shape.
    optimizer, slots = jax.jit(
        lambda params, tables: (
            setup.optimizer().init(params),
            {name: table_optimizer.init(table) for name, table in tables.items()},
        )
    )(params, tables)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        tables=tables,
        optimizer=optimizer,
        slots=slots,
        statistics=variables.get(STATISTICS, {}),
    )


def drawn_variables(setup: Setup, key: jax.Array) -> Any:
    """Returns the parameters and statistics of the model at step 0, drawn with a key. Call it where JAX is `pinned`."""
    shape = jax.ShapeDtypeStruct
    batch = Batch(
        ids=shape((1, setup.schema.num_slots), np.int32),
        numeric=shape((1, len(setup.schema.numeric_fields)), np.float32),
        labels=shape((1,), np.float32),
        weights=shape((1,), np.float32),
    )
    rows = {name: shape((1, len(spec.columns), spec.width), np.float32) for name, spec in setup.table_specs.items()}
    # From shapes, so that parameters are drawn and the model is not applied.
    return setup.model.lazy_init(key, rows, batch, training=None)


def state_shapes(setup: Setup) -> TrainState:
    """Returns the state at step 0 as shapes and types; it allocates nothing."""
    specs = tuple(setup.table_specs.items())
    return _state_shapes(
        setup.config, setup.schema, setup.platform, setup.model, specs, setup.table_form, setup.dense_form
    )


@functools.lru_cache(maxsize=16)
def _state_shapes(
    config: Config,
    schema: Schema,
    platform: str,
    model: Model,
    table_specs: tuple[tuple[str, TableSpec], ...],
    table_form: str,
    dense_form: str,
) -> TrainState:
    """Returns the shapes of a state. A start asks for them several times, and each time the model would be traced."""
    setup = Setup(config, schema, platform, model, dict(table_specs), table_form, dense_form)
    return jax.eval_shape(lambda: initial_state(setup))
