"""Times of whole commands, and what the pages say of copies."""

import json
import sys

import pytest

from autoint_jax.benchmarks import whole_runs
from autoint_jax.benchmarks.whole_runs import whole_run
from autoint_jax.errors import UsageError
from autoint_jax.reproduction.speed import copy_lines

# Two copies of four epochs, evaluated twice an epoch.
COMMAND = """
for epoch in (1, 2, 3, 4):
    for seed in (0, 1):
        print(f'seed={seed}  epoch {epoch:6.2f}  step {578 * epoch:7d}  train logloss 0.4')
    print(f'seed=0  epoch {epoch + 0.5:6.2f}  step {578 * epoch + 289:7d}  train logloss 0.4')
"""


def test_an_epoch_is_timed_without_the_first_and_the_last(monkeypatch):
    # The start, the end of every epoch of both copies, the end.
    times = iter([100.0, 107.0, 108.0, 111.0, 112.0, 115.0, 118.0, 140.0, 141.0, 150.0])
    monkeypatch.setattr(whole_runs.time, 'perf_counter', lambda: next(times))
    assert whole_run([sys.executable, '-c', COMMAND], epochs=4) == (50.0, 5.0)  # from 108 to 118, two epochs


@pytest.mark.parametrize(
    'code, said',
    [
        ("print('no such file'); exit(2)", 'ended with status 2: no such file'),
        ("print('epoch   1.00  step 578')", 'ended with status 0: epoch   1.00'),  # fewer epochs than were asked for
    ],
)
def test_a_command_that_fails_is_an_error_with_its_last_words(code, said):
    with pytest.raises(UsageError, match=said):
        whole_run([sys.executable, '-c', code], epochs=3)


@pytest.mark.slow
def test_the_command_times_a_run_alone_and_copies(command, data_dir, tmp_path):
    done = command('experiments/replica_cost.py', '--quick', f'--data_dir={data_dir}')
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / 'runs' / 'quick' / 'results' / 'replica_cost_movielens_1m.json').read_text())
    assert [row['copies'] for row in record['rows']] == [1, 2] and record['verdict'] == ''
    alone, together = record['rows']
    assert record['ratios']['epoch'] == together['epoch_seconds'] / alone['epoch_seconds']
    assert '--config.replicas.seeds=2' in record['commands'][1] and '--config.replicas' not in record['commands'][0]
    assert list((tmp_path / 'runs' / 'quick' / 'runs').iterdir()) == []  # the runs themselves are thrown away


def test_the_pages_say_what_copies_cost(tmp_path):
    assert copy_lines(tmp_path) == []
    record = {
        'dataset': 'movielens_1m',
        'machine': {'cores': 2, 'cpu': 'Fast'},
        'copies': 10,
        'ratios': {'epoch': 7.456, 'command': 7.1},
        'goal': 8,
        'verdict': 'PASS',
        'epochs': 5,
        'rounds': {'1': [{}] * 3, '10': [{}] * 3},
        'rows': [{'epoch_seconds': 5.0}, {'epoch_seconds': 37.28}],
    }
    (tmp_path / 'replica_cost_movielens_1m.json').write_text(json.dumps(record))
    text = '\n'.join(copy_lines(tmp_path))
    assert (
        '10 copies cost 7.46 times a run alone' in text
        and '(goal: 8): PASS; 7.10 times as commands of 5 epochs' in text
    )
    assert '5.00 s alone, 37.28 s for all 10 (medians of 3 rounds)' in text
    record |= {'goal': None, 'verdict': ''}
    (tmp_path / 'replica_cost_movielens_1m.json').write_text(json.dumps(record))
    assert 'goal' not in '\n'.join(copy_lines(tmp_path))
