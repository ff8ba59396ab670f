"""An interruption ends every command with one sentence, also during its imports and where Python would drop it."""

import ast
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from autoint_jax.exits import described

SCRIPTS = sorted(
    path
    for folder in ('scripts', 'experiments')
    for path in (ROOT / folder).glob('*.py')
    if 'command.run(main' in path.read_text()
)
INTERRUPTED = 'error: interrupted: run the same command again to go on from the last checkpoint, if it was training\n'


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_every_command_handles_interruptions_before_its_slow_imports(path):
    before = ast.parse(path.read_text().split('interruptions.handle()')[0]).body
    imported = [
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split('.')[0]
        for node in before
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert imported.pop() == 'autoint_jax' and set(imported) <= sys.stdlib_module_names
    assert 'interruptions.handle()' in path.read_text()


def ended(code: str) -> subprocess.CompletedProcess:
    start = 'import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n'
    return subprocess.run(
        [sys.executable, '-c', f'{start}from autoint_jax import interruptions\ninterruptions.handle()\n{code}'],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_interruption_during_imports_is_a_sentence():
    assert described(KeyboardInterrupt()) == (INTERRUPTED.strip().removeprefix('error: '), 130)
    swallowing = (
        'try:\n    os.kill(os.getpid(), signal.SIGINT)\n    for _ in range(10**9): pass\nexcept BaseException: pass'
    )
    done = ended(swallowing)  # as the compiled half of a library may do
    assert (done.returncode, done.stderr) == (130, INTERRUPTED)


def test_an_interruption_that_is_ignored_stays_ignored():
    done = ended(
        'signal.signal(signal.SIGINT, signal.SIG_IGN)\ninterruptions.handle()\nfrom autoint_jax import command\n'
        'def main(argv):\n    os.kill(os.getpid(), signal.SIGINT)\n    print("done")\ncommand.run(main)'
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, 'done\n', '')


@pytest.mark.parametrize(
    'dropping',
    [
        'class Dropping:\n    def __del__(self): interrupt()\nDropping()',
        'import gc\ngc.callbacks.append(lambda phase, info: interrupt())\ngc.collect()',
    ],
)
@pytest.mark.parametrize(
    'number, status, said',
    [(signal.SIGINT, 130, INTERRUPTED), (signal.SIGTERM, 143, 'error: ended by SIGTERM: run the same command again')],
)
def test_an_interruption_that_python_drops_comes_again(dropping, number, status, said):
    code = f"""
from autoint_jax import command
interrupted = False
def interrupt():
    global interrupted
    if not interrupted:
        interrupted = True
        os.kill(os.getpid(), {int(number)})
        for _ in range(1000): pass
def main(argv):
    {dropping.replace(chr(10), chr(10) + '    ')}
    for _ in range(10**9): pass
command.run(main)"""
    done = ended(code)
    assert done.returncode == status and done.stderr.startswith(said) and done.stderr.count('\n') == 1


def test_other_errors_keep_their_tracebacks():
    done = ended('class Broken:\n    def __del__(self): raise ValueError("in a finalizer")\nBroken()\n{}["key"]')
    assert done.returncode == 1 and 'ValueError: in a finalizer' in done.stderr and "KeyError: 'key'" in done.stderr
