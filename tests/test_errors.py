"""Every error of the system is one sentence that names the file, the reason and what to do."""

import ast
import errno
import os
import pathlib
import re

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


def sentences(node):
    """Yields the texts that an argument of an error may be; '{}' stands for each value in them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else choices(part.value) for part in node.values]
        yield ''.join(parts)
    elif isinstance(node, ast.IfExp):
        yield from (*sentences(node.body), *sentences(node.orelse))


def choices(node):
    """Returns the last text that a value in a text may be; '{}' if it is not a choice of texts."""
    return next(reversed([*sentences(node)]), '{}') if isinstance(node, ast.IfExp) else '{}'


def test_a_missing_file_is_told_with_what_to_do():
    """No error ends with the fault: it goes on with the file or the flag that would help."""
    root, found = pathlib.Path(__file__).parents[1], 0
    fault = r'(does not exist|is (not )?a folder|is empty)(\{\})?'
    for path in [path for room in ('autoint_jax', 'scripts', 'experiments') for path in (root / room).rglob('*.py')]:
        text = path.read_text()
        if not re.search('does not exist|a folder|is empty', text):
            continue
        for call in [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]:
            if getattr(call.func, 'id', '').endswith('Error'):
                for sentence in sentences(call.args[0]):
                    found += bool(re.search(fault, sentence))
                    assert not re.search(f'{fault}$', sentence), f'{path}: {sentence}'
    assert found > 10
