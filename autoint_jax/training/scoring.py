"""Logits of a whole split as one compiled sweep."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from autoint_jax.models.tables import Tables, lookup
from autoint_jax.training.devices import EVERYWHERE, Resident, cut, gathered
from autoint_jax.training.state import Setup
from autoint_jax.training.steps import BY_ROW


def make_scorer(made: Setup, mesh: Mesh) -> Callable[[Any, Tables, Resident], np.ndarray]:
    """(params, tables, resident columns [n]) -> logits, float32 [n] on the host, in row order."""

    def of_device(params, tables, columns, rows, slice_rows):
        def of_slice(rows):
            batch = gathered(columns, rows)
            return made.model.apply({'params': params}, lookup(tables, made.schema, batch), batch, train=False,
                                    dropout_keys=None)

        return jax.lax.map(of_slice, rows.reshape(-1, slice_rows)).reshape(-1)

    @jax.jit
    def sweep(params, tables, columns):
        count = columns.labels.shape[0]
        # Scored in batches of the training size, cut as in training; rows past the end repeat row 0.
        part = cut(min(count, made.config.training.batch_size), made.config, made.schema, mesh)
        padded = -(-count // part.padded_batch) * part.padded_batch
        rows = jnp.arange(padded)
        rows = jnp.where(rows < count, rows, -1)
        on_devices = jax.shard_map(lambda *args: of_device(*args, part.slice_rows), mesh=mesh, check_vma=False,
                                   in_specs=(EVERYWHERE, EVERYWHERE, EVERYWHERE, BY_ROW), out_specs=BY_ROW)
        return on_devices(params, tables, columns, rows)[:count]

    return lambda params, tables, columns: np.asarray(sweep(params, tables, columns))
