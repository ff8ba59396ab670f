"""Decisions of two real processes, which meet over loopback and start no device."""

import json
import socket
import subprocess
import sys

import pytest
from conftest import ROOT

from autoint_jax.errors import UsageError
from autoint_jax.training.processes.joining import check_port

sys.path.append(str(ROOT / 'scripts'))
from local_processes import free_port

CODE = """
import json, sys
from autoint_jax.errors import UsageError
from autoint_jax.training.processes import decisions, group, joining
from autoint_jax.training.processes.launchers import Launch

def error_of(call):
    try:
        call()
    except UsageError as error:
        return [type(error).__name__, str(error), error.status]

def full_disk():
    raise OSError(28, 'no space left', '/runs')

number = int(sys.argv[2])
asked, found = [], {}
with joining.joined(Launch(sys.argv[1], 2, number, None), 60.0):
    found['group'] = [group.count(), group.number(), group.is_first()]
    found['decided'] = [decisions.decided(lambda: asked.append(number) or [number, 0.1, None, float('inf')])]
    found['within'] = decisions.decided(lambda: [decisions.decided(lambda: 5), number])
    found['all'] = decisions.of_all({'number': number})
    decisions.agreed('data', 'abc')
    found['disagreed'] = error_of(lambda: decisions.agreed('form', ['einsum', 'xla'][number]))
    try:
        decisions.decided(full_disk)
    except OSError as error:
        found['error'] = error.errno
    except UsageError as error:
        found['error'] = error_of(lambda: (_ for _ in ()).throw(error))
    found['many'] = sum(decisions.decided(lambda: 1) for _ in range(50))
    found['asked'] = asked
    if number == 1 and sys.argv[3] == 'fail':
        raise UsageError('the name is wrong: choose another')
    if sys.argv[3] == 'fail':
        decisions.of_all('waits for the other one')
print(json.dumps(found))
"""


def both(how, code=CODE):
    coordinator = f'localhost:{free_port()}'
    started = [
        subprocess.Popen(
            [sys.executable, '-c', code, coordinator, str(number), how],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    return [(*process.communicate(timeout=120), process.returncode) for process in started]


def test_processes_decide_together():
    (out, error, status), (other, other_error, other_status) = both('pass')
    assert (status, other_status) == (0, 0), error + other_error
    first, second = (json.loads(text.splitlines()[-1]) for text in (out, other))
    assert first['group'] == [2, 0, True] and second['group'] == [2, 1, False]
    assert first['decided'] == second['decided'] == [[0, 0.1, None, float('inf')]]
    assert first['within'] == second['within'] == [5, 0]
    assert first['all'] == second['all'] == [{'number': 0}, {'number': 1}]
    assert first['asked'] == [0] and second['asked'] == []
    sentence = (
        'process 1 has another form than process 0 (xla, not einsum): start all processes with the same command, code '
        'and data'
    )
    assert first['disagreed'] == second['disagreed'] == ['UsageError', sentence, 2]
    assert first['error'] == 28
    assert second['error'] == [
        'PeerEnded',
        'process 0 ended: the disk is full while writing /runs: free some space and run the same command again, '
        'finished work is kept',
        1,
    ]
    assert first['many'] == second['many'] == 50


def test_the_error_of_one_ends_the_other():
    (_, error, status), (_, other_error, _) = both('fail')
    assert error.splitlines()[-1] == 'error: process 1 ended: the name is wrong: choose another' and status == 2
    assert 'UsageError: the name is wrong' in other_error


def test_who_waits_for_others_in_vain_ends():
    code = (
        'import sys\n'
        'from autoint_jax.training.processes import joining\n'
        'from autoint_jax.training.processes.launchers import Launch\n'
        'joining.START_SECONDS = 1\n'
        'with joining.joined(Launch(sys.argv[1], 2, 0, None), 60.0):\n    pass\n'
    )
    coordinator = f'localhost:{free_port()}'
    done = subprocess.run([sys.executable, '-c', code, coordinator], capture_output=True, text=True, timeout=120)
    sentence = (
        f'error: process 0 of 2 has not met all others at {coordinator} within 1 s: start all of them with the same '
    )
    assert done.returncode == 1 and done.stderr.startswith(sentence) and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('host', ['localhost', 'node1'])
def test_a_port_in_use_is_refused(host):
    with socket.create_server(('127.0.0.1' if host == 'localhost' else '', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f'process 0 cannot listen on port {port} of --coordinator'):
            check_port(host, port)
    check_port(host, port)


@pytest.mark.slow
def test_who_does_not_move_on_ends_all():
    code = (
        CODE.replace("'fail'", "'hang'")
        .replace("raise UsageError('the name is wrong: choose another')", 'import time; time.sleep(200)')
        .replace('None), 60.0', 'None), 8.0')
    )
    (_, error, status), (_, other, other_status) = both('hang', code)
    said = [error.splitlines()[-1], other.splitlines()[-1]]
    assert status == other_status == 1 and all('has not moved on for' in sentence for sentence in said), said
