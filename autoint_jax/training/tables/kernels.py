"""Deferred Adam, lazy Adam and row-wise Adagrad by compiled kernels for CPUs (`kernels/rows.cc`) in place of XLA.

They compute the same values as `deferred_adam.py`, `lazy_adam.py` and `optimizer.py`, and take `init` from there.
"""

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.kernels.library import library
from autoint_jax.training.tables.deferred_adam import DeferredAdamSlots, deferred_adam, scaled_sums
from autoint_jax.training.tables.lazy_adam import LazyAdamSlots, lazy_adam
from autoint_jax.training.tables.learning_rate import LearningRate
from autoint_jax.training.tables.optimizer import TableOptimizer, by_number, rows_as_stored, rowwise_adagrad


def deferred_adam_kernel(
    learning_rate: LearningRate, *, b1: float, b2: float, epsilon: float, l2_rows: float | jax.Array
) -> TableOptimizer:
    """Returns `deferred_adam` with compiled read, update and flush. Raises kernels.library.Unavailable."""
    library()
    plain = deferred_adam(learning_rate, b1=b1, b2=b2, epsilon=epsilon, l2_rows=l2_rows)
    constants = {'b1': np.float32(b1), 'b2': np.float32(b2), 'epsilon': np.float32(epsilon)}

    def read(table, slots, numbers, step):
        rows = jax.ShapeDtypeStruct((len(numbers), table.shape[1]), jnp.float32)
        return jax.ffi.ffi_call('autoint_deferred_adam_read', rows, vmap_method='sequential')(
            table, *slots, numbers, step.reshape(1), *scaled_sums(learning_rate, b1, b2), **constants
        )

    def update(table, slots, numbers, gradients, step):
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
            rates(learning_rate.at(step), l2_rows),
            *scaled_sums(learning_rate, b1, b2),
            **constants,
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

    return plain._replace(named=by_number, read=read, update=update, flush=flush)


def lazy_adam_kernel(
    learning_rate: LearningRate, *, b1: float, b2: float, epsilon: float, l2_rows: float | jax.Array
) -> TableOptimizer:
    """Returns `lazy_adam` with a compiled update. Raises kernels.library.Unavailable."""
    library()
    plain = lazy_adam(learning_rate, b1=b1, b2=b2, epsilon=epsilon, l2_rows=l2_rows)
    constants = {'b1': np.float32(b1), 'b2': np.float32(b2), 'epsilon': np.float32(epsilon)}

    def update(table, slots, numbers, gradients, step):
        call = jax.ffi.ffi_call(
            'autoint_lazy_adam_update',
            _like(table, *slots),
            vmap_method='sequential',
            input_output_aliases={argument: argument for argument in range(3)},
        )
        table, *slots = call(
            table, *slots, numbers, gradients, step.reshape(1), rates(learning_rate.at(step), l2_rows), **constants
        )
        return table, LazyAdamSlots(*slots)

    return plain._replace(named=by_number, read=rows_as_stored, update=update)


def rowwise_adagrad_kernel(
    learning_rate: LearningRate, *, epsilon: float, l2_rows: float | jax.Array
) -> TableOptimizer:
    """Returns `rowwise_adagrad` with a compiled update. Raises kernels.library.Unavailable."""
    library()
    plain = rowwise_adagrad(learning_rate, epsilon=epsilon, l2_rows=l2_rows)

    def update(table, accumulator, numbers, gradients, step):
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
                rates(learning_rate.at(step), l2_rows),
                epsilon=np.float32(epsilon),
            )
        )

    return plain._replace(named=by_number, read=rows_as_stored, update=update)


def _like(*arrays: jax.Array) -> list[jax.ShapeDtypeStruct]:
    """Returns the shapes and types of the arrays, as results of a kernel."""
    return [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]


def rates(learning_rate: float | jax.Array, l2_rows: float | jax.Array) -> jax.Array:
    """Returns both as an operand of a kernel, float32 [2].

    They are no constants of it because copies of a run may differ in them.
    """
    return jnp.stack([jnp.float32(learning_rate), jnp.float32(l2_rows)])
