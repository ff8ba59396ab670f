"""The slices in which the compiled kernel takes a batch."""

import types

import jax
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.models.interacting import slice_costs
from autoint_jax.models.interacting.cpu import Block, backward_tasks
from autoint_jax.models.interacting.slice_costs import Stack, best_slice_rows, busiest, step_seconds
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.slices import kernel_stack
from autoint_jax.training.step.state import make_setup

CACHE = 32 << 20


def setup_of(fields, **options):
    schema, _ = made_up(Shape((5,) * fields), 8, seed=0)
    return make_setup(replace(Config(), {'execution.form': 'cpu_kernel', **options}), schema)


def test_the_busiest_core_takes_what_others_leave():
    assert busiest(8, 4, 2) == 4
    assert busiest(13, 6, 2) == 7  # tasks of 3, 2, 2, 2, 2 and 2 blocks
    assert busiest(10, 4, 2) == 5  # tasks of 3, 3, 2 and 2 blocks
    assert busiest(6, 3, 2) == 4
    assert busiest(5, 1, 8) == 5
    assert busiest(16, 16, 16) == 1


def test_a_step_costs_what_its_busiest_core_and_its_memory_traffic_cost():
    block = Block(rows=10, columns=100, floats=2500)
    stack = Stack(lambda rows: block, operations=3e5, weight_bytes=0, dense_bytes=0)
    # One slice of 80 rows: 8 blocks, 4 on each of two cores, forward and backward.
    assert step_seconds(80, 1, stack, 2, 1 << 40) == pytest.approx(4 * 10 * 3e-5 + slice_costs.SLICE_SECONDS)
    # Two slices of 40 rows: 4 blocks, 2 on each core. A single block would leave a core idle.
    assert step_seconds(80, 2, stack, 2, 1 << 40) == pytest.approx(4 * 10 * 3e-5 + 2 * slice_costs.SLICE_SECONDS)
    assert step_seconds(80, 8, stack, 2, 1 << 40) == pytest.approx(8 * 10 * 3e-5 + 8 * slice_costs.SLICE_SECONDS)
    # Kept activations that no cache holds are written and read by both cores.
    missed = step_seconds(80, 1, stack, 2, 1) - step_seconds(80, 1, stack, 2, 1 << 40)
    assert missed == pytest.approx(2 * 80 * 1000 / 2 / slice_costs.KEPT_BYTES, rel=1e-3)
    # Four tasks sum gradients, and their sum is one more.
    heavy = stack._replace(weight_bytes=10**6, dense_bytes=10**7)
    weights = step_seconds(80, 1, heavy, 2, 1 << 40) - step_seconds(80, 1, stack, 2, 1 << 40)
    others = 6 * (10**7 - 10**6) / 4  # operations of a row in the other layers, which two cores share
    assert weights == pytest.approx(
        (3 * 5 * 10**6 + 4 * 10**7) / slice_costs.WEIGHT_BYTES + slice_costs.SHARED_ROWS * others / 2e11
    )


def test_the_stack_is_that_of_the_model():
    options = {'model.embedding_dim': 8, 'model.num_layers': 2, 'model.num_heads': 2, 'model.head_dim': 3}
    stack = kernel_stack(setup_of(5, **options))
    weights = 8 * 4 * 6 + 6 * 4 * 6
    assert stack.weight_bytes == 4 * weights
    assert stack.operations == 3 * (2 * weights + 2 * 4 * 5 * 6)  # of a field
    assert stack.dense_bytes == 4 * (weights + 5 * 6 + 1)  # with the output layer


@pytest.mark.parametrize('fields', [5, 8, 10, 22, 39, 100])
@pytest.mark.parametrize('cores', [1, 2, 4])
def test_slices_leave_no_core_idle_and_fit_the_cache(fields, cores):
    stack = kernel_stack(setup_of(fields))
    rows = best_slice_rows(4096, stack, cores, CACHE)
    block = stack.block(rows)
    blocks = -(-rows // block.rows)
    assert busiest(blocks, backward_tasks(blocks), cores) * cores <= 1.2 * blocks
    assert 4 * blocks * block.floats <= CACHE
    assert 4096 * fields >= 0.9 * -(-4096 // rows) * blocks * block.columns  # few columns are computed in vain
    few = best_slice_rows(3, stack, cores, CACHE)
    assert few == 3


def test_a_batch_is_cut_into_equal_slices(monkeypatch):
    monkeypatch.setattr(slices, 'usable_cores', lambda: 2)
    monkeypatch.setattr(slice_costs, 'last_level_cache', lambda: CACHE)
    cut = slices.cut(1024, setup_of(39), placement.data_mesh(jax.devices()[:1]))
    assert cut.slice_rows == best_slice_rows(1024, kernel_stack(setup_of(39)), 2, CACHE)
    assert 1024 <= cut.padded_batch < 1024 + cut.slice_rows and cut.padded_batch % cut.slice_rows == 0


def test_devices_of_a_host_share_its_cores_and_its_cache(monkeypatch):
    monkeypatch.setattr(slices, 'usable_cores', lambda: 2)
    monkeypatch.setattr(slice_costs, 'last_level_cache', lambda: CACHE)
    setup, rows = setup_of(39, **{'model.num_heads': 4}), 4096
    two = types.SimpleNamespace(local_devices=['one', 'other'], shape={'replica': 2, 'data': 1, 'table': 1})
    cut = slices.cut(rows, setup, two)
    assert cut.slice_rows == best_slice_rows(rows, kernel_stack(setup), 1, CACHE // 2)
    assert cut.slice_rows < best_slice_rows(rows, kernel_stack(setup), 1, CACHE)
