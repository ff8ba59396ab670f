"""The bundle of a run: what it holds, and that its golden rows are those of `predict`."""

import json
import math
import re
import subprocess
import sys

import jax
import ml_dtypes
import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from export_cases import exported
from own_table_cases import own_table
from scoring_cases import prepared_own, scored, trained

from autoint_jax.bundle.golden import read_golden
from autoint_jax.bundle.manifest import WEIGHTS, verified
from autoint_jax.bundle.weights import read_weights
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import open_folder
from autoint_jax.errors import UsageError
from autoint_jax.export import check, golden_rows, stablehlo
from autoint_jax.export.model_card import PROGRAMS
from autoint_jax.export.scored_function import exported_logits


@pytest.fixture(scope='module')
def own(tmp_path_factory, quick_compilation):
    """A folder with a run on a table with every kind of field, and its bundle."""
    folder = own_table(tmp_path_factory.mktemp('own'))
    run = trained(folder, prepared_own(folder, folder / 'mine.yaml'))
    return folder, run, exported(folder / 'bundle', folder / 'run', run)


def test_golden_rows_have_the_logits_of_predict(own, tmp_path):
    folder, run, manifest = own
    golden = read_golden(folder / 'bundle')
    assert len(golden.rows) == 16 and list(golden.rows[0]) == [column.name for column in manifest.raw_inputs]
    (tmp_path / 'in').mkdir()
    pl.from_dicts(list(golden.rows), infer_schema_length=None).write_parquet(tmp_path / 'in' / 'rows.parquet')
    assert scored(run, tmp_path / 'in' / 'rows.parquet').table['logit'].to_list() == list(golden.logits)
    np.testing.assert_allclose(golden.exported_logits, golden.logits, rtol=0, atol=1e-6)
    # All is in the rows: unknown values, missing values, no and several tags, known values of every field.
    ids, numeric = golden.encoded()
    assert golden.rows[4] == dict.fromkeys(golden.rows[4]) and len(set(golden.logits)) > 10
    assert 'not seen' in golden.rows[5]['city'] and ',' in ''.join(row['tags'] or '' for row in golden.rows)
    assert np.isnan(numeric).any(0).all() and (~np.isnan(numeric)).any(0).all()
    assert (ids.max(0) > 0).all() and (ids.min(0) == 0).all()


def test_the_encoding_of_a_bundle_encodes_rows_and_names_no_path(own):
    folder, run, _ = own
    kept = open_folder(folder / 'bundle' / 'encoding')
    assert kept.hash == run.data.hash and str(folder) not in (folder / 'bundle/encoding/manifest.json').read_text()
    (folder / 'rows').mkdir(exist_ok=True)
    path = folder / 'rows' / 'golden.parquet'
    golden = read_golden(folder / 'bundle')
    pl.from_dicts(list(golden.rows), infer_schema_length=None).write_parquet(path)
    columns = encode_files(kept, [path]).columns
    np.testing.assert_array_equal(columns.ids, golden.encoded()[0])
    np.testing.assert_array_equal(columns.numeric, golden.encoded()[1])


def test_golden_rows_of_a_file_are_its_first_rows_that_can_be_parsed(own, tmp_path):
    folder, run, _ = own
    text = (folder / 'part-0.csv').read_text().splitlines()
    (tmp_path / 'given.csv').write_text('\n'.join([text[0], 'x' + text[1], *text[2:]]))
    exported(tmp_path / 'bundle', folder / 'run', run, golden=tmp_path / 'given.csv')
    golden = read_golden(tmp_path / 'bundle')
    expected = scored(run, tmp_path / 'given.csv', max_bad_share=1.0).table['logit'][1:17].to_list()
    assert list(golden.logits) == expected and golden.rows[0]['city'] == (text[2].split(',')[4].strip('? ') or None)
    (tmp_path / 'empty.csv').write_text(text[0] + '\n')
    with pytest.raises(UsageError, match='empty.csv has no row that can be parsed'):
        exported(tmp_path / 'none', folder / 'run', run, golden=tmp_path / 'empty.csv')


@pytest.mark.parametrize('precision', ['bfloat16', 'int8'])
def test_tables_of_other_precisions_are_smaller_and_pass(own, tmp_path, precision):
    folder, run, whole = own
    manifest = exported(tmp_path / 'bundle', folder / 'run', run, precision=precision)
    assert [one.result for one in check.verdicts(tmp_path / 'bundle')] == ['PASS'] * len(manifest.formats)
    found = read_weights(tmp_path / 'bundle' / WEIGHTS, manifest.tensors)
    for name, tensor in whole.tensors.items():
        own_tensor = manifest.tensors[name]
        if not name.startswith('tables/') or (precision == 'int8' and tensor.shape[1] == 1):
            assert own_tensor.dtype == 'float32'
        else:
            assert own_tensor.bytes == tensor.bytes // (2 if precision == 'bfloat16' else 4)
    golden = read_golden(tmp_path / 'bundle')
    assert 1e-6 < np.abs(np.subtract(golden.exported_logits, golden.logits)).max() < 0.05
    if precision == 'bfloat16':
        table = read_weights(folder / 'bundle' / WEIGHTS, whole.tensors)['tables/embedding']
        assert found['tables/embedding'].tobytes() == table.astype(ml_dtypes.bfloat16).tobytes()


def test_a_model_card_tells_the_run_and_its_programs_run(own, tmp_path):
    folder, run, manifest = own
    card = (folder / 'bundle' / 'README.md').read_text()
    result = json.loads((folder / 'run' / 'result.json').read_text())
    assert run.data.hash in card and f'seed {result["seed"]}' in card and manifest.fingerprint in card
    assert f'{result["test"]["auc"]:.6f}' in card and '| `optimizer.learning_rate` | `0.1` |' in card
    check_programs(folder / 'bundle', manifest)


def check_programs(bundle, manifest):
    """Runs the programs of a model card in the folder of the bundle, one for each format."""
    programs = dict(re.findall(r'```python (\w+)\n(.*?)```', (bundle / 'README.md').read_text(), re.DOTALL))
    assert list(programs) == list(manifest.formats) and set(programs) <= set(PROGRAMS)
    for name, program in programs.items():
        done = subprocess.run([sys.executable, '-c', program], cwd=bundle, capture_output=True, text=True)
        assert done.returncode == 0, f'{name}: {done.stderr}'
        printed = [float(number) for number in re.findall(r'-?\d+\.\d*(?:e-?\d+)?', done.stdout)]
        np.testing.assert_allclose(printed, read_golden(bundle).exported_logits, atol=1e-5)


@pytest.mark.slow
def test_programs_of_raw_rows_and_of_requests_run(tmp_path):
    folder = own_table(tmp_path)
    run = trained(folder, prepared_own(folder, folder / 'mine.yaml'))
    manifest = exported(folder / 'bundle', folder / 'run', run, 'onnx_raw', 'onnx_request', context=('city',))
    check_programs(folder / 'bundle', manifest)


def test_programs_name_no_file_of_this_machine(own):
    folder, _, manifest = own
    before = dict(jax.config.values)
    for name in manifest.files:
        content = (folder / 'bundle' / name).read_bytes()
        assert str(ROOT).encode() not in content and b'.py\0' not in content and b'site-packages' not in content, name
    assert dict(jax.config.values) == before


def test_no_rows_have_no_scores(own):
    folder, _, manifest = own
    score = stablehlo.load(folder / 'bundle', verified(folder / 'bundle'))
    ids, numeric = read_golden(folder / 'bundle').encoded()
    assert score(ids[:0], numeric[:0]).shape == (0,)
    assert score(ids[:1], numeric[:1])[0] == pytest.approx(read_golden(folder / 'bundle').logits[0], abs=1e-5)
    assert manifest.slots == ids.shape[1] and len(manifest.numeric) == numeric.shape[1]


def test_a_context_of_unknown_or_of_all_columns_is_refused(own, tmp_path):
    folder, run, manifest = own
    with pytest.raises(UsageError, match=r"--context names 'cty' \(did you mean 'city'\?\), which is no raw column"):
        exported(tmp_path / 'one', folder / 'run', run, context=('cty',))
    with pytest.raises(UsageError, match='--context names all raw columns'):
        exported(tmp_path / 'all', folder / 'run', run, context=tuple(c.name for c in manifest.raw_inputs))


def test_a_program_that_scores_otherwise_fails(own, tmp_path, capsys, monkeypatch):
    folder, run, _ = own
    exported(tmp_path / 'bundle', folder / 'run', run, 'stablehlo')
    assert check.main([str(tmp_path / 'bundle')]) == 0 and 'stablehlo: PASS' in capsys.readouterr().out
    golden = read_golden(tmp_path / 'bundle')
    for changed, said in (
        (np.array(golden.exported_logits) + 2e-4, 'stablehlo: FAIL (largest difference 2.0e-04'),
        (np.array(golden.exported_logits)[:-1], 'stablehlo: FAIL (it gave (15,) scores'),
        (np.full(16, math.nan), 'stablehlo: FAIL (it gave'),
    ):
        monkeypatch.setitem(check._SCORERS, 'stablehlo', lambda *given, changed=changed: changed)
        assert check.main([str(tmp_path / 'bundle')]) == 1
        assert said in capsys.readouterr().out
    monkeypatch.setitem(check._SCORERS, 'stablehlo', missing)
    assert check.main([str(tmp_path / 'bundle')]) == 1
    assert 'stablehlo: NOT RUN (the package jax cannot be imported)' in capsys.readouterr().out
    monkeypatch.setitem(check._SCORERS, 'stablehlo', broken)
    assert check.main([str(tmp_path / 'bundle')]) == 1
    assert 'stablehlo: FAIL (RuntimeError: no such device)' in capsys.readouterr().out
    (tmp_path / 'bundle' / 'golden.json').write_bytes((tmp_path / 'bundle' / 'golden.json').read_bytes() + b' ')
    assert check.main([str(tmp_path / 'bundle')]) == 2
    assert 'golden.json was changed after the export' in capsys.readouterr().err
    assert check.main([]) == 2 and check.main(['--help']) == 2


def missing(*given):
    raise ModuleNotFoundError("No module named 'jax'", name='jax')


def broken(*given):
    raise RuntimeError('no such\ndevice')


def products(weights, ids, numeric):
    """Products of pairs as a factorization machine computes them, from squares that cancel."""
    vectors = numeric * 1000
    return vectors.sum(1) ** 2 - (vectors**2).sum(1)


def test_the_tolerance_of_golden_rows_is_what_float32_allows():
    rng = np.random.default_rng(3)
    numeric = rng.normal(size=(17, 5)).astype(np.float32)
    columns = Columns(np.ones((17, 1), np.int32), numeric, np.zeros(17, np.float32))
    for function, least, most in ((lambda weights, ids, numbers: numbers[:, 0], 0, 3e-7), (products, 1e-7, 1)):
        found = exported_logits(function, {}, columns.ids, columns.numeric)
        exact = function({}, columns.ids, numeric.astype(np.float64))
        share = golden_rows._rounding(function, {}, columns, found)
        assert least < share < most
        assert (np.abs(found - exact) / np.maximum(1, np.abs(exact)) < golden_rows.TIMES * share).all()
