"""Plans of memory: what they count is what a run has, and what does not fit is named."""

import jax
import jax.numpy as jnp
import pytest
from check_cases import texts

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.data.store.columns import Columns
from autoint_jax.diagnosis import memory, planned
from autoint_jax.diagnosis.checks import BAD, NOTE
from autoint_jax.errors import UsageError
from autoint_jax.schema import MULTIVALUED, NUMERIC, FieldSpec, Schema
from autoint_jax.training.memory.activations import activation_bytes
from autoint_jax.training.memory.plan import plan as plan_of
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


MIXED = Schema(
    (
        *planned.schema_of([7, 11, 101]).fields,
        FieldSpec('several', MULTIVALUED, 13, max_values=3),
        FieldSpec('number', NUMERIC),
    )
)


def named(items, name):
    (item,) = (item for item in items if item.name == name)
    return item.bytes


def nbytes(tree):
    return sum(array.nbytes for array in jax.tree.leaves(tree))


@pytest.mark.parametrize('tables', TABLE_OPTIMIZERS)
def test_the_plan_counts_the_state_exactly(tables):
    config = replace(Config(), {'optimizer.tables': tables, 'model.variant': 'authors', 'model.deep_hidden': (19, 17)})
    device = plan_of(config, MIXED, {}, placement.data_mesh()).device
    state = initial_state(make_setup(config, MIXED))
    assert named(device, 'tables') == nbytes(state.tables) == 132 * 16 * 4
    assert named(device, "state of the tables' optimizer") == nbytes(state.slots)
    assert named(device, 'parameters and their optimizer') == nbytes((state.params, state.optimizer))
    assert named(device, 'second copy of the state') == nbytes(state)


def test_the_plan_of_six_million_rows_by_hand():
    config = replace(Config(), {'optimizer.tables': 'deferred_adam'})
    schema = planned.schema_of([6_000_000 - 1000, 1000])
    rows = {'train': 40_000_000, 'valid': 3_000_000, 'test': 2_000_000}
    mesh = placement.data_mesh()
    plan = plan_of(config, schema, rows, mesh)
    table = 6_000_000 * 16 * 4
    assert named(plan.device, 'tables') == table == 384_000_000
    assert named(plan.device, "state of the tables' optimizer") == 2 * table + 6_000_000 * 4  # m, nu, last
    assert not [item for item in plan.device if item.name == 'gradient of whole tables']
    assert named(plan.device, 'data') == 45_000_000 * (2 + 0 + 1) * 4
    padded_batch = slices.cut(1024, make_setup(config, schema), mesh).padded_batch
    assert named(plan.device, 'order of rows') == 2 * 39_063 * padded_batch * 4
    assert named(plan.device, 'evaluation') == 3_000_000 * 32
    assert named(plan.device, 'rows of a batch') == 6 * padded_batch * 2 * 16 * 4
    assert named(plan.disk, 'checkpoints') > 3 * 3 * table
    adam = plan_of(Config(), schema, rows, mesh).device
    assert named(adam, 'gradient of whole tables') == table


def test_activations_by_hand_and_against_xla(optimized):
    config = replace(
        Config(),
        {'model.num_layers': 2, 'execution.form': 'einsum', 'training.batch_size': 512, 'execution.slice_rows': 512},
    )
    f, w = 11, 64
    first, second = (f * (d + 5 * w) * 4 + 2 * f * f * 4 for d in (16, w))
    assert activation_bytes(config, f) == first + second + f * 16 * 4 + 2 * second
    schema, mesh = planned.schema_of([5] * f), placement.data_mesh()
    device = plan_of(config, schema, {'train': 512}, mesh).device
    estimated = named(device, 'activations of a slice') + named(device, 'rows of a batch')
    setup, shape = make_setup(config, schema), jax.ShapeDtypeStruct
    columns = Columns(shape((512, f), jnp.int32), shape((512, 0), jnp.float32), shape((512,), jnp.float32))
    chunk = steps.make_chunk(setup, mesh, slices.cut(512, setup, mesh), max_steps=2)
    state = jax.eval_shape(lambda: initial_state(setup))
    compiled = chunk.lower(state, columns, shape((1, 512), jnp.int32), 0, 1).compile()
    assert 0.6 < estimated / compiled.memory_analysis().temp_size_in_bytes < 1.6


def test_what_does_not_fit_is_named_with_what_to_change():
    plan = plan_of(Config(), planned.schema_of([1_000_000]), {}, placement.data_mesh())
    total = sum(item.bytes for item in plan.device + plan.host)
    places = {'copies': 1, 'on_cpu': True, 'device_memory': None, 'disk': 10**12}
    assert texts(memory.checks(plan, ram=2 * total, **places), BAD) == []
    (bad,) = texts(memory.checks(plan, ram=total - 1, **places), BAD)
    assert 'does not fit' in bad
    assert "state of the tables' optimizer (128 MB): change optimizer.tables to 'rowwise_adagrad'" in bad
    assert any('barely' in text for text in texts(memory.checks(plan, ram=total + 1, **places), NOTE))
    assert any('8 devices' in text for text in texts(memory.checks(plan, ram=2 * total, **places | {'copies': 8}), BAD))
    assert texts(memory.checks(plan, ram=2 * total, **places | {'disk': 10**6}), BAD)
    gpu = memory.checks(
        plan, ram=2 * total, **places | {'on_cpu': False, 'device_memory': sum(item.bytes for item in plan.device) - 1}
    )
    assert [text.split(':')[0] for text in texts(gpu, BAD)] == ['memory of a device']
    assert any('not known' in text for text in texts(memory.checks(plan, ram=None, **places), NOTE))


def test_plans_that_cannot_be_made(tmp_path):
    with pytest.raises(UsageError, match='32-bit numbers count'):
        plan_of(Config(), planned.schema_of([2**30, 2**30]), {}, placement.data_mesh())
    with pytest.raises(UsageError, match='at least 1'):
        planned.schema_of([5, 0])
    with pytest.raises(UsageError, match='5,x must be numbers'):
        planned.schema_of(['5', 'x'])
    with pytest.raises(UsageError, match='nowhere.json cannot be read'):
        planned.schema_file(tmp_path / 'nowhere.json')
    (tmp_path / 'schema.json').write_text('{"fields": [{"name": "a"}]}')
    with pytest.raises(UsageError, match='schema.json is not a schema.json of prepared data'):
        planned.schema_file(tmp_path / 'schema.json')
    (tmp_path / 'schema.json').write_text(MIXED.dumps())
    assert planned.schema_file(tmp_path / 'schema.json') == MIXED
