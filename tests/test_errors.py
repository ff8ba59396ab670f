"""Every error of the system is one sentence that names the file, the reason and what to do."""

import ast
import errno
import os
import pathlib
import re

import polars as pl
import pytest

from autoint_jax.errors import full_disk_named, system_sentence, writing
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


@pytest.mark.parametrize('context', [full_disk_named, writing])
def test_an_error_of_polars_about_space_names_the_file(context):
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        with pytest.raises(OSError) as raised, context('/data/a.parquet'):
            raise pl.exceptions.ComputeError(f'parquet: underlying IO error: x (os error {number})')
        assert (raised.value.errno, raised.value.filename) == (number, '/data/a.parquet')
    with pytest.raises(pl.exceptions.ComputeError), context('/data/a.parquet'):
        raise pl.exceptions.ComputeError('x (os error 2)')


def test_polars_writes_nothing_without_a_context_that_names_the_file():
    """Polars raises its own errors if the disk is full, which would end a command with a traceback."""
    contexts, found = {'writing', 'replacing', 'room_for'}, 0
    written = {'write_parquet', 'write_ipc', 'write_csv', 'sink_parquet', 'sink_csv', 'sink_ipc'}
    for path in (pathlib.Path(__file__).parents[1] / 'autoint_jax').rglob('*.py'):
        if 'import polars' not in path.read_text():
            continue
        tree, named = ast.parse(path.read_text()), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.With) and contexts & {
                getattr(item.context_expr.func, 'id', getattr(item.context_expr.func, 'attr', ''))
                for item in node.items
                if isinstance(item.context_expr, ast.Call)
            }:
                named |= set(ast.walk(node))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') in written and node.args:
                found += 1
                assert node in named, f'{path}:{node.lineno} writes outside of {contexts}'
    assert found >= 6


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
