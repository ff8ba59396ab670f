"""Two writers of one path never share an unfinished file, and those of killed writers go."""

import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from autoint_jax import process_identity, stored, unfinished

PACKAGE = pathlib.Path(unfinished.__file__).parent
DAY = 24 * 3600
KILLED = """
import os, pathlib, signal, sys
from autoint_jax.unfinished import unfinished
with unfinished(pathlib.Path(sys.argv[1])) as scratch:
    (scratch.mkdir() or scratch / 'part' if sys.argv[2:] else scratch).write_text('half')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_process(path, *folder):
    """Makes an unfinished file of `path`, or an unfinished folder, whose writer was killed, and returns it."""
    before = set(path.parent.iterdir())
    subprocess.run([sys.executable, '-c', KILLED, str(path), *folder], env=os.environ)
    (left,) = set(path.parent.iterdir()) - before
    return left


def aged(path, seconds):
    """Lets a file look as if it was last written some seconds ago."""
    time = path.stat().st_mtime - seconds
    os.utime(path, (time, time))


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / 'x.json'
    with stored.replacing(path) as one, stored.replacing(path) as other:
        assert one != other and one.parent == other.parent == tmp_path
        one.write_text('one')
        other.write_text('other')
    assert path.read_text() == 'one' and list(tmp_path.iterdir()) == [path]  # the last rename decides
    texts = [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda text: stored.write_text(path, text), texts * 4))
    assert path.read_text() in texts and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('name, folder', [('x.json', []), ('with [brackets]* and blanks.csv', ['folder'])])
def test_the_next_writer_removes_what_killed_ones_left_of_its_path_only(tmp_path, name, folder):
    path, other = tmp_path / name, tmp_path / f'{name}.unfinished-x'
    left, kept = left_by_a_killed_process(path, *folder), left_by_a_killed_process(other)
    assert unfinished.leftovers(path) == [left]
    stored.write_text(path, 'whole')
    assert sorted(tmp_path.iterdir()) == sorted([path, kept])


def test_what_a_living_process_writes_stays_however_old(tmp_path):
    path = tmp_path / 'x.json'
    with unfinished.unfinished(path) as scratch:
        scratch.write_text('half')
        aged(scratch, 10 * DAY)
        stored.write_text(path, 'whole')
        assert scratch.read_text() == 'half'


@pytest.mark.parametrize('writer', ['another machine', 'no /proc', 'an earlier version'])
def test_of_writers_that_cannot_be_asked_a_silent_day_decides(tmp_path, monkeypatch, writer):
    path = tmp_path / 'x.json'
    left = left_by_a_killed_process(path, 'folder')
    if writer == 'another machine':
        left = left.rename(re.sub('-[0-9a-f]{8}-', '-00000000-', str(left)))
    elif writer == 'an earlier version':
        left = left.rename(tmp_path / 'x.json.unfinished')
    else:
        monkeypatch.setattr(process_identity, '_text', lambda path: '')
    aged(left, 2 * DAY)  # what is in it is young
    stored.write_text(path, 'whole')
    assert left.exists()
    aged(left / 'part', 2 * DAY)
    stored.write_text(path, 'whole')
    assert not left.exists()


def test_all_unfinished_names_are_made_in_one_place():
    for path in PACKAGE.rglob('*.py'):
        code = re.sub(r'(?s)""".*?"""|#[^\n]*', '', path.read_text())
        assert path.stem == 'unfinished' or '.unfinished' not in code.replace('autoint_jax.unfinished', ''), path
