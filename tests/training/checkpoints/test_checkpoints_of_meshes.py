"""Checkpoints of any mesh open on any other, with the same bits, and tables are never whole on a device that splits
them.
"""

import pathlib
import tempfile

import jax
import numpy as np
import pytest

from autoint_jax.benchmarks.shapes import Shape, log_spaced, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.training.checkpoints import state_sums as sums
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.step import layout, placement
from autoint_jax.training.step.state import TrainState, make_setup

MESHES = ((1, 1), (2, 4), (1, 8), (4, 2), (2, 1))  # [data, table]


def mesh_of(data, table):
    return placement.run_mesh(MeshConfig(table=table, data=data))


def state_on(setup, mesh, whole: TrainState) -> TrainState:
    """A state with these values on a mesh."""
    shapes = layout.shapes_on(setup, mesh)
    if layout.is_split(shapes):
        whole = layout.of_rows_of_tables(layout.as_blocks, whole)
    return jax.tree.map(lambda array, shape: jax.device_put(array, shape.sharding), whole, shapes)


def rows_of(state, rows):
    """The state on the host, with tables of so many rows."""
    return layout.of_rows_of_tables(lambda leaf: leaf[:rows] if leaf.ndim else leaf, layout.held(jax.device_get(state)))


def restored_everywhere(tables):
    """Saves on each mesh, restores on each; returns the number of states that were compared."""
    config = replace(Config(), {'optimizer.tables': tables, 'model.num_layers': 0, 'model.embedding_dim': 4})
    setup = make_setup(config, made_up(Shape(log_spaced(3, 3, 201)), 9, seed=1)[0])
    rng = np.random.default_rng(3)

    def drawn(leaf):
        return (1 + rng.integers(0, 1 << 20, leaf.shape)).astype(leaf.dtype)

    whole = jax.tree.map(drawn, layout.shapes_on(setup, mesh_of(1, 1)))
    compared, seals = 0, []
    for saved_on in MESHES:
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = Checkpoints(pathlib.Path(folder))
            state = state_on(setup, mesh_of(*saved_on), whole._replace(step=np.int32(7)))
            seals.append(sums.state_sums(state._asdict()).sums)
            progress = {'evaluations': [{'step': 7, 'epoch': 1.0, 'train_logloss': 0.5, 'valid_logloss': 0.5}]}
            checkpoints.save(state, 7, progress, sums.state_sums(state._asdict()), keep=[])
            checkpoints.close()
            for mesh in (mesh_of(*opened_on) for opened_on in MESHES):
                shapes = layout.shapes_on(setup, mesh)
                found, _ = CheckpointReader(pathlib.Path(folder)).restore(7, shapes, mesh)
                assert jax.tree.map(lambda leaf: leaf.sharding, found) == jax.tree.map(lambda s: s.sharding, shapes)
                for ours, theirs in zip(
                    jax.tree.leaves(rows_of(found, 201)), jax.tree.leaves(whole._replace(step=7)), strict=True
                ):
                    np.testing.assert_array_equal(ours, theirs)
                compared += 1
    assert all(seal == seals[0] for seal in seals)
    return compared


@pytest.mark.slow
def test_checkpoints_of_any_mesh_open_on_any_other(on_host_devices):
    """The slots of row-wise Adagrad are those of rows, the others those of values."""
    of_each = '[t.restored_everywhere(tables) for tables in ("adam", "rowwise_adagrad")]'
    assert on_host_devices(8, 'test_checkpoints_of_meshes', of_each) == [25, 25]
