"""Locks of the folder of a sweep: who waits for them, who loses them, and file systems without them."""

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest
from sweep_cases import opened
from test_search import SEARCH

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.locks import FolderLock
from autoint_jax.sweeps.study import Study

HOLDER = """
import pathlib, sys, time
from autoint_jax.sweeps.locks import FolderLock
with FolderLock(pathlib.Path(sys.argv[1])):
    print('held', flush=True)
    time.sleep(60)
"""


def test_a_lock_is_kept_by_who_is_slow_and_lost_by_who_is_killed(tmp_path):
    """The holder is stopped, and its lock file as old as can be: nobody else gets it. Killed, it has it no more."""
    path = tmp_path / 'asking.lock'
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == 'held\n'
    holder.send_signal(signal.SIGSTOP)
    os.utime(path, (0, 0))
    got = []
    waiting = threading.Thread(target=lambda: got.append(FolderLock(path).acquire()))
    waiting.start()
    waiting.join(0.3)
    assert not got
    holder.kill()
    waiting.join(30)
    assert got == [True] and list(tmp_path.iterdir()) == [path]
    holder.wait()


def test_where_there_are_no_locks_a_sentence_says_so(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr('fcntl.flock', flock)
    with pytest.raises(
        UsageError, match=r'cannot be taken \(No locks available\): name a --sweeps_dir on a file system'
    ):
        Study(opened(tmp_path, SEARCH).sweep, tmp_path / 'sweeps')
