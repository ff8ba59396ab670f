"""Every error of the system is one sentence that names the file, the reason and what to do."""

import errno
import os
import pathlib

import pytest

from autoint_jax.errors import system_sentence
from autoint_jax.exits import described

SAID = {
    errno.ENOENT: 'does not exist',
    errno.EACCES: 'permission',
    errno.EISDIR: 'is a folder',
    errno.ENOTDIR: 'is a file',
    errno.EEXIST: 'exists already',
    errno.ENAMETOOLONG: 'longer than',
    errno.EROFS: 'read-only',
    errno.ENOSPC: 'disk is full',
    errno.EDQUOT: 'quota',
    errno.EMFILE: 'ulimit',
    errno.ELOOP: 'circle',
    errno.EIO: 'disk failed',
    errno.ENOLCK: 'locks',
    errno.ECONNREFUSED: 'Connection refused',
}


@pytest.mark.parametrize('number', SAID)
def test_every_error_of_the_system_names_the_file_and_why(number):
    sentence = system_sentence(OSError(number, os.strerror(number), '/data/a.csv'))
    assert '/data/a.csv' in sentence and SAID[number] in sentence and '\n' not in sentence
    both = system_sentence(OSError(number, os.strerror(number), b'/data/a.csv', None, pathlib.Path('/data/b.csv')))
    assert '/data/a.csv to /data/b.csv' in both
    assert SAID[number] in system_sentence(OSError(number, os.strerror(number)))
    assert described(OSError(number, 'x')) == (system_sentence(OSError(number, 'x')), 1)
