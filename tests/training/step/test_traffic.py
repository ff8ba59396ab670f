"""The bytes that a step moves between devices: the formulas against the collective operations of compiled programs."""

import math
import re
from collections import Counter

import jax
import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import ALL_TO_ALL, MeshConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.diagnosis.planned import schema_of
from autoint_jax.training.step import layout, placement, slices, steps, traffic
from autoint_jax.training.step.state import make_setup
from autoint_jax.training.step.traffic import Collective

MESHES = ((8, 1), (4, 2), (2, 4), (1, 8))  # [data, table]
SMALL = {
    'model.num_layers': 1,
    'model.embedding_dim': 8,
    'model.head_dim': 4,
    'execution.form': 'heads',
    'training.batch_size': 128,
    'execution.slice_rows': 8,
}
INTEGERS = (traffic.DATA_NUMBERS, traffic.DATA_ROWS, traffic.ROW_NUMBERS, traffic.FINITE, traffic.OVERFLOWED)
COLLECTIVE = re.compile(r'= (\(.*?\)|\S+) (all-gather|all-reduce|reduce-scatter|all-to-all)(?:-start)?\(')
ARRAY = re.compile(r'([a-z]+\d+)\[([\d,]*)\]')


def in_program(text, all_to_all=False):
    """{operation and type: bytes of its results} in the text of an optimized program.

    Each operation is done once a step. With `all_to_all` the loop that takes a step in the gathered form is left out:
    of the loops only its body has a reduce-scatter of rows.
    """
    found = Counter()
    if all_to_all:
        parts = text.split('\n}')
        text = '\n}'.join(part for part in parts if not re.search(r'= f32\S* reduce-scatter\(', part))
        assert ' all-to-all(' in text and len(parts) > text.count('\n}') + 1
    for results, operation in COLLECTIVE.findall(text):
        for type_, sizes in ARRAY.findall(results):
            count = math.prod(int(size) for size in sizes.split(',') if size)
            found[f'{operation} {type_}'] += count * int(type_[1:]) // 8
    return found


def by_formula(collectives):
    """What `in_program` returns, from the formulas."""
    found = Counter()
    for each in collectives:
        type_ = 's32' if each.moved in INTEGERS else 'f32'
        found[f'{each.operation} {type_}'] += each.result
    return found


def compared(cases):
    """[(options of a run, data, table)] -> [(their words, bytes in the program, bytes by formula)]."""
    found = []
    for options, data, table in cases:
        mesh = placement.run_mesh(MeshConfig(table=table, data=data))
        setup = make_setup(replace(Config(), SMALL | {'mesh.table': table} | options), schema_of([7, 131, 1000]))
        cut = slices.cut(128, setup, mesh)
        shape = jax.ShapeDtypeStruct
        columns = Columns(*(shape(size, kind) for size, kind in (((512, 3), 'i4'), ((512, 0), 'f4'), ((512,), 'f4'))))
        state, order = layout.shapes_on(setup, mesh), shape((4, cut.padded_batch), np.int32)
        chunk = steps.make_chunk(setup, mesh, cut, max_steps=1)  # which fetches the rows of one step
        text = chunk.lower(state, columns, order, 0, 1).compile().as_text()
        all_to_all = setup.config.mesh.exchange == ALL_TO_ALL
        collectives = traffic.of_step(setup, mesh, cut)
        found.append((f'{data}x{table} {options}', in_program(text, all_to_all), by_formula(collectives)))
    return found


CASES = [
    *(({'optimizer.tables': 'deferred_adam'}, *mesh) for mesh in MESHES),
    ({'optimizer.tables': 'adam'}, 2, 4),
    ({'mesh.exchange': 'all_to_all', 'mesh.capacity': 1.5, 'optimizer.tables': 'deferred_adam'}, 2, 4),
    ({'mesh.ordered_sums': True}, 4, 2),
    ({'model.deep_hidden': (40, 24), 'model.deep_batch_norm': True, 'execution.slice_rows': 0}, 2, 4),
    # Few lookups of a device, for which the automatic form is the gathered one.
    ({'model.name': 'fm', 'model.num_layers': 3, 'model.head_dim': 32, 'execution.form': 'automatic'}, 2, 4),
]


MORE_CASES = [
    ({'mesh.exchange': 'all_to_all', 'mesh.capacity': 1.5, 'training.not_finite': 'skip'}, 1, 8),
    ({'optimizer.tables': 'lazy_adam', 'training.not_finite': 'skip'}, 2, 4),
    *(({'optimizer.tables': 'adam'}, *mesh) for mesh in MESHES),
    ({'optimizer.tables': 'lazy_adam', 'training.not_finite': 'skip'}, 8, 1),
    ({'optimizer.tables': 'rowwise_adagrad', 'execution.tables_form': 'xla'}, 4, 2),
    ({'mesh.exchange': 'all_to_all', 'optimizer.tables': 'deferred_adam'}, 4, 2),
    ({'mesh.exchange': 'all_to_all', 'optimizer.tables': 'lazy_adam', 'training.not_finite': 'skip'}, 2, 4),
    ({'mesh.ordered_sums': True}, 1, 8),
]


@pytest.mark.parametrize('cases', ['CASES', pytest.param('MORE_CASES', marks=pytest.mark.slow)])
def test_bytes_of_a_step_are_those_of_its_program(cases, on_host_devices):
    for case, program, formula in on_host_devices(8, 'test_traffic', f't.compared(t.{cases})'):
        assert program.keys() == formula.keys(), case
        for operation, count in program.items():
            assert formula[operation] == pytest.approx(count, rel=0.05), (case, operation)


def test_bytes_that_devices_send():
    assert Collective('', 'all-gather', 8, 800).sent == 700  # all parts but its own
    assert Collective('', 'all-to-all', 8, 800).sent == 700
    assert Collective('', 'reduce-scatter', 8, 100).sent == 700  # of an input of 800 bytes
    assert Collective('', 'all-reduce', 8, 800).sent == 1400


def test_bytes_of_the_shape_of_criteo_by_hand():
    """A batch of 1024 rows with 39 fields on 2 x 4 devices, 16 values in a row: n = 128 * 39 = 4992."""
    numbers, rows, gradients = traffic.gathered(4992, 16, data=2, table=4)
    assert numbers == (traffic.ROW_NUMBERS, 'all-gather', 8, 4 * 4992 * 8)
    assert rows == (traffic.ROWS, 'reduce-scatter', 4, 4 * 4992 * 16)
    assert gradients == (traffic.ROW_GRADIENTS, 'all-gather', 8, 4 * 4992 * 16 * 8)
    assert [each.moved for each in traffic.gathered(4992, 16, data=8, table=1)] == [numbers.moved, gradients.moved]
    assert traffic.gathered(4992, 16, data=1, table=1) == traffic.of_parameters(100, 1) == []


def test_bytes_of_the_all_to_all_form_by_hand():
    """The same batch; at twice the mean a device asks each of four for 2496 rows, each of eight for 1248."""
    numbers = 4 * 4 * 2496
    assert traffic.all_to_all(4992, 16, data=1, table=8, capacity=2.0) == [
        (traffic.ROW_NUMBERS, 'all-to-all', 8, numbers),
        (traffic.ROWS, 'all-to-all', 8, numbers * 16),
        (traffic.ROW_GRADIENTS, 'all-to-all', 8, numbers * 16),
    ]
    found = traffic.all_to_all(4992, 16, data=2, table=4, capacity=2.0)
    assert sum(each.result for each in found) == numbers * (1 + 2 * 16) + 2 * numbers * (1 + 16)
    assert [each.result for each in found if each.operation == 'all-gather'] == [2 * numbers, 2 * numbers * 16]
    assert traffic.all_to_all(4992, 16, data=8, table=1, capacity=2.0) == []
    assert traffic.most_asked(7, 8, 1.0) == 1 and traffic.most_asked(7, 2, 5.0) == 7
