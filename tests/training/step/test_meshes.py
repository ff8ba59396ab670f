"""Meshes of devices: which devices they take, and losses and tables that have the bits of one device."""

import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import OPTIMIZED
from mesh_cases import OPTIONS, SHAPE

from autoint_jax.benchmarks.shapes import made_up
from autoint_jax.benchmarks.stepping import ready
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.randomness import normal_values, pinned, seed_key
from autoint_jax.models.layers.tables import (
    PLACES,
    TableSpec,
    initial_part,
    initial_tables,
    numbers_in_part,
    part_rows,
    table_keys,
)
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.checkpoints.state_sums import state_sums
from autoint_jax.training.step import layout, placement, scoring, slices, steps
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import make_setup

MESHES = ((8, 1), (4, 2), (2, 4), (1, 8))  # [data, table]


def bits(data, table, options):
    """A hash of the losses of some steps on a mesh, of the flushed state with tables in the order of rows, and of
    scores.
    """
    config = replace(Config(), OPTIONS | options)
    mesh = placement.run_mesh(MeshConfig(table=table, data=data))
    prepared = ready(config, SHAPE, mesh)
    setup = prepared.setup
    assert prepared.cut == slices.Cut(8, 64)
    chunk = steps.make_chunk(setup, mesh, prepared.cut, max_steps=9)
    state, losses = chunk(layout.initial_state_on(setup, mesh), prepared.columns, prepared.order, 1, 9)
    state = make_flush(setup, mesh)(state)
    few = scoring.scored_columns(setup, made_up(SHAPE, 97, seed=2)[1], mesh)
    logits = scoring.make_scorer(setup, mesh)(state.variables, state.tables, few)
    rows = setup.table_specs['embedding'].rows
    whole = layout.of_rows_of_tables(
        lambda leaf: leaf[:rows] if leaf.ndim else leaf, layout.held(jax.device_get(state))
    )
    leaves = [np.asarray(losses), *jax.tree.leaves(whole), logits]
    return hashlib.md5(b''.join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()


def test_split_tables_have_the_bits_of_one_device(on_host_devices):
    options = {'optimizer.tables': 'deferred_adam', 'optimizer.l2_rows': 0.1}
    found = on_host_devices(8, 'test_meshes', f't.of_meshes([(1, 1), (2, 4), (1, 8)], [{options!r}])')
    assert len(found) == 3 and len(set(found)) == 1


def of_meshes(meshes, all_options):
    return [bits(data, table, options) for options in all_options for data, table in meshes]


@pytest.mark.slow
@pytest.mark.parametrize(
    'options',
    [
        {'optimizer.tables': 'adam', 'model.variant': 'authors', 'model.attention_dropout': 0.2},
        {'optimizer.tables': 'deferred_adam', 'execution.tables_form': 'xla', 'execution.form': 'heads'},
        {'optimizer.tables': 'lazy_adam', 'execution.tables_form': 'xla'},
        {'optimizer.tables': 'lazy_adam', 'model.deep_hidden': (19, 12), 'model.deep_dropout': 0.1},
        {'optimizer.tables': 'rowwise_adagrad', 'execution.tables_form': 'xla'},
        {'optimizer.tables': 'rowwise_adagrad', 'execution.form': 'heads'},
        {'optimizer.tables': 'deferred_adam', 'execution.form': 'einsum'},
    ],
)
def test_every_optimizer_has_the_bits_of_one_device_on_every_mesh(on_host_devices, options):
    found = on_host_devices(8, 'test_meshes', f't.of_meshes([(1, 1), *t.MESHES], [{options!r}])', optimized=True)
    assert len(found) == 5 and len(set(found)) == 1


def flushed_sums(meshes):
    """The checksums of a flushed state of some steps on meshes."""
    config, found = replace(Config(), OPTIONS | {'optimizer.tables': 'deferred_adam'}), []
    for data, table in meshes:
        mesh = placement.run_mesh(MeshConfig(table=table, data=data))
        setup = make_setup(config, Schema((FieldSpec('a', CATEGORICAL, 131),)))
        state = layout.initial_state_on(setup, mesh)
        state = state._replace(step=placement.replicate(jnp.array(7, jnp.int32), mesh))
        found.append(state_sums(make_flush(setup, mesh)(state)).sums)
    return found


def test_a_flushed_state_has_the_same_checksums_on_every_mesh(on_host_devices):
    """Rows that only fill the last block of a split table are zeros."""
    one, *others = on_host_devices(4, 'test_meshes', 't.flushed_sums([(1, 1), (2, 2), (1, 4)])')
    assert any('last' in name for name in one) and all(other == one for other in others)


@pytest.mark.parametrize('parts', [1, 4, 64])
def test_every_row_is_in_one_part_and_has_the_values_of_the_whole_table(parts):
    specs = {'a': TableSpec(16, 0.01, 131, (), ())}
    rows, all_parts = 131, np.arange(parts)
    with pinned():
        ((_, key),) = table_keys(specs, seed_key(5)).items()
        whole = np.asarray(initial_tables(specs, seed_key(5))['a'])
        of_part = jax.jit(lambda part: initial_part(specs['a'], key, part, parts))  # as a device draws its own
        held = np.stack([of_part(part) for part in all_parts])
    past = part_rows(rows, parts)
    numbers = np.asarray(
        jax.jit(jax.vmap(lambda part: numbers_in_part(jnp.arange(rows + 70), part, parts, rows)))(all_parts)
    )
    assert (numbers[:, rows:] == past).all() and np.count_nonzero(held) == np.count_nonzero(whole)
    for row in range(rows):
        part = row % PLACES // (PLACES // parts)
        assert ((numbers[:, row] < past) == (all_parts == part)).all()
        np.testing.assert_array_equal(held[part, numbers[part, row]], whole[row])


def test_values_of_rows_are_those_of_the_whole_draw_beyond_32_bits():
    """Row 2^31 - 1 of width 1000 has values with numbers above 2^40: they are encrypted as pairs of words."""
    rows = jnp.array([0, 3, 2**31 - 1], jnp.int32)
    with pinned():
        found = np.asarray(normal_values(seed_key(1), rows, 1000))
        np.testing.assert_array_equal(found[:2], np.asarray(jax.random.normal(seed_key(1), (4, 1000)))[[0, 3]])
        numbers = (np.uint64(2**31 - 1) * np.uint64(1000) + np.arange(1000, dtype=np.uint64)).view(np.uint32)
        words = jnp.stack([numbers[1::2], numbers[::2]])  # high words first
        from jax.extend.random import threefry_2x32

        blocks = threefry_2x32(jax.random.key_data(seed_key(1)), words)
    mantissas = np.asarray((blocks[0] ^ blocks[1]) >> 9, np.int64)
    assert np.corrcoef(np.argsort(np.argsort(found[2])), np.argsort(np.argsort(mantissas)))[0, 1] > 0.999


@pytest.mark.parametrize(
    'options, sentence',
    [
        ({'table': 4}, 'options mesh.data=0 and mesh.table=4 need 4 devices, but there are 3'),
        (
            {'table': 2},
            'option mesh.table is 2, which does not divide the 3 devices: take another number, or mesh.data=1',
        ),
        ({'table': 2, 'data': 3}, 'options mesh.data=3 and mesh.table=2 need 6 devices, but there are 3'),
        ({'table': 0}, 'option mesh.table=0 would split tables over 3 devices, but only 1, 2, 4, 8, 16, 32 or 64 can'),
        ({'table': 3}, "option 'mesh.table' is 3, but must be 0, 1, 2, 4, 8, 16, 32 or 64"),
    ],
)
def test_a_mesh_that_does_not_fit_the_devices_is_refused(options, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        placement.run_mesh(MeshConfig(**options), jax.local_devices()[:1] * 3)


def shape_of(options, count):
    return dict(placement.run_mesh(MeshConfig(**options), jax.local_devices()[:1] * count).shape)


def test_meshes_take_the_devices_that_are_asked_for():
    assert shape_of({}, 6) == {'data': 6, 'table': 1}
    assert shape_of({'table': 0}, 8) == {'data': 1, 'table': 8}
    assert shape_of({'table': 0, 'data': 2}, 8) == {'data': 2, 'table': 4}
    assert shape_of({'table': 2, 'data': 1}, 8) == {'data': 1, 'table': 2}


@pytest.mark.slow
def test_meshes_of_a_real_shape_have_the_bits_of_one_device(forks, tmp_path):
    done = forks.run(['experiments/meshes.py', '--quick'], tmp_path, timeout=600, **dict([OPTIMIZED]))
    assert done.returncode == 0 and done.stdout.endswith('quick: no record\n'), done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
