"""Runs that are killed at random: the counts, and some real ones."""

import json
import random
import re

import pytest

from autoint_jax.diagnosis import killed_runs
from autoint_jax.diagnosis.killed_runs import SIGKILL, SIGTERM, Fate, counts, plan, survive
from autoint_jax.diagnosis.remains import ending

WHOLE = {'result': {'auc': 0.5}, 'lines': ['{"step": 4, "a": 1}', '{"step": 8, "a": 2}'], 'sums': {'8': {'x': 1}}}


@pytest.mark.parametrize(
    'change, expected',
    [
        ({}, 'same'),
        ({'result': {'auc': 0.6}}, 'different'),
        ({'sums': {'8': {'x': 2}}}, 'different'),
        ({'sums': {}}, 'different'),
        ({'lines': ['{"step": 4, "a": 1}', '{"step": 8, "a": 3}']}, 'different'),
        ({'lines': WHOLE['lines'][:1]}, 'lost'),
        ({'lines': [*WHOLE['lines'], WHOLE['lines'][1]]}, 'repeated'),
    ],
)
def test_a_run_is_compared_with_the_one_left_alone(change, expected):
    assert ending(WHOLE | change, WHOLE) == expected
    assert ending({}, WHOLE) == 'lost'


def test_the_counts_are_those_of_all_runs():
    fates = [
        Fate(0, sigkill=2, in_save=1, starts=3, ending='same'),
        Fate(1, sigterm=1, saved_first=1, starts=2, ending='lost'),
        Fate(2, starts=1, failures=[1], ending='same'),
        Fate(3, sigkill=1, sigterm=1, starts=3, ending='different'),
    ]
    assert counts(fates) == {
        'runs': 4,
        'killed': 3,
        'kills': 5,
        'sigkill': 3,
        'sigterm': 2,
        'saved_first': 1,
        'in_save': 1,
        'starts': 9,
        'resumed': 5,
        'failures': 1,
        'same': 2,
        'lost': 1,
        'repeated': 0,
        'different': 1,
    }


def test_kills_are_of_both_signals_and_in_saves():
    rng = random.Random(0)
    plans = [plan(rng, 3, 10.0) for _ in range(300)]
    kills = [kill for kills in plans for kill in kills]
    assert {len(kills) for kills in plans} == {1, 2, 3}
    assert 0.4 < sum(kill.signal == SIGTERM for kill in kills) / len(kills) < 0.6
    assert 0.25 < sum(kill.in_save for kill in kills) / len(kills) < 0.42
    assert all(0 <= kill.seconds <= (0.02 if kill.in_save else 10) for kill in kills)


def test_exit_statuses_become_counts(monkeypatch, tmp_path):
    def fate(kills, *statuses):
        left = iter(statuses)
        monkeypatch.setattr(killed_runs, '_watched', lambda *arguments: next(left))
        found = survive(0, [killed_runs.Kill(name, False, 0.0) for name in kills], lambda: 1, tmp_path, 1.0)
        return found.sigkill, found.sigterm, found.saved_first, found.in_save, found.starts, found.failures

    assert fate([SIGKILL, SIGTERM], (-9, True), (75, False), (0, False)) == (1, 1, 1, 1, 3, [])
    assert fate([SIGTERM], (143, False), (0, False)) == (0, 1, 0, 0, 2, [])
    assert fate([SIGTERM, SIGKILL], (0, False)) == (0, 0, 0, 0, 1, [])
    assert fate([SIGTERM, SIGKILL], (1, False), (75, False), (-9, False)) == (0, 0, 0, 0, 3, [1, 75, -9])


@pytest.mark.slow
def test_some_runs_survive(command, tmp_path):
    done = command('experiments/killed_runs.py', '--runs=5', f'--results_dir={tmp_path}', timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / 'killed_runs.json').read_text())
    (row,) = record['rows']
    assert row['same'] == row['runs'] == 5 and row['killed'] >= 3 and not row['failures']
    assert record['verdict'] == 'PASS' and re.search('as the one that was left alone: PASS', done.stdout)
