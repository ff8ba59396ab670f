"""Bundles of runs of other kinds: folders of earlier versions, split tables, bfloat16, batch normalisation."""

import pathlib
import shutil
import tempfile

import numpy as np
import pytest
from export_cases import exported
from own_table_cases import own_table
from scoring_cases import prepared_own, trained

from autoint_jax.bundle.golden import read_golden
from autoint_jax.export import check
from autoint_jax.training.trained import open_scorer

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def table(tmp_path_factory, quick_compilation):
    folder = own_table(tmp_path_factory.mktemp('own'))
    return folder, prepared_own(folder, folder / 'mine.yaml')


def test_a_run_folder_of_an_earlier_version_gives_the_same_bundle(table, tmp_path):
    folder, data = table
    run = trained(tmp_path, data)
    first = exported(tmp_path / 'first', tmp_path / 'run', run)
    shutil.rmtree(tmp_path / 'run' / 'encoding')
    older = open_scorer(tmp_path / 'run', str(folder / 'prepared'), None)
    second = exported(tmp_path / 'second', tmp_path / 'run', older)
    assert {name for name, file in first.files.items() if second.files[name] != file} == set()


@pytest.mark.parametrize(
    'options',
    [
        {'model.name': 'autoint', 'model.num_layers': 2, 'model.num_heads': 2, 'model.compute_dtype': 'bfloat16'},
        {'model.name': 'autoint', 'model.num_layers': 2, 'model.variant': 'authors', 'model.deep_hidden': (7, 5)},
        {'model.name': 'deepfm', 'model.deep_hidden': (7, 5), 'model.deep_batch_norm': True},
        {'model.name': 'autoint', 'model.num_layers': 1, 'model.numeric_encoding': 'piecewise_linear'},
    ],
    ids=['half', 'authors', 'batch norm', 'bins'],
)
def test_runs_with_options_pass(table, tmp_path, options):
    _, data = table
    run = trained(tmp_path, data, **options)
    manifest = exported(tmp_path / 'bundle', tmp_path / 'run', run)
    found = check.verdicts(tmp_path / 'bundle')
    assert [one.result for one in found] == ['PASS'] * len(manifest.formats), found
    golden = read_golden(tmp_path / 'bundle')
    tolerance = 0.05 if 'model.compute_dtype' in options else 1e-6
    np.testing.assert_allclose(golden.exported_logits, golden.logits, rtol=1e-6, atol=tolerance)


def split_bundle() -> list[float]:
    """Trains with split tables, and returns the largest difference of the exported logits, and of the verdicts."""
    with tempfile.TemporaryDirectory() as name:
        folder = own_table(pathlib.Path(name))
        data = prepared_own(folder, folder / 'mine.yaml')
        run = trained(folder, data, **{'mesh.table': 2, 'mesh.data': 1, 'model.embedding_dim': 5})
        assert all(table.ndim == 3 for table in run.state.tables.values())
        manifest = exported(folder / 'bundle', folder / 'run', run)
        golden = read_golden(folder / 'bundle')
        assert [one.result for one in check.verdicts(folder / 'bundle')] == ['PASS'] * len(manifest.formats)
        scale = np.maximum(1, np.abs(golden.logits))
        return [float((np.abs(np.subtract(golden.logits, golden.exported_logits)) / scale).max())]


def test_split_tables_are_exported_whole(on_host_devices):
    (difference,) = on_host_devices(2, 'test_exported_runs', 't.split_bundle()')
    assert difference <= 1e-6
