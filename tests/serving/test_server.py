"""The server: what it answers to requests of every kind, and how it ends."""

import gzip
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import bundle_cases as cases
import numpy as np
import pytest
from conftest import ROOT
from server_cases import served

GOOD = {'user': '7', 'age': 4, 'tags': 'a|b'}
LOGIT = float(cases.expected('7', 4, 'a|b'))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    bundle = cases.write_bundle(tmp_path_factory.mktemp('served') / 'bundle')
    limits = ('--max_candidates=5', '--max_body_bytes=100000', '--timeout=2')
    with served(bundle, *limits) as running:
        yield running


def test_rows_and_requests_are_scored(server):
    status, said = server.ask('/score', {'rows': [GOOD, GOOD | {'user': 7, 'label': 1}]})
    assert status == 200 and set(said) == {'probabilities', 'logits', 'ignored'}
    np.testing.assert_allclose(said['logits'], [LOGIT, LOGIT], rtol=1e-6)
    np.testing.assert_allclose(said['probabilities'], 1 / (1 + np.exp(-np.array([LOGIT] * 2))), rtol=1e-6)
    assert said['ignored'] == ['label']
    candidates = [{'age': 4, 'tags': 'a|b'}, {'age': None, 'tags': None}]
    status, said = server.ask('/score', {'context': {'user': '7'}, 'candidates': candidates})
    assert status == 200 and set(said) == {'probabilities', 'logits'}
    np.testing.assert_allclose(said['logits'], [LOGIT, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    'body, status, sentence',
    [
        (
            b'{"rows": [',
            422,
            'the body is not JSON (Expecting value: line 1 column 11 (char 10)): send {"rows": [{COLUM',
        ),
        (b'', 422, 'the body is not JSON'),
        (b'\xff{}', 422, 'the body is not a text in UTF-8 (byte 0): send JSON in UTF-8'),
        (b'[' * 50_000, 422, 'the body is nested too deeply: send {"rows"'),
        (b'{"rows": [{"age": NaN}]}', 422, 'the body is not JSON (NaN is no JSON; null is a missing value)'),
        (b'{"rows": [{"age": -Infinity}]}', 422, '-Infinity is no JSON'),
        (
            b'{"rows": [{"user": "7", "tags": "", "age": 1e999}]}',
            422,
            "row 0 has inf in column 'age', not a finite numb",
        ),
        ([GOOD], 422, 'the body is JSON, but not an object: send {"rows"'),
        ({}, 422, 'the body has no keys: send {"rows"'),
        ({'rows': [GOOD], 'context': {}}, 422, "the body has 'context', 'rows': send {"),
        ({'row': [GOOD]}, 422, "the body has 'row': send {"),
        ({'rows': {}}, 422, "'rows' is not a list: send {"),
        ({'rows': []}, 422, "'rows' is an empty list: send at least one of them"),
        ({'context': {}, 'candidates': []}, 422, "'candidates' is an empty list: send at least one of them"),
        ({'context': [], 'candidates': [{}]}, 422, "'context' is not an object: send {"),
        ({'rows': [GOOD] * 6}, 413, "'rows' has 6 entries, more than the 5 of a request: send several requests"),
        (b' ' * 100_001, 413, 'the body has more than 100,000 bytes: send several requests'),
        ({'rows': [GOOD, 'text']}, 422, 'row 1 is a text, not an object of columns and values'),
        ({'rows': [GOOD, {'user': '7'}]}, 422, "row 1 has no column 'age': give it, or null for a missing value"),
        ({'rows': [GOOD | {'age': 'old'}]}, 422, "row 0 has 'old' in column 'age', not a finite number: correct it"),
        (
            {'rows': [GOOD, GOOD | {'age': 999}]},
            422,
            'row 1 has no score: a value of it is none that its column can hold',
        ),
        (
            {'context': {'age': 999}, 'candidates': [{'user': 7, 'tags': ''}]},
            422,
            'candidate 0 has no score: a value of it or the context is none that its column can hold',
        ),
        ({'context': GOOD, 'candidates': [GOOD]}, 422, "column 'age' is in the context and in a candidate: give it in"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_one_sentence(server, body, status, sentence):
    found, said = server.ask('/score', body)
    assert found == status and set(said) == {'error'} and sentence in said['error'], said
    assert '\n' not in said['error'] and len(said['error']) < 250


def test_a_packed_body_is_refused(server):
    status, said = server.ask('/score', gzip.compress(b'{"rows": []}'), headers={'Content-Encoding': 'gzip'})
    assert status == 415 and said['error'] == 'the body is packed (Content-Encoding: gzip): send it as it is'


def test_other_paths_and_methods_are_named(server):
    status, said = server.ask('/scores')
    assert (status, said['error']) == (
        404,
        "there is no path '/scores' here: the paths are /score, /health, /metadata, /metrics",
    )
    assert server.ask('/score') == (405, {'error': '/score does not take GET: use POST'})
    assert server.ask('/health', {}) == (405, {'error': '/health does not take POST: use GET'})


def test_a_body_of_unknown_length_has_the_limit_too(server):
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as connection:
        connection.sendall(b'POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        for _ in range(11):
            connection.sendall(b'2710\r\n' + b' ' * 10_000 + b'\r\n')
        assert connection.recv(1 << 16).startswith(b'HTTP/1.1 413 ')


def test_a_body_that_does_not_come_is_not_waited_for(server):
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as connection:
        connection.sendall(b'POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{')
        answer = connection.makefile('rb').read()
    assert answer.startswith(b'HTTP/1.1 408 ')
    assert b'the body did not come within 2 seconds: send this request again' in answer


def test_the_server_says_what_it_serves_and_did(server):
    assert server.ask('/health') == (200, {'status': 'ok'})
    status, said = server.ask('/metadata')
    assert status == 200
    assert said['columns'][2] == {'name': 'tags', 'kind': 'texts', 'separator': '|'}
    assert (said['model'], said['context'], said['limits']['rows']) == ('lr', ['user'], 5)
    before = figures(server)
    server.ask('/score', {'rows': [GOOD] * 3})
    server.ask('/score', {'rows': []})
    after = figures(server)
    grown = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    assert grown['autoint_requests_total{path="/score",status="200"}'] == 1
    assert grown['autoint_requests_total{path="/score",status="422"}'] == 1
    assert grown['autoint_rows_sum'] == 3 and grown['autoint_scoring_seconds_count'] == 1
    assert grown['autoint_request_seconds_count{path="/score"}'] == 2


def figures(server):
    status, text = server.ask('/metrics')
    assert status == 200
    lines = (line.rsplit(' ', 1) for line in text.splitlines() if not line.startswith('#'))
    return {name: float(value) for name, value in lines}


def test_sigterm_lets_requests_in_flight_end(tmp_path):
    """A request whose body is still on its way when the signal comes gets its answer."""
    bundle = cases.write_bundle(tmp_path / 'bundle')
    body = json.dumps({'rows': [GOOD]}).encode()
    with served(bundle) as running, socket.create_connection(('127.0.0.1', running.port), timeout=30) as connection:
        head = f'POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n'
        connection.sendall(head.encode() + body[:5])
        assert running.ask('/health')[0] == 200  # the server has the beginning of the other request, too
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.process.poll() is None
        connection.sendall(body[5:])
        assert connection.recv(1 << 16).startswith(b'HTTP/1.1 200 ')
        assert running.process.wait(30) == 0


def test_several_processes_serve_together_and_end_together(tmp_path):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    with served(bundle, '--workers=2', '--threads=1') as running:
        assert running.said.endswith('by 2 processes; Ctrl-C ends it\n')
        for _ in range(4):
            status, said = running.ask('/score', {'rows': [GOOD]})
            assert status == 200
            np.testing.assert_allclose(said['logits'], [LOGIT], rtol=1e-6)
        assert figures(running)['autoint_requests_total{path="/score",status="200"}'] == 4


def refused(*flags):
    done = subprocess.run(
        [sys.executable, ROOT / 'scripts/serve.py', *flags], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, '')
    return done.stderr


def test_what_cannot_be_served_is_refused(tmp_path):
    assert refused() == 'error: say which bundle to serve: --bundle=FOLDER\n'
    assert 'does not exist: name a folder that scripts/export.py wrote' in refused(f'--bundle={tmp_path / "none"}')
    bundle = cases.write_bundle(tmp_path / 'bundle')
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(f'--bundle={bundle}', f'--port={port}') == (
            f"error: port {port} of host '127.0.0.1' cannot be used (Address already in use): name another by --port "
            'or --host\n'
        )
    assert "port 0 of host 'nowhere.invalid' cannot be used (" in refused(
        f'--bundle={bundle}', '--host=nowhere.invalid', '--port=0'
    )
    path = pathlib.Path(bundle, 'weights.bin')
    path.write_bytes(path.read_bytes()[:-1] + b'!')
    for workers in (1, 2):
        assert 'weights.bin was changed after the export' in refused(
            f'--bundle={bundle}', '--port=0', f'--workers={workers}'
        )
