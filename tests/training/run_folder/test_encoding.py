"""A run folder keeps how rows are encoded, so that the prepared data may be gone."""

import json
import shutil

import pytest
from run_cases import TINY, Told

from autoint_jax.config.configuration import replace
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.training.loop import fit
from autoint_jax.training.trained import open_run, open_scorer

pytestmark = pytest.mark.usefixtures('quick_compilation')


@pytest.fixture(scope='module')
def trained(data_dir, tmp_path_factory):
    """A run of one epoch, and what its reporter was told."""
    folder, told = tmp_path_factory.mktemp('trained') / 'run', Told()
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    fit(replace(TINY, {'training.epochs': 1}), data, folder, told)
    return folder, told.said


def test_a_run_scores_without_its_prepared_data(trained, data_dir, raw_dir, tmp_path):
    folder, said = trained
    assert sum('keeps what scoring needs' in sentence for sentence in said) == 1
    assert {path.name for path in (folder / 'encoding').iterdir()} == {
        'manifest.json', 'plan.json', 'schema.json', 'vocabularies.json'
    }  # fmt: skip
    run, whole = open_scorer(folder, str(tmp_path / 'gone'), None), open_run(folder, str(data_dir), None)
    assert run.data.folder == folder / 'encoding' and run.setup.schema == whole.setup.schema
    assert len(encode_files(run.data, [raw_dir]).columns) == 3011
    with pytest.raises(UsageError, match='no prepared data'):
        open_run(folder, str(tmp_path / 'gone'), None)


def test_runs_of_earlier_versions_take_the_prepared_data(trained, data_dir, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / 'old')
    shutil.rmtree(folder / 'encoding')
    assert open_scorer(folder, str(data_dir), None).data.folder.parent.parent == data_dir
    with pytest.raises(UsageError, match=r'old does not keep how rows are encoded .*: no prepared data at .*gone'):
        open_scorer(folder, str(tmp_path / 'gone'), None)


@pytest.mark.parametrize('name', ['schema.json', 'vocabularies.json', 'plan.json'])
def test_a_changed_file_is_refused(trained, data_dir, raw_dir, tmp_path, name):
    folder = shutil.copytree(trained[0], tmp_path / 'changed')
    path = folder / 'encoding' / name
    value = json.loads(path.read_text())
    path.unlink()  # it may be a link
    path.write_text(json.dumps(value | {'more': 1}))
    with pytest.raises(UsageError, match=rf'{name}.* was changed or damaged .*pass the --data_dir'):
        encode_files(open_scorer(folder, str(data_dir), None).data, [raw_dir])
