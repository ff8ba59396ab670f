"""`make gpu`: its checks tell good from bad, its parts leave records, and it runs on a CPU with QUICK=1."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from autoint_jax.benchmarks import gpu, shaped_run
from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.diagnosis import half_precision, programs, resumed
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.evaluation.ranking import auc

PARTS = (
    'operations',
    'programs',
    'resumed',
    'scatter_add',
    'forms',
    'epoch',
    'epoch_bfloat16',
    'row_updates',
    'replicas',
    'replicas_bfloat16',
    'movielens_1m_shape',
    'tables',
    'batches_bfloat16',
    'batches',
)


def made(*arguments):
    return subprocess.run(
        ['make', '-C', str(ROOT), *arguments],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'},
    )


@pytest.mark.slow
def test_make_gpu_runs_through_on_a_cpu(tmp_path):
    done = made('gpu', f'PYTHON={sys.executable}', 'QUICK=1', f'GPU_RECORD={tmp_path}/gpu.json')
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / 'gpu.json').read_text())
    assert set(PARTS) | {'benchmark', 'command', 'commit', 'versions', 'device', 'machine'} <= set(record)
    assert not [part for part in PARTS if 'failed' in record[part] or record[part].get('bad')]
    assert record['resumed']['checks'][0]['text'].endswith('those of the run left alone, to the last digit')
    assert record['forms']['roofline'] and record['batches']['roofline'] and record['replicas']['copies'] == [1, 2]
    assert 0.6 < record['movielens_1m_shape']['test_auc'] < record['movielens_1m_shape']['best_possible_auc']


def test_make_gpu_uses_the_python_that_has_jax(tmp_path):
    """A stand-in for Python, which says how it was called; and a Python that is none."""
    called = tmp_path / 'python'
    called.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$PYTHONPATH: $@"\n')
    called.chmod(0o755)
    done = made('--no-print-directory', 'gpu', f'PYTHON={called}')
    expected = f'{ROOT}: scripts/benchmark.py --suite=gpu --record=results/benchmarks/gpu.json\n'
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
    without = made('gpu', 'PYTHON=no_such_python', 'BIN=no_such_folder')
    assert without.returncode == 2 and 'error: no_such_python has no JAX' in without.stderr


def test_parts_come_in_the_order_of_what_they_tell():
    named = [name for name, _ in gpu.parts(None, None, quick=True)]
    assert named == list(PARTS)


def test_checks_are_recorded_with_their_verdicts():
    outcome = gpu.checked([Check(OK, 'one'), Check(BAD, f'other in {ROOT}/results'), Check(NOTE, 'third')])
    assert outcome.figures['bad'] == 1 and [check['verdict'] for check in outcome.figures['checks']] == [OK, BAD, NOTE]
    assert outcome.lines[0] == '  ok    one' and str(ROOT) not in json.dumps(outcome.figures)


def test_a_resumed_run_must_go_on_and_have_the_same_figures():
    alone = [{'loss': 0.5}, {'auc': 0.75}]
    other = [{'loss': float(np.nextafter(0.5, 1))}, {'auc': 0.75}]
    went_on = ['1 device', 'going on from step 32']
    assert resumed.judged(went_on, list(alone), alone).verdict == OK
    assert 'its figures differ' in resumed.judged(went_on, other, alone).text
    assert resumed.judged(went_on, other, alone).verdict == resumed.judged(['1 device'], alone, alone).verdict == BAD
    assert 'no checkpoint was found' in resumed.judged(['1 device'], alone, alone).text


def test_copies_must_have_the_losses_of_runs_alone_and_hold_no_second_table():
    good = {'held': 0.02, 'difference': 1e-6, 'bound': 1e-4}
    assert programs.copies_judged('copies', **good).verdict == OK
    for change, words in (
        ({'held': 1.02}, 'whole tables are copied'),
        ({'difference': 1e-3}, 'wrong values'),
        ({'difference': float('nan')}, 'wrong values'),
    ):
        found = programs.copies_judged('copies', **good | change)
        assert found.verdict == BAD and words in found.text


def test_half_precision_has_its_bound():
    assert half_precision._error(np.array([3.0, 4.0]), np.array([3.0, 0.0])) == pytest.approx(4 / 3)
    assert half_precision.judged('form', [4e-3, 9e-3]).verdict == OK
    assert half_precision.judged('form', [4e-3, 2e-2]).verdict == half_precision.judged('form', [np.nan]).verdict == BAD


def test_made_up_labels_follow_ids_alone_and_in_pairs():
    schema, columns = made_up(Shape((5, 7, 11)), 20_011, seed=1)
    drawn, logits = shaped_run.learnable(schema, columns, seed=2)
    again, _ = shaped_run.learnable(schema, columns, seed=2)
    np.testing.assert_array_equal(drawn.labels, again.labels)
    rng, effects, vectors = np.random.default_rng(2), [], []
    for size in (5, 7, 11):
        effects.append(rng.normal(0, 0.5, size))
        vectors.append(rng.normal(0, 0.5, (size, 2)))
    for row in (0, 1234):
        ids = columns.ids[row]
        of_ids = [vector[number] for vector, number in zip(vectors, ids, strict=True)]
        pairs = of_ids[0] @ of_ids[1] + of_ids[0] @ of_ids[2] + of_ids[1] @ of_ids[2]
        alone = sum(effect[number] for effect, number in zip(effects, ids, strict=True)) / 3**0.5
        assert logits[row] == pytest.approx(alone + pairs - 1)
    assert drawn.labels.mean() == pytest.approx((1 / (1 + np.exp(-logits))).mean(), abs=0.01)
    assert auc(logits.astype(np.float32), drawn.labels) > 0.6
