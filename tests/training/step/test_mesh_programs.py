"""Programs of meshes: none copies or moves a whole table, and a flush works in place."""

import re

import jax
import numpy as np
import pytest
from mesh_cases import OPTIONS, program

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step import layout, placement
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import make_setup

XLA = {'execution.tables_form': 'xla'}
CASES = ('deferred_adam', {}), ('deferred_adam', XLA), ('rowwise_adagrad', XLA)
FURTHER_CASES = (
    ('deferred_adam', {'execution.form': 'einsum'}),
    ('deferred_adam', XLA | {'execution.form': 'heads', 'mesh.ordered_sums': True}),
    ('deferred_adam', {'training.not_finite': 'skip'}),
    ('lazy_adam', {}),
    ('lazy_adam', XLA | {'execution.form': 'einsum'}),
    ('lazy_adam', {'execution.form': 'heads'}),
    ('rowwise_adagrad', {'execution.form': 'heads'}),
    ('rowwise_adagrad', {'execution.form': 'einsum'}),
)


def shard_fractions(data, table, cases):
    """For optimizers of tables and options: temporary bytes of a chunk as a fraction of the tables and slots of a
    device, and the values of its largest collective as a fraction of a table.
    """
    mesh, rows = placement.run_mesh(MeshConfig(table=table, data=data)), 30_000_000
    found = {}
    for tables, options in cases:
        compiled, state = program(mesh, rows, **{'optimizer.tables': tables} | options)
        held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((state.tables, state.slots))) / table
        moved = re.findall(r'= \w+\[([\d,]*)\]\S* (?:all-|reduce-scatter|collective)', compiled.as_text())
        assert moved
        largest = max(np.prod([int(size) for size in sizes.split(',') if size]) for sizes in moved)
        found[f'{tables} {options}'] = compiled.memory_analysis().temp_size_in_bytes / held, largest / (8 * rows)
    return found


def test_no_program_copies_or_moves_a_table(on_host_devices):
    fractions = on_host_devices(8, 'test_mesh_programs', 't.shard_fractions(2, 4, t.CASES)')
    assert len(fractions) == 3
    for name, (temporary, moved) in fractions.items():
        assert temporary < 0.01 and moved < 0.001, (name, temporary, moved)


@pytest.mark.slow
@pytest.mark.parametrize('data, table', [(2, 4), (8, 1)])
def test_no_other_program_copies_or_moves_a_table(on_host_devices, data, table):
    cases = 't.CASES + t.FURTHER_CASES' if table == 1 else 't.FURTHER_CASES'
    fractions = on_host_devices(8, 'test_mesh_programs', f't.shard_fractions({data}, {table}, {cases})', optimized=True)
    assert len(fractions) >= 8
    for name, (temporary, moved) in fractions.items():
        assert temporary < 0.01 and moved < 0.001, (name, temporary, moved)


@pytest.mark.slow
def test_dense_adam_holds_one_gradient_of_a_table_and_moves_none(on_host_devices):
    """A third of table and moments is the gradient of all rows that a device holds."""
    dense = "t.shard_fractions(2, 4, [('adam', {}), ('adam', {'execution.form': 'heads'})])"
    fractions = on_host_devices(8, 'test_mesh_programs', dense, optimized=True)
    assert len(fractions) == 2
    for name, (temporary, moved) in fractions.items():
        assert 0.33 < temporary < 0.35 and moved < 0.001, (name, temporary, moved)


def test_a_program_of_one_device_holds_no_collective():
    text = program(placement.data_mesh(jax.local_devices()[:1]), 5000)[0].as_text()
    assert 'while' in text and not re.search('all-reduce|all-gather|reduce-scatter|all-to-all', text)


def flush_growth():
    """The bytes by which a flush raises the peak of memory, as a fraction of the bytes of the state."""
    mesh = placement.run_mesh(MeshConfig(table=8))
    config = replace(Config(), OPTIONS | {'optimizer.tables': 'deferred_adam', 'model.embedding_dim': 64})
    setup = make_setup(config, Schema((FieldSpec('a', CATEGORICAL, 400_000),)))
    state = jax.block_until_ready(layout.initial_state_on(setup, mesh))

    def peak():
        return next(int(line.split()[1]) * 1024 for line in open('/proc/self/status') if line.startswith('VmHWM'))

    before = peak()
    state = jax.block_until_ready(make_flush(setup, mesh)(state))
    return (peak() - before) / sum(leaf.nbytes for leaf in jax.tree.leaves(state))


@pytest.mark.slow
def test_a_flush_works_in_place(on_host_devices):
    assert on_host_devices(8, 'test_mesh_programs', 't.flush_growth()') < 0.3
