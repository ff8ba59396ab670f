"""Golden rows of the published data sets are made without raw data, and all of them can be parsed and scored."""

import pytest
from export_cases import exported
from scoring_cases import trained

from autoint_jax.bundle.golden import read_golden
from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import shapes
from autoint_jax.export import check

# Columns that are looked up are texts, also if they are numbers; columns of which numbers are made are numbers.
KINDS = {
    'movielens_1m': {'Gender': 'text', 'Age': 'number', 'Year': 'number', 'Genre': 'texts', 'Timestamp': 'number'},
    'criteo': {'I1': 'number', 'I13': 'number', 'C1': 'text', 'C26': 'text'},
    'avazu': {'C1': 'text', 'site_id': 'text'},
    'kdd12': {'DisplayURL': 'text', 'Gender': 'text', 'Age': 'text', 'Depth': 'number'},
}


@pytest.fixture(scope='module', autouse=True)
def quick(quick_compilation):
    return quick_compilation


@pytest.mark.parametrize('name', ['movielens_1m', 'criteo', 'avazu', 'kdd12'])
@pytest.mark.slow
def test_golden_rows_of_published_data_sets(name, raw_dir, tmp_path):
    for recipe in ['with_ids', 'autoint_all_rows'] if name == 'movielens_1m' else ['autoint', 'bars']:
        folder = tmp_path / recipe
        if name == 'movielens_1m':
            raw = raw_dir
        else:
            (raw, *_) = (path.parent for path in shapes.SHAPES[name](folder / 'raw', 4001, 3))
        run = trained(folder, registry.prepare(name, recipe, raw, folder / 'prepared'))
        manifest = exported(folder / 'bundle', folder / 'run', run)
        golden = read_golden(folder / 'bundle')
        ids, _ = golden.encoded()
        kinds = {column.name: column.kind for column in manifest.raw_inputs}
        assert {column: kinds[column] for column in KINDS[name] if column in kinds} == KINDS[name], recipe
        assert len(golden.rows) == 16 and len(set(golden.logits)) > 10, recipe
        assert (ids.max(0) > 0).mean() > 0.9 and (ids.min(0) == 0).any(), recipe
        assert list(golden.rows[0]) == list(kinds) and any(value is None for value in golden.rows[4].values())
        assert {one.result for one in check.verdicts(folder / 'bundle')} == {'PASS'}, recipe
