"""scripts/launch_local.py: flags and devices of each process, what is printed, and how all of them end."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / 'scripts'))
from local_processes import environment, share

LAUNCH = [sys.executable, str(ROOT / 'scripts' / 'launch_local.py')]
# Each prints its flags, as the command of a test says, and ends.
NUMBER = 'import sys; number = int(sys.argv[-1].split("=")[1]); '


def launched(code, *flags, **kinds):
    return subprocess.run(
        [*LAUNCH, *flags, '--', sys.executable, '-c', code], capture_output=True, text=True, timeout=60, **kinds
    )


def test_each_process_gets_its_flags_and_a_prefix():
    done = launched(NUMBER + 'print(*sys.argv[1:]); sys.exit(0)', '--processes=3')
    assert done.returncode == 0
    lines = sorted(done.stderr.splitlines())
    first = done.stdout.split()
    assert first[0].startswith('--coordinator=localhost:') and first[1:] == ['--processes=3', '--process=0']
    assert lines == [f'[{number}] {first[0]} --processes=3 --process={number}' for number in (1, 2)]


def test_the_first_failure_ends_all_and_gives_the_status():
    code = NUMBER + 'import time; time.sleep(0 if number else 60); sys.exit(7 * number)'
    began = time.monotonic()
    done = launched(code, '--processes=2', '--grace_seconds=0.2')
    assert done.returncode == 7 and time.monotonic() - began < 40


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_go_to_all(number):
    code = (
        'import os, signal, sys, time\n'
        'def end(*_):\n    os.write(1, b"told\\n"); sys.exit(9)\n'  # print may be under way
        'signal.signal(signal.SIGINT, end); signal.signal(signal.SIGTERM, end)\n'
        'print("ready", flush=True); time.sleep(60)'
    )
    command = [*LAUNCH, '--processes=2', '--', sys.executable, '-c', code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout.readline() == 'ready\n' and started.stderr.readline() == '[1] ready\n'
        started.send_signal(number)
        out, error = started.communicate(timeout=60)
    assert (started.returncode, out, error) == (9, 'told\n', '[1] told\n')


def test_a_command_is_needed():
    done = subprocess.run(LAUNCH, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == 'error: name the command to start after --, such as: -- python scripts/train.py\n'


def test_cores_are_shared_out():
    assert [share([2, 3, 5, 7, 11], number, 2) for number in range(2)] == [[2, 3], [5, 7, 11]]
    assert share([2, 3], 1, 3) == [2, 3]  # fewer cores than processes


def test_devices_of_each(monkeypatch):
    monkeypatch.setenv('XLA_FLAGS', '--a=1 --xla_force_host_platform_device_count=8')
    found = environment(1, 3)
    assert found['XLA_FLAGS'] == '--a=1 --xla_force_host_platform_device_count=3'
    assert found['JAX_LOCAL_DEVICE_IDS'] == '3,4,5'
    assert environment(1, None) == dict(os.environ)
