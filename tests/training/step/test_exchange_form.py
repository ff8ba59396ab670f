"""The choice between the forms of exchange: what a run says of it, its memory, and options that make no sense."""

import jax
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.memory.items import exchange_items
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.exchange_form import exchange_clause
from autoint_jax.training.step.state import make_setup


def clause(options, rows=64, size=8):
    """The clause about the exchange in the line about so many devices, and whether the plan of memory has its rows."""
    config = replace(Config(), {'model.embedding_dim': 3, 'execution.slice_rows': 8} | options)
    schema = Schema(tuple(FieldSpec(f'f{number}', CATEGORICAL, 7) for number in range(10)))
    mesh = placement.run_mesh(config.mesh, jax.local_devices()[:1] * size)
    setup = make_setup(config, schema)
    cut = slices.cut(rows, setup, mesh)
    return exchange_clause(setup, mesh, cut), {item.name: item.bytes for item in exchange_items(setup, mesh, cut)}


def test_a_run_says_which_form_it_takes_and_plans_its_memory():
    assert clause({}) == clause({'mesh.table': 0}, size=1) == ('', {})
    gathered = '; rows of tables are exchanged in the gathered form'
    # A device takes 128 rows of 10 fields: 160 lookups for each of 8 devices, and 320 for each of 4.
    automatic = 'by mesh.exchange=automatic'
    assert clause({'mesh.table': 8}, 1024) == (f'{gathered}, {automatic}', {})
    assert clause({'mesh.table': 4, 'mesh.exchange': 'gathered'}, 1024) == (gathered, {})
    said, planned = clause({'mesh.table': 4}, 1024)
    exchanged = '; rows of tables are exchanged all-to-all'
    assert said == f'{exchanged}, {automatic}: a device asks each other one for 320 rows at most'
    # Four arrays as they are sent and received, and two for the gradients of both groups.
    assert planned == {'rows exchanged all-to-all': 4 * (4 + 2) * 4 * 320 * (3 + 1)}
    assert (
        clause({'mesh.table': 8}, 4096)[0]
        == f'{exchanged}, {automatic}: a device asks each other one for 640 rows at most'
    )
    few = {'mesh.table': 8, 'mesh.exchange': 'all_to_all', 'mesh.capacity': 0.33}
    assert clause(few, 1024) == (
        f'{exchanged}: a device asks each other one for 53 rows at most',
        {'rows exchanged all-to-all': 4 * 4 * 8 * 53 * (3 + 1)},
    )


@pytest.mark.parametrize(
    'options, sentence',
    [
        ({'exchange': 'ring'}, "'mesh.exchange' is 'ring', but must be automatic, gathered or all_to_all"),
        ({'table': 4, 'capacity': 0.0}, "'mesh.capacity' is 0.0, but must be above 0 and finite"),
        ({'exchange': 'all_to_all'}, 'must be automatic or gathered with mesh.table=1, which does not split tables'),
        ({'table': 4, 'exchange': 'all_to_all', 'ordered_sums': True}, 'automatic or gathered with mesh.ordered_sums'),
        ({'table': 4, 'exchange': 'gathered', 'capacity': 2.0}, '2.0, but must be 1.0 with mesh.exchange=gathered'),
        ({'capacity': 2.0}, "'mesh.capacity' is 2.0, but must be 1.0 with mesh.table=1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        MeshConfig(**options)


def test_the_form_is_no_part_of_a_run():
    options = {'mesh.table': 8, 'mesh.exchange': 'all_to_all', 'mesh.capacity': 2.0}
    assert fingerprint(replace(Config(), options)) == fingerprint(Config())
