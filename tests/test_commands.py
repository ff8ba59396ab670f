"""The commands as a user runs them, mistakes included: one clear sentence, a non-zero status, nothing lost."""

import json
import re

import polars as pl
import pytest
from conftest import OPTIMIZED, fails

from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.datasets.movielens_rows import joined

QUICK = [
    '--config=movielens_1m_autoint',
    '--config.training.epochs=1',
    '--config.training.batch_size=64',
    '--config.model.num_layers=1',
]


@pytest.fixture(scope='module')
def run_dir(forks, data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs') / 'run'
    done = forks.run(['scripts/train.py', *QUICK, f'--data_dir={data_dir}', f'--run_dir={folder}'], folder.parent)
    assert done.returncode == 0, done.stderr
    assert 'test AUC' in done.stdout and str(folder) in done.stdout and 'next:' in done.stdout
    return folder


MISTAKES = {
    'typo in a flag': (['--config.model.num_layer=3'], ["'config.model.num_layer'", 'config.model.num_layers']),
    'wrong type': (['--config.model.num_layers=three'], ['num_layers', 'three']),
    'bad value': (['--config.model.num_heads=0'], ["'model.num_heads' is 0", 'at least 1']),
    'bad list': (['--config.model.deep_hidden=400,wide'], ["'model.deep_hidden'", 'wide']),
    'a configuration with its suffix': (['--config=own_table.toml'], ['is --config=own_table, without .toml']),
    'unknown configuration': (
        ['--config=movielens_1m_autoin'],
        ['no configuration', "did you mean 'movielens_1m_autoint'"],
    ),
    'unknown model': (['--config.model.name=autoimt'], ["unknown model 'autoimt'", "did you mean 'autoint'"]),
    'not prepared': (['--config.data.recipe=with_ids'], ['no prepared data', '--recipe=with_ids']),
    'no flag': (['train'], ["unexpected argument 'train'"]),
}


@pytest.mark.parametrize('arguments, parts', MISTAKES.values(), ids=MISTAKES)
def test_training_mistakes(command, data_dir, arguments, parts):
    fails(command('scripts/train.py', '--config=movielens_1m_autoint', f'--data_dir={data_dir}', *arguments), *parts)


def test_a_run_folder_of_another_configuration_is_left_alone(command, data_dir, run_dir):
    before = (run_dir / 'result.json').read_bytes(), (run_dir / 'run.json').read_bytes()
    fails(
        command('scripts/train.py', *QUICK, '--config.seed=7', f'--data_dir={data_dir}', f'--run_dir={run_dir}'),
        'another configuration',
        'seed: 0 / 7',
        '--run_dir',
    )
    assert before == ((run_dir / 'result.json').read_bytes(), (run_dir / 'run.json').read_bytes())


def test_records_of_a_run(run_dir):
    run, result = (json.loads((run_dir / f'{name}.json').read_text()) for name in ('run', 'result'))
    assert run['config']['model']['num_layers'] == 1 and run['starts'][0]['versions']['jax']
    assert run['data_hash'] == result['data_hash'] and run['fingerprint'] == result['fingerprint']
    assert 0 < result['first_step_seconds']
    (line,) = map(json.loads, (run_dir / 'metrics.jsonl').read_text().splitlines())
    assert line['valid_auc'] == result['valid']['auc']
    assert list((run_dir / 'tensorboard').glob('events*'))


@pytest.mark.slow
def test_copies_are_runs_with_folders_of_their_own(command, data_dir, tmp_path):
    arguments = [
        'scripts/train.py',
        '--config=movielens_1m_fm',
        *QUICK[1:3],
        f'--data_dir={data_dir}',
        '--config.replicas.seeds=2',
        '--config.replicas.learning_rate=1e-3,1e-2',
    ]
    done = command(*arguments, '--runs_dir=copies')
    assert done.returncode == 0, done.stderr
    assert re.search(r'^seed=1 learning_rate=0\.01  epoch +1\.00 .* valid AUC 0\.', done.stdout, re.MULTILINE)
    assert re.search(r'│ 1 +│ 0\.01 +│', done.stdout) and len(list((tmp_path / 'copies').glob('*/result.json'))) == 4
    fails(command(*arguments, '--run_dir=one'), '--run_dir names the folder of one run', '--runs_dir')
    fails(command(*arguments, '--config.replicas.learning_rate=fast'), "'replicas.learning_rate' cannot be ['fast']")


@pytest.mark.slow
def test_compiled_programs_are_kept_and_change_no_bit(command, data_dir, tmp_path, monkeypatch):
    """As users have it, with all of XLA's optimizations: a run keeps its programs; one that reads them and one that
    has none end with its bits.
    """
    kept = tmp_path / 'kept'
    monkeypatch.setenv(*OPTIMIZED)
    monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(kept))
    arguments = ['scripts/train.py', *QUICK, f'--data_dir={data_dir}', '--compilation_cache=']
    assert command(*arguments, '--run_dir=keeps').returncode == 0
    before = sorted(kept.glob('*-cache'))
    assert any(path.name.startswith('jit_chunk') for path in before)
    assert command(*arguments, '--run_dir=reads').returncode == 0
    assert sorted(kept.glob('*-cache')) == before
    monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR')
    assert command(*arguments, '--run_dir=none').returncode == 0
    for run in ('reads', 'none'):
        assert (tmp_path / run / 'metrics.jsonl').read_bytes() == (tmp_path / 'keeps' / 'metrics.jsonl').read_bytes()


def test_no_room_for_compiled_programs_stops_nothing(command, data_dir, run_dir, tmp_path, monkeypatch):
    monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR')
    (tmp_path / 'file').touch()
    done = command(
        'scripts/evaluate.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}', '--compilation_cache=file/folder'
    )
    assert done.returncode == 0, done.stderr
    assert 'file/folder cannot be written' in done.stdout and 'AUC' in done.stdout


def test_evaluate_gives_the_result_of_training(command, data_dir, run_dir):
    done = command('scripts/evaluate.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}', '--verify_data')
    assert done.returncode == 0, done.stderr
    assert f'GB of {data_dir}/movielens_1m/autoint_all_rows with their checksums' in done.stdout
    assert f'AUC {json.loads((run_dir / "result.json").read_text())["test"]["auc"]:.6f}' in done.stdout


def test_explain_writes_a_report(command, data_dir, run_dir, tmp_path):
    explain = ['scripts/explain.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}']
    done = command(*explain, '--rows=0,3', '--split=valid', '--where=Gender=F', '--output_dir=report')
    assert done.returncode == 0, done.stderr
    assert 'beside report/report.html, which opens in a browser' in done.stdout
    assert 'rows where Gender is F' in (tmp_path / 'report' / 'report.html').read_text()
    answers = json.loads((tmp_path / 'report' / 'findings.json').read_text())
    assert answers['run']['source'] == 'valid' and all(f'- {one}' in done.stdout for one in answers['sentences'])
    rows = pl.read_parquet(tmp_path / 'report' / 'numbers' / 'rows.parquet')
    assert {0, 3} <= set(rows['row']) and not (run_dir / 'explanation').exists()
    assert (tmp_path / 'report' / 'figures' / 'attention_maps.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    'arguments, parts',
    [
        (['--rows=999999'], ['row 999999']),
        (['--where=Gender=X'], ["field 'Gender' has no value 'X'", 'it has F, M']),
        (['--input=new.csv'], ['new.csv does not exist: name a file or a folder']),
        (['--input=new.csv', '--split=test'], ['--input and --split both name the rows']),
        (['--other_runs=nowhere'], ['nowhere is not a run folder']),
        (['--crosses=best.yaml'], ['--crosses names the file that --export_crosses=K writes']),
    ],
)
def test_mistakes_of_explain(command, data_dir, run_dir, arguments, parts):
    fails(command('scripts/explain.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}', *arguments), *parts)


@pytest.mark.slow
def test_explain_compares_runs_and_takes_raw_rows(command, data_dir, run_dir, tmp_path, raw_dir):
    """The report of raw rows needs no prepared data; that of several runs says how much they agree."""
    explain = ['scripts/explain.py', f'--run_dir={run_dir}']
    joined(read_1m(raw_dir)).head(300).write_csv(tmp_path / 'new.csv')
    done = command(*explain, '--input=new.csv', '--data_dir=nowhere')
    assert done.returncode == 0, done.stderr
    found = json.loads((run_dir / 'explanation' / 'findings.json').read_text())
    assert found['run']['source'] == 'new.csv' and found['run']['rows'] == 300 and found['metrics']['auc']
    other = ['--config.seed=1', f'--data_dir={data_dir}', '--run_dir=other']
    assert command('scripts/train.py', *QUICK, *other).returncode == 0
    done = command(*explain, f'--data_dir={data_dir}', '--other_runs=other', '--output_dir=two')
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'two' / 'findings.json').read_text())
    assert found['run']['others'] == ['other'] and found['run']['seeds'] == [0, 1] and set(found['seeds'])
    assert 'The maps of 2 runs' in (tmp_path / 'two' / 'report.html').read_text()


@pytest.mark.slow
def test_explain_exports_crosses_that_prepare_data_reads(command, data_dir, run_dir, tmp_path, raw_dir):
    explain = ['scripts/explain.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}']
    done = command(*explain, '--export_crosses=2', '--crosses=best.yaml')
    assert done.returncode == 0 and 'wrote best.yaml' in done.stdout, done.stderr
    assert (tmp_path / 'best.yaml').read_text().count('- {fields: [') == 2
    prepare = ['scripts/prepare_data.py', '--dataset=movielens_1m', f'--raw_dir={raw_dir}', '--crosses=best.yaml']
    done = command(*prepare)
    assert done.returncode == 0 and 'autoint_all_rows_best' in done.stdout, done.stderr
    assert 'already prepared' in command(*prepare).stdout
    text = (tmp_path / 'best.yaml').read_text()
    (tmp_path / 'best.yaml').write_text(text.replace('min_count: 5', 'min_count: 6'))
    fails(command(*prepare), 'was prepared from other things', 'min_count was 5 and is 6')
    fails(command('scripts/prepare_data.py', '--dataset=csv', '--schema=x', '--crosses=best.yaml'), 'does not read')


@pytest.mark.parametrize(
    'arguments, parts', [(['--run_dir=nowhere'], ['nowhere is not a run folder']), ([], ['--run_dir'])]
)
def test_evaluation_mistakes(command, arguments, parts):
    fails(command('scripts/evaluate.py', *arguments), *parts)


@pytest.mark.parametrize(
    'option, parts', [('--split=dev', ["unknown split 'dev'"]), ('--step=5', ['no checkpoint of step 5'])]
)
def test_evaluation_of_what_is_not_there(command, data_dir, run_dir, option, parts):
    fails(command('scripts/evaluate.py', f'--run_dir={run_dir}', f'--data_dir={data_dir}', option), *parts)


@pytest.mark.parametrize(
    'arguments, parts',
    [
        (['--dataset=movielens_2m'], ["unknown data set 'movielens_2m'", 'movielens_1m']),
        (['--dataset=movielens_1m'], ['--raw_dir']),
        (['--dataset=movielens_1m', '--raw_dir=nowhere'], ['nowhere is not a folder: name the folder that holds']),
        (['--dataset=movielens_1m', '--raw_dir=.'], ['users.dat does not exist']),
        (['--dataset=movielens_1m', '--recipe=x'], ["no recipe 'x'", 'autoint_all_rows']),
    ],
)
def test_preparation_mistakes(command, arguments, parts):
    fails(command('scripts/prepare_data.py', *arguments), *parts)


def test_preparation_shows_the_papers_figures_and_is_not_repeated(command, raw_dir):
    arguments = ['--dataset=movielens_1m', f'--raw_dir={raw_dir}']
    done = command('scripts/prepare_data.py', *arguments)
    assert done.returncode == 0, done.stderr
    assert '739,012' in done.stdout and '3,529' in done.stdout
    assert 'already prepared' in command('scripts/prepare_data.py', *arguments).stdout


def test_an_option_that_a_model_does_not_read_ends_a_command(command, data_dir):
    fails(
        command('scripts/train.py', '--config=movielens_1m_fm', '--config.model.num_heads=4', f'--data_dir={data_dir}'),
        "option 'model.num_heads' is 4, but model 'fm' does not read it",
    )
