"""Ordered sums: the same bits on any number of devices, and a refusal where they would not be the same."""

import jax
import numpy as np
import pytest
import test_meshes

from autoint_jax.config.configuration import Config, from_tree, replace
from autoint_jax.config.fingerprint import fingerprint, identity, identity_tree
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema
from autoint_jax.training.step import layout, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import make_setup


def ordered_losses(meshes):
    """Losses of some steps with ordered sums, and tables and parameters after them, on some meshes.

    On four devices or more each has one slice; with 32 rows in it XLA fuses the operations of a loop of one turn in
    other ways than those of a longer loop.
    """
    rng, rows, sizes = np.random.default_rng(0), 121, (131, 7, 17, 17, 17)
    fields = FieldSpec('a', CATEGORICAL, 131), FieldSpec('b', CATEGORICAL, 7), FieldSpec('c', MULTIVALUED, 17, 3)
    schema = Schema((*fields, FieldSpec('x', NUMERIC)))
    ids = np.stack([rng.integers(0, size, 8 * rows) for size in sizes], 1).astype(np.int32)
    numbers, labels = rng.normal(size=(8 * rows, 1)), rng.random(8 * rows) < 0.3
    columns = Columns(ids, numbers.astype(np.float32), labels.astype(np.float32))
    options = {'mesh.ordered_sums': True, 'training.batch_size': rows, 'execution.slice_rows': 32}
    config = replace(Config(), test_meshes.OPTIONS | options | {'model.attention_dropout': 0.1})
    ordered, found = rng.permutation(8 * rows).reshape(8, rows), []
    for data, table in meshes:
        mesh = placement.run_mesh(MeshConfig(table=table, data=data))
        setup = make_setup(config, schema)
        cut = slices.cut(rows, setup, mesh)
        batches = np.full((8, cut.padded_batch), -1, np.int32)
        batches[:, :rows] = ordered
        chunk = steps.make_chunk(setup, mesh, cut, max_steps=8)
        state = layout.initial_state_on(setup, mesh)
        state, losses = chunk(state, resident_columns(columns, mesh), placement.split_order(batches, mesh), 0, 8)
        kept = losses, state.params, state.optimizer, layout.held(state).tables['embedding'][: 131 + 7 + 17]
        found.append([np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(kept)])
    return found


def test_ordered_sums_have_the_same_bits_on_any_number_of_devices(on_host_devices):
    one, *others = on_host_devices(
        8, 'test_ordered_sums', 't.ordered_losses([(1, 1), (2, 1), (2, 2), (1, 8)])', optimized=True
    )
    assert len(one) > 2 and all(other == one for other in others)


def test_ordered_sums_are_refused_where_they_would_not_be_the_same():
    with pytest.raises(UsageError, match="'execution.slice_rows' is 0, but must be a number of rows with mesh.ordered"):
        replace(Config(), {'mesh.ordered_sums': True})
    config = replace(Config(), {'mesh.ordered_sums': True, 'execution.slice_rows': 8})
    with pytest.raises(UsageError, match="mesh.ordered_sums is true, but form 'einsum'"):
        make_setup(replace(config, {'execution.form': 'einsum'}), Schema((FieldSpec('item', CATEGORICAL, 17),)))
    assert fingerprint(config) != fingerprint(replace(Config(), {'execution.slice_rows': 8})) == fingerprint(Config())
    assert fingerprint(config) == fingerprint(replace(config, {'mesh.table': 8, 'execution.form': 'heads'}))
    assert identity(from_tree(identity_tree(config))) == identity(config)
