"""Records under results/ are of the forms that this program reads, and each says where it comes from."""

import json

import pytest
from conftest import ROOT

from autoint_jax import stored_records
from autoint_jax.records.runs import RunRecord, read_record
from autoint_jax.training.run_folder.provenance import Device, Provenance, without_paths

RESULTS = ROOT / 'results'
# Records that PyTorch made have neither a device nor rows.
TABLES = [path for path in sorted(RESULTS.glob('*.json')) if not path.name.startswith('torch_')]
BENCHMARKS = sorted((RESULTS / 'benchmarks').glob('*.json'))


class Table(Provenance):
    """The provenance of a table or a benchmark; these records have no number of a version."""

    VERSION = 1


def test_records_of_runs_are_typed():
    for path in sorted((RESULTS / 'runs').glob('*.json')):
        record = read_record(path)
        assert isinstance(record, RunRecord) and record.run == path.stem and record.version in (1, 2)
        assert all(isinstance(start.device, Device) and start.command and start.commit for start in record.starts)


@pytest.mark.parametrize('path', TABLES + BENCHMARKS, ids=lambda path: path.stem)
def test_tables_and_benchmarks_say_where_they_come_from(path):
    found = stored_records.read_record(path, Table)
    assert found.command and found.commit and found.versions.keys() >= {'python', 'jax'} and found.device.devices >= 1
    record = json.loads(path.read_text())
    assert 'benchmark' in record if path in BENCHMARKS else isinstance(record['rows'], list) and record['rows']


def test_every_run_that_a_table_names_has_a_record():
    for path in TABLES:
        for row in json.loads(path.read_text())['rows']:
            named = row.get('runs', [])  # a number where runs are only counted
            for run in named if isinstance(named, list) else []:
                assert (RESULTS / 'runs' / f'{run}.json').exists(), (path, run)


def test_a_record_survives_being_written():
    path = sorted((RESULTS / 'runs').glob('*.json'))[0]
    record = read_record(path)
    again = stored_records.record_of(stored_records.to_json(record), RunRecord, 'x')
    assert again == record and type(again.starts) is tuple and type(again.test['auc']) is float


def test_no_record_names_a_path_of_a_machine():
    for path in sorted(RESULTS.rglob('*.json')):
        record = json.loads(path.read_text())
        for part in record.get('command', []) if isinstance(record, dict) else []:
            assert without_paths(part) == part, path
