"""Times of whole commands, and what the README says of copies."""

import json
import sys

import pytest

from autoint_jax.benchmarks.whole_runs import whole_run
from autoint_jax.errors import UsageError
from autoint_jax.sweeps.speed import copy_lines

# Two copies; pauses before epochs 1 to 4, of which 2 and 3 are timed.
COMMAND = '''
import time
for epoch, pause in enumerate((0.4, 0.2, 0.3, 0.0), 1):
    time.sleep(pause)
    for seed in (0, 1):
        print(f'seed={seed}  epoch {epoch:6.2f}  step {578 * epoch:7d}  train logloss 0.4')
    print(f'seed=0  epoch {epoch + 0.5:6.2f}  step {578 * epoch + 289:7d}  train logloss 0.4')
'''


def test_an_epoch_is_timed_without_the_first_and_the_last():
    found = whole_run([sys.executable, '-c', COMMAND], epochs=4)
    assert 0.25 <= found.epoch_seconds < 0.25 + found.command_seconds - 0.9
    assert found.command_seconds >= 0.9


@pytest.mark.parametrize('code, said', [
    ("print('no such file'); exit(2)", 'ended with status 2: no such file'),
    ("print('epoch   1.00  step 578')", 'ended with status 0: epoch   1.00'),  # fewer epochs than were asked for
])
def test_a_command_that_fails_is_an_error_with_its_last_words(code, said):
    with pytest.raises(UsageError, match=said):
        whole_run([sys.executable, '-c', code], epochs=3)


def test_the_readme_says_what_copies_cost(tmp_path):
    assert copy_lines(tmp_path) == []
    record = {'dataset': 'movielens_1m', 'machine': {'cores': 2, 'cpu': 'Fast'}, 'copies': 10, 'ratios': {'epoch': 7.456, 'command': 7.1},
              'goal': 8, 'verdict': 'PASS', 'epochs': 5, 'rounds': {'1': [{}] * 3, '10': [{}] * 3},
              'rows': [{'epoch_seconds': 5.0}, {'epoch_seconds': 37.28}]}
    (tmp_path / 'replica_cost_movielens_1m.json').write_text(json.dumps(record))
    text = '\n'.join(copy_lines(tmp_path))
    assert '10 copies cost 7.46 times a run alone' in text and '(goal: 8): PASS; 7.10 times as commands of 5 epochs' in text
    assert '5.00 s alone, 37.28 s for all 10 (medians of 3 rounds)' in text
    record |= {'goal': None, 'verdict': ''}
    (tmp_path / 'replica_cost_movielens_1m.json').write_text(json.dumps(record))
    assert 'goal' not in '\n'.join(copy_lines(tmp_path))
