"""Every command ends with an exit status, and after an error of a user or the system with one sentence."""

import errno
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from autoint_jax.errors import UsageError
from autoint_jax.exits import Stopped, Terminated, described, reported


class XlaError(RuntimeError):
    pass


@pytest.mark.parametrize(
    'error, status, part',
    [
        (UsageError('say so'), 2, 'say so'),
        (KeyboardInterrupt(), 130, 'interrupted'),
        (Terminated(), 143, 'SIGTERM'),
        (Stopped(1234), 75, 'after saving step 1,234'),
        (BrokenPipeError(errno.EPIPE, 'Broken pipe'), 141, ''),
        (MemoryError(), 1, 'not enough memory'),
        (XlaError('RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nlong story'), 1, 'allocating 9 bytes.)'),
        ('\udce9'.encode, 1, 'UTF-8'),
        (OSError('not gzip'), 1, 'not gzip'),
    ],
)
def test_exit_statuses(error, status, part):
    if callable(error):
        with pytest.raises(UnicodeError) as raised:
            error()
        error = raised.value
    sentence, found = described(error)
    assert found == status and part in sentence and '\n' not in sentence


def test_a_defect_keeps_its_traceback():
    assert described(KeyError('x')) is None

    def main(argv):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reported(main)(['command'])


def in_a_process(code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', f'import os, signal, sys\nfrom autoint_jax import command\n{code}\ncommand.run(main)'],
        capture_output=True,
        text=True,
        errors='surrogateescape',
        **options,
    )


@pytest.mark.parametrize(
    'body, status, said',
    [
        (
            'open("a\\nb\\x1b[31m/" + os.fsdecode(b"\\xff"))',
            1,
            'error: a\\nb\\x1b[31m/\\udcff: it does not exist: check the path\n',
        ),
        ('os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(20)', 143, 'error: ended by SIGTERM'),
        ('os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(20)', 130, 'error: interrupted'),
        (
            'from autoint_jax.errors import UsageError; raise UsageError("a:\\n  b \\x9b c\\nd")',
            2,
            'error: a: b \\x9b c; d\n',
        ),
        ('print(os.fsdecode(b"\\xff"))', 0, ''),
    ],
)
def test_a_command_ends_with_one_line(body, status, said):
    done = in_a_process(f'signal.signal(signal.SIGINT, signal.default_int_handler)\ndef main(argv):\n    {body}')
    assert done.returncode == status and said in done.stderr, done.stderr
    assert done.stderr.count('\n') <= 1 and '\x1b' not in done.stderr


@pytest.mark.parametrize(
    'body',
    [
        'from autoint_jax.records import comparison; comparison.show("t", ["a"], [["b"]] * 99)',
        'from autoint_jax.data.preparation.progress import PreparationBar\n'
        '    with PreparationBar() as bar:\n        bar.say("x" * 100000)',
    ],
)
def test_tables_and_bars_that_nobody_reads_end_a_command_alike(body):
    reader, writer = os.pipe()
    os.close(reader)
    code = f'from autoint_jax import command\ndef main(argv):\n    {body}\ncommand.run(main)'
    done = subprocess.run([sys.executable, '-c', code], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, '')


def test_a_draft_needs_no_stdout(tmp_path):
    (tmp_path / 'a.csv').write_text('y,a\n0,1\n1,2\n')
    done = subprocess.run(
        f'{sys.executable} {ROOT}/scripts/prepare_data.py --infer=a.csv >&-',
        shell=True,
        cwd=tmp_path,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b'')


def printing(out) -> subprocess.CompletedProcess:
    code = 'from autoint_jax import command\ndef main(argv):\n    print("x" * 100000)\ncommand.run(main)'
    return subprocess.run([sys.executable, '-c', code], stdout=out, stderr=subprocess.PIPE, text=True)


def test_output_that_nobody_reads_ends_a_command_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    done = printing(writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, '')


def test_output_on_a_full_disk_is_a_sentence():
    with open('/dev/full', 'w') as full:
        done = printing(full)
    assert (
        done.returncode == 1
        and done.stderr.startswith('error: the disk is full: free some space')
        and done.stderr.count('\n') == 1
    )
