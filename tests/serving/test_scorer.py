"""The scorer of bundles: raw rows as dictionaries to scores, without JAX."""

import json
import subprocess
import sys
import threading

import bundle_cases as cases
import numpy as np
import pytest

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.errors import UsageError
from autoint_jax.serving import scorer as scorer_module
from autoint_jax.serving.raw_columns import columns_of
from autoint_jax.serving.scorer import Scorer

ROWS = [
    {'user': '7', 'age': 4.0, 'tags': 'a|b'},
    {'user': '007', 'age': 2, 'tags': ['a', 'b', 'c']},
    {'user': 7, 'age': None, 'tags': None, 'label': 1},
    {'user': 'äö', 'age': -1.5, 'tags': 'x', 'other': 'y'},
    {'user': None, 'age': 0, 'tags': [5]},
]
TAGS = ['a|b', 'a|b|c', '', 'x', '5']
LOGITS = [
    cases.expected(user, row['age'], tags)
    for row, user, tags in zip(ROWS, ['7', '007', '7', 'äö', ''], TAGS, strict=True)
]


@pytest.fixture(scope='module')
def scorer(tmp_path_factory):
    return Scorer(cases.write_bundle(tmp_path_factory.mktemp('served') / 'bundle'), threads=1)


def test_rows_are_scored_as_their_texts_say(scorer):
    scores = scorer.score(ROWS)
    np.testing.assert_allclose(scores.logits, LOGITS, rtol=1e-6)
    np.testing.assert_allclose(scores.probabilities, 1 / (1 + np.exp(-np.array(LOGITS))), rtol=1e-6)
    assert scores.ignored == ['label', 'other']
    assert scores.logits.dtype == scores.probabilities.dtype == np.float32
    assert scorer.score([]).logits.shape == (0,)


def test_any_number_of_rows_is_scored_some_at_a_time(scorer, monkeypatch):
    monkeypatch.setattr(scorer_module, 'ROWS_AT_ONCE', 3)
    np.testing.assert_allclose(scorer.score(ROWS * 7).logits, LOGITS * 7, rtol=1e-6)
    request = scorer.score_request({'user': '7'}, [{'age': 1, 'tags': None}] * 7)
    np.testing.assert_allclose(request.logits, [1.25] * 7, rtol=1e-6)


def test_threads_share_the_rows_of_a_call_and_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(scorer_module, 'ROWS_AT_ONCE', 3)
    scorer = Scorer(cases.write_bundle(tmp_path / 'bundle'), threads=2)
    names, session = set(), scorer._raw.session
    both = threading.Barrier(2)

    class Noted:
        def run(self, outputs, given):
            if threading.current_thread().name not in names:
                names.add(threading.current_thread().name)
                both.wait(30)
            return session.run(outputs, given)

    monkeypatch.setattr(scorer, '_raw', scorer._raw._replace(session=Noted()))
    np.testing.assert_allclose(scorer.score(ROWS * 7).logits, LOGITS * 7, rtol=1e-6)
    assert len(names) == 2 and threading.current_thread().name not in names


def test_a_context_is_repeated_for_its_candidates(scorer, monkeypatch):
    candidates = [{'age': 1, 'tags': 'a', 'surplus': 0}, {'age': None, 'tags': None}]
    expected = [cases.expected('007', 1, 'a'), cases.expected('007', None, '')]
    scores = scorer.score_request({'user': '007', 'more': 1}, candidates)
    np.testing.assert_allclose(scores.logits, expected, rtol=1e-6)
    assert scores.ignored == ['more', 'surplus']
    # Any other columns may be the context, too.
    others = [{'user': '7', 'tags': None}, {'user': '007', 'tags': 'a'}]
    np.testing.assert_allclose(
        scorer.score_request({'age': 8}, others).logits,
        [cases.expected('7', 8, ''), cases.expected('007', 8, 'a')],
        rtol=1e-6,
    )
    np.testing.assert_allclose(scorer.score_request(ROWS[0], [{}, {}]).logits, LOGITS[:1] * 2, rtol=1e-6)
    # A context of the columns of the bundle goes through the graph of requests, and no other one does.
    calls = []
    monkeypatch.setattr(scorer, '_raw', None)
    monkeypatch.setattr(scorer, '_request', scorer._request._replace(session=Recorded(scorer._request.session, calls)))
    scorer.score_request({'user': '007'}, [{'age': 1, 'tags': 'a'}] * 3)
    assert calls == [{'user': (1,), 'age': (3,), 'tags': (3,)}]
    with pytest.raises(AttributeError):
        scorer.score_request({'age': 8}, others)


class Recorded:
    """A session that notes the shapes of what it gets."""

    def __init__(self, session, calls):
        self.session, self.calls = session, calls

    def run(self, outputs, given):
        self.calls.append({name: values.shape for name, values in given.items()})
        return self.session.run(outputs, given)


@pytest.mark.parametrize(
    'row, sentence',
    [
        ({'age': 1, 'tags': ''}, "row 1 has no column 'user': give it, or null for a missing value"),
        ({'user': 1.5}, "row 1 has 1.5 in column 'user', not a text or a whole number: correct it, or give null for a"),
        ({'user': True}, "row 1 has True in column 'user', not a text or a whole number"),
        ({'user': ['7']}, "row 1 has ['7'] in column 'user', not a text or a whole number"),
        ({'user': 10**5000}, "row 1 has a number of many digits in column 'user', not a text"),
        ({'age': '4'}, "row 1 has '4' in column 'age', not a finite number: correct it"),
        ({'age': float('nan')}, "row 1 has nan in column 'age', not a finite number"),
        ({'age': float('inf')}, "row 1 has inf in column 'age', not a finite number"),
        ({'age': 10**400}, 'not a finite number'),
        ({'age': 10**5000}, "row 1 has a number of many digits in column 'age', not a finite number"),
        ({'age': False}, "row 1 has False in column 'age', not a finite number"),
        ({'tags': ['a|b']}, "row 1 has ['a|b'] in column 'tags', not a text, or a list of texts without '|'"),
        ({'tags': [1.5]}, "row 1 has [1.5] in column 'tags', not a text, or a list of texts without '|'"),
        ({'tags': {}}, "row 1 has {} in column 'tags', not a text, or a list of texts without '|'"),
        ({'user': {'x': 'y' * 500}}, "row 1 has {'x': 'yyy"),
    ],
)
def test_a_wrong_value_is_named_with_its_row_and_column(scorer, row, sentence):
    if 'user' in row or 'tags' in row or 'age' in row:
        row = row if row == {'age': 1, 'tags': ''} else ROWS[0] | row
    with pytest.raises(UsageError) as raised:
        scorer.score([ROWS[0], row, ROWS[1]])
    assert sentence in str(raised.value) and len(str(raised.value)) < 250


def test_a_wrong_request_is_named(scorer):
    with pytest.raises(UsageError, match="column 'age' is in the context and in a candidate: give it in one of them"):
        scorer.score_request({'user': '7', 'age': 1}, [{'age': 1, 'tags': ''}])
    with pytest.raises(UsageError, match="^the context has 1.5 in column 'user'"):
        scorer.score_request({'user': 1.5}, [{'age': 1, 'tags': ''}])
    with pytest.raises(UsageError, match="^candidate 1 has no column 'tags'"):
        scorer.score_request({'user': '7'}, [{'age': 1, 'tags': ''}, {'age': 1}])
    with pytest.raises(UsageError, match='the context is a list, not an object of columns and values'):
        scorer.score_request([], [{}])
    with pytest.raises(UsageError, match='row 1 is a number, not an object of columns and values'):
        scorer.score([ROWS[0], 5])
    with pytest.raises(UsageError, match='the rows are a text, not a list of objects'):
        scorer.score('rows')


def test_a_row_with_a_value_that_its_column_cannot_hold_has_no_score(scorer):
    scores = scorer.score([ROWS[0], ROWS[0] | {'age': 999}, ROWS[1], ROWS[1] | {'age': 999}])
    assert scores.without == [1, 3]
    np.testing.assert_allclose(scores.logits[[0, 2]], LOGITS[:2], rtol=1e-6)


def test_texts_are_kept_as_they_are():
    columns = columns_of([{'user': ' 07 '}, {'user': 'a\x00b'}], [RawInput('user', 'text')])
    assert columns['user'].tolist() == [' 07 ', 'a\x00b']


def test_a_bundle_without_a_graph_of_requests_scores_requests(tmp_path):
    scorer = Scorer(cases.write_bundle(tmp_path / 'bundle', ('onnx_raw',), context=None), threads=1)
    assert scorer.context == ()
    scores = scorer.score_request({'user': '007'}, [{'age': 1, 'tags': 'a'}])
    np.testing.assert_allclose(scores.logits, [cases.expected('007', 1, 'a')], rtol=1e-6)


def test_a_bundle_that_was_changed_or_has_no_raw_inputs_is_refused(tmp_path):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    for name in ('raw.onnx', 'weights.bin', 'manifest.json'):
        path = bundle / name
        kept = path.read_bytes()
        path.write_bytes(kept[:-3] + bytes([kept[-3] ^ 1]) + kept[-2:])
        with pytest.raises(UsageError, match=name):
            Scorer(bundle)
        path.write_bytes(kept)
    Scorer(bundle)
    with pytest.raises(
        UsageError, match='has no raw.onnx, which scores raw rows: export the run again with --onnx_inp'
    ):
        Scorer(cases.write_bundle(tmp_path / 'other', ()))


ALONE = """
import json, sys
from autoint_jax.serving.scorer import Scorer
scores = Scorer(sys.argv[1]).score([{'user': '7', 'age': 4, 'tags': 'a'}])
print(json.dumps([scores.logits.tolist(), sorted(sys.modules)]))
"""
HEAVY = (
    'jax',
    'jaxlib',
    'flax',
    'optax',
    'orbax',
    'polars',
    'matplotlib',
    'scipy',
    'absl',
    'onnx',
    'starlette',
    'grain',
)


def test_scoring_imports_neither_jax_nor_polars(tmp_path):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    done = subprocess.run([sys.executable, '-c', ALONE, str(bundle)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    logits, imported = json.loads(done.stdout)
    np.testing.assert_allclose(logits, [cases.expected('7', 4, 'a')], rtol=1e-6)
    assert [name for name in HEAVY if name in imported] == []
    assert 'autoint_jax.serving.scorer' in imported and 'onnxruntime' in imported
