"""What tests of meshes share: a shape, options, and the compiled program of a large table."""

import jax
import numpy as np

from autoint_jax.benchmarks.shapes import Shape, criteo, log_spaced
from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step import layout, slices, steps
from autoint_jax.training.step.state import make_setup

SHAPE = Shape(log_spaced(5, 3, 701))
OPTIONS = {
    'model.num_layers': 1,
    'model.embedding_dim': 8,
    'model.head_dim': 4,
    'model.embedding_dropout': 0.1,
    'training.batch_size': 61,
    'execution.slice_rows': 8,  # eight slices, of which each device takes one
}


def program(mesh, rows, **options):
    """The compiled chunk of a large table on a mesh, from shapes."""
    config = replace(Config(), OPTIONS | {'optimizer.tables': 'deferred_adam'} | options)
    shape = criteo(rows)
    fields = tuple(FieldSpec(f'f{number}', CATEGORICAL, size) for number, size in enumerate(shape.cardinalities))
    setup = make_setup(config, Schema(fields))
    cut = slices.cut(61, setup, mesh)
    columns = Columns(*(jax.ShapeDtypeStruct(s, t) for s, t in (((96, 39), 'i4'), ((96, 0), 'f4'), ((96,), 'f4'))))
    order = jax.ShapeDtypeStruct((3, cut.padded_batch), np.int32)
    state = layout.shapes_on(setup, mesh)
    return steps.make_chunk(setup, mesh, cut, max_steps=3).lower(state, columns, order, 0, 1).compile(), state
