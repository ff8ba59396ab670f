"""Every suite of scripts/benchmark.py leaves a complete record, and mistakes are one sentence."""

import json
import sys

import pytest

from autoint_jax.benchmarks import gpu, report
from autoint_jax.benchmarks.windows import Timing
from autoint_jax.config.configuration import Config

PYTHON = sys.executable


TINY = ['--seconds=0.01', '--windows=1', '--quick']


SUITES = {
    'step': (
        ['--batch=16', f'--peer={PYTHON} -c \'print("{{\\"examples_per_second\\": 2}}")\''],
        {'rows_per_second', 'medians', 'ratios', 'shape', 'batch', 'first_seconds'},
    ),
    'inference': (
        ['--batch=16', '--variant=authors', '--form=heads', '--dtype=bfloat16'],
        {'rows_per_second', 'medians', 'ratios'},
    ),
    'shapes': (
        ['--only=small', f'--peer={PYTHON} -c \'print("{{\\"examples_per_second\\": {{fields}}}}")\''],
        {'cases'},
    ),
    'models': (['--only=fm', '--batch=16'], {'cases', 'shape', 'batch'}),
    'epoch': (['--batch=16', '--rows=64'], {'share', 'goal_share', 'share_with_evaluation', 'rows_trained'}),
    'table_growth': (
        ['--batch=8', '--table_rows=1000', '--tables=rowwise_adagrad'],
        {'ratio', 'goal_ratio', 'memory', 'extra_bytes', 'goal_extra_bytes'},
    ),
    'batch_growth': (['--batches=8,16'], {'rows_per_second', 'medians'}),
    'replicas': (['--copies=2', '--batch=16'], {'cost_relative_to_one', 'copies'}),
    'data': (['--rows=100', '--batches=16,64'], {'rows_per_second', 'medians'}),
}


# `make gpu` has the parts epoch, replicas and batch_growth too.
SLOW_SUITES = 'epoch', 'table_growth', 'batch_growth', 'replicas'


@pytest.mark.parametrize(
    'suite', [pytest.param(suite, marks=pytest.mark.slow) if suite in SLOW_SUITES else suite for suite in SUITES]
)
def test_every_suite_leaves_a_complete_record(command, tmp_path, suite):
    arguments, figures = SUITES[suite]
    record = f'--record={tmp_path}/new/{suite}.json'
    done = command('scripts/benchmark.py', f'--suite={suite}', *TINY, *arguments, record)
    assert done.returncode == 0, done.stderr
    assert 'rows/s' in done.stdout or 'ms' in done.stdout
    text = (tmp_path / 'new' / f'{suite}.json').read_text()
    record = json.loads(text)
    assert figures | {'benchmark', 'command', 'commit', 'versions', 'device', 'machine'} <= set(record)
    assert {'cpu', 'cores', 'memory_bytes', 'load_of_last_minute'} == set(record['machine'])
    assert 'NaN' not in text and 'Infinity' not in text and PYTHON not in text and str(tmp_path) not in text
    if suite in ('step', 'inference', 'epoch'):
        assert 0 < record['roofline']['share'] and record['roofline']['goal_share'] == 0.5
    else:
        assert record['roofline']
    if suite == 'table_growth':  # 16 numbers and one accumulator a row
        assert record['memory']['1000']['state_bytes'] == 4 * 1000 * 17
        assert record['extra_bytes']['1000'] == record['memory']['1000']['peak_bytes'] - 4 * 1000 * 17 > 0
    if suite == 'step':
        ((peer, ratio),) = record['ratios'].items()
        assert record['medians'][peer] == 2 and ratio == record['medians']['autoint_jax'] / 2

    if suite == 'shapes':  # the peer says the number of fields, which is replaced in its command
        case = record['cases']['small']
        assert case['fields'] == 7 and case['of_fastest_peer'] == case['median'] / 7
        assert {'automatic', 'heads'} < set(case['rows_per_second'])


@pytest.mark.parametrize(
    'arguments, parts',
    [
        (['--suite=stepp'], ["unknown suite 'stepp'", "did you mean 'step'"]),
        (['--shape=small'], ["unknown shape 'small'"]),
        (['--suite=replicas', '--shape=smal'], ["unknown shape 'smal'", "did you mean 'small'"]),
        (['--shape=criteo2'], ["unknown shape 'criteo2'", "did you mean 'criteo'"]),
        (['--suite=data', '--peer=x'], ['--suite=data does not read --peer']),
        (['--suite=table_growth', '--table_rows=60000,many'], ['--table_rows=60000,many', 'numbers of at least 1000']),
        (['--suite=data', '--rows=100', '--batches=1024'], ['--rows=100 is less than the largest batch, 1024']),
        (['--suite=models', '--only=deepfmm'], ['--only=deepfmm is unknown', "did you mean 'deepfm'"]),
        (['--tables=adamw'], ["'optimizer.tables' is 'adamw'"]),
        (['--suite=gpu'], ['--suite=gpu needs a GPU', '--quick']),
    ],
)
def test_mistakes_are_one_sentence(command, arguments, parts):
    done = command('scripts/benchmark.py', *arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr, done.stderr
    assert done.stderr.count('\n') == 1 and all(part in done.stderr for part in parts), done.stderr


def test_a_failing_part_of_the_gpu_suite_leaves_the_others(monkeypatch):
    def broken():
        raise ValueError('this part is broken')

    monkeypatch.setattr(
        gpu, 'parts', lambda config, timing, quick: [('one', broken), ('other', lambda: report.Outcome(['fine'], {}))]
    )
    given = []
    with pytest.raises(ValueError, match='this part is broken'):
        for name, outcome in gpu.gpu(Config(), Timing(1, 0.01), quick=True):
            given.append((name, outcome.lines))
    assert given == [('one', ['failed: this part is broken']), ('other', ['fine'])]
