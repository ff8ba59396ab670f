"""Deferred Adam, lazy Adam and row-wise Adagrad by compiled kernels for CPUs (`kernels/rows.cc`) in place of XLA.

They compute the same values as `deferred_adam.py`, `lazy_adam.py` and `optimizer.py`, and take `init` from there.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.options import is_on
from autoint_jax.kernels.library import library
from autoint_jax.training.tables.deferred_adam import DeferredAdamSlots, deferred_adam, scaled_sums
from autoint_jax.training.tables.lazy_adam import LazyAdamSlots, lazy_adam
from autoint_jax.training.tables.learning_rate import LearningRate
from autoint_jax.training.tables.optimizer import TableOptimizer, by_number, rows_as_stored, rowwise_adagrad
from autoint_jax.training.tables.row_rules import RowRules


def deferred_adam_kernel(
    learning_rate: LearningRate, *, b1: float, b2: float, epsilon: float, rules: RowRules
) -> TableOptimizer:
    """Returns `deferred_adam` with compiled read, update and flush. Raises kernels.library.Unavailable."""
    library()
    plain = deferred_adam(learning_rate, b1=b1, b2=b2, epsilon=epsilon, rules=rules)
    constants = {'b1': np.float32(b1), 'b2': np.float32(b2), 'epsilon': np.float32(epsilon)}
    clip = clip_attributes(rules)

    def read(table, slots, numbers, step):
        rows = jax.ShapeDtypeStruct((len(numbers), table.shape[1]), jnp.float32)
        return jax.ffi.ffi_call('autoint_deferred_adam_read', rows, vmap_method='sequential')(
            table, *slots, numbers, step.reshape(1), *scaled_sums(learning_rate, b1, b2), **constants
        )

    def update(table, slots, numbers, gradients, step, scale=None):
        call = jax.ffi.ffi_call(
            'autoint_deferred_adam_update',
            _like(table, *slots),
            vmap_method='sequential',
            input_output_aliases={argument: argument for argument in range(4)},
        )
        table, *slots = call(
            table,
            *slots,
            numbers,
            gradients,
            step.reshape(1),
            rates(learning_rate.at(step), rules, scale),
            *scaled_sums(learning_rate, b1, b2),
            **constants,
            **clip,
        )
        return table, DeferredAdamSlots(*slots)

    def flush(table, slots, step):
        call = jax.ffi.ffi_call(
            'autoint_deferred_adam_flush',
            _like(table, *slots),
            vmap_method='sequential',
            input_output_aliases={argument: argument for argument in range(4)},
        )
        table, *slots = call(table, *slots, step.reshape(1), *scaled_sums(learning_rate, b1, b2), **constants)
        return table, DeferredAdamSlots(*slots)

    squares = squares_by_kernel(rules, read)
    return plain._replace(named=by_number, read=read, squares=squares, update=update, flush=flush)


def lazy_adam_kernel(
    learning_rate: LearningRate, *, b1: float, b2: float, epsilon: float, rules: RowRules
) -> TableOptimizer:
    """Returns `lazy_adam` with a compiled update. Raises kernels.library.Unavailable."""
    library()
    plain = lazy_adam(learning_rate, b1=b1, b2=b2, epsilon=epsilon, rules=rules)
    constants = {'b1': np.float32(b1), 'b2': np.float32(b2), 'epsilon': np.float32(epsilon)}
    clip = clip_attributes(rules)

    def update(table, slots, numbers, gradients, step, scale=None):
        call = jax.ffi.ffi_call(
            'autoint_lazy_adam_update',
            _like(table, *slots),
            vmap_method='sequential',
            input_output_aliases={argument: argument for argument in range(3)},
        )
        table, *slots = call(
            table,
            *slots,
            numbers,
            gradients,
            step.reshape(1),
            rates(learning_rate.at(step), rules, scale),
            **constants,
            **clip,
        )
        return table, LazyAdamSlots(*slots)

    squares = squares_by_kernel(rules, rows_as_stored)
    return plain._replace(named=by_number, read=rows_as_stored, squares=squares, update=update)


def rowwise_adagrad_kernel(learning_rate: LearningRate, *, epsilon: float, rules: RowRules) -> TableOptimizer:
    """Returns `rowwise_adagrad` with a compiled update. Raises kernels.library.Unavailable."""
    library()
    plain, constants = rowwise_adagrad(learning_rate, epsilon=epsilon, rules=rules), clip_attributes(rules)

    def update(table, accumulator, numbers, gradients, step, scale=None):
        call = jax.ffi.ffi_call(
            'autoint_rowwise_adagrad_update',
            _like(table, accumulator),
            vmap_method='sequential',
            input_output_aliases={0: 0, 1: 1},
        )
        return tuple(
            call(
                table,
                accumulator,
                numbers,
                gradients,
                rates(learning_rate.at(step), rules, scale),
                epsilon=np.float32(epsilon),
                **constants,
            )
        )

    squares = squares_by_kernel(rules, rows_as_stored)
    return plain._replace(named=by_number, read=rows_as_stored, squares=squares, update=update)


def _like(*arrays: jax.Array) -> list[jax.ShapeDtypeStruct]:
    """Returns the shapes and types of the arrays, as results of a kernel."""
    return [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]


def rates(learning_rate: float | jax.Array, rules: RowRules, scale: jax.Array | None) -> jax.Array:
    """Returns float32 [4], an operand of a kernel: the rate of a step, l2, the factor of gradients, and what weight
    decay leaves of a row.

    They are no constants of it because copies of a run may differ in them.
    """
    kept = 1 - learning_rate * rules.decay
    return jnp.stack([jnp.float32(one) for one in (learning_rate, rules.l2, 1.0 if scale is None else scale, kept)])


def clip_attributes(rules: RowRules) -> dict[str, np.float32]:
    """Returns the attributes of a kernel by which it clips gradients of rows."""
    return {'clip': np.float32(rules.clip), 'clip_floor': np.float32(rules.clip_floor)}


def squares_by_kernel(rules: RowRules, read: Callable) -> Callable[..., jax.Array]:
    """Returns the `squares` of an optimizer whose `named` is `by_number`; `read` is its own."""

    def squares(table, slots, numbers, gradients, step):
        needed = is_on(rules.l2) or rules.clips(table.shape[1])
        values = read(table, slots, numbers, step) if needed else gradients[:0]
        call = jax.ffi.ffi_call(
            'autoint_squared_gradients', jax.ShapeDtypeStruct((1,), jnp.float32), vmap_method='sequential'
        )
        found = call(
            numbers,
            gradients,
            values,
            jnp.float32(rules.l2).reshape(1),
            table_rows=np.int64(len(table)),
            **clip_attributes(rules),
        )
        return found[0]

    return squares
