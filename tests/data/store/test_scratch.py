"""Scratch folders: those of living processes stay, wherever these run; those of dead ones go; nothing whole is lost."""

import json
import os
import subprocess
import sys
import threading

import pytest

from autoint_jax import process_identity
from autoint_jax.data.datasets import registry
from autoint_jax.data.store import scratch, scratch_owner
from autoint_jax.errors import UsageError

DAY = 24 * 3600
HERE = process_identity.this_process()


def left(parent, owner, *, purpose='unfinished', name='mine', age=0.0):
    """Makes a scratch folder with some bytes, left by a given process some time ago, and returns it."""
    folder = parent / f'.{name}-{purpose}-abcd_ef1'
    (folder / 'spool').mkdir(parents=True)
    (folder / 'spool' / 'block').write_bytes(bytes(1000))
    if owner is not None:
        (folder / scratch_owner.OWNER).write_text(owner if isinstance(owner, str) else json.dumps(owner))
    for path in [*folder.rglob('*'), folder]:
        time = path.stat().st_mtime - age
        os.utime(path, (time, time))
    return folder


def after(parent, name='mine'):
    """Returns what the next preparation says. Its own scratch folder is gone afterwards."""
    said = []
    with scratch.unfinished(parent / name, said.append) as own:
        (own / 'manifest.json').touch()
    assert not own.exists()
    return said


def ended_pid():
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    return process.pid


def other(**changes):
    return {**HERE, **changes}


@pytest.mark.parametrize('name', ['mine', 'other', 'with [brackets]* and blanks'])
def test_what_an_ended_process_of_this_machine_left_goes(tmp_path, name):
    folder = left(tmp_path, other(pid=ended_pid()), name=name)
    assert after(tmp_path) == [] and not folder.exists()


def test_another_process_with_the_same_number_is_not_the_owner(tmp_path):
    folder = left(tmp_path, other(started='1'))
    assert after(tmp_path) == [] and not folder.exists()


@pytest.mark.parametrize('age', [0, 10 * DAY])
def test_what_a_living_process_makes_stays_however_old(tmp_path, age):
    folder = left(tmp_path, HERE, age=age)
    assert after(tmp_path) == [] and (folder / 'spool' / 'block').exists()


ELSEWHERE = {
    'another machine': other(host='elsewhere', pid=1),
    'another start of the machine': other(boot='x', pid=ended_pid()),
    'another container': other(processes='pid:[1]', pid=ended_pid()),
    'an earlier version': None,
    'half written': '{"host"',
    'another form': '[1]',
    'a number that is none': other(host='elsewhere', pid='../../etc'),
}


@pytest.mark.parametrize('who', ELSEWHERE)
def test_of_processes_that_cannot_be_asked_a_silent_day_decides(tmp_path, who):
    young = left(tmp_path, ELSEWHERE[who], age=DAY - 3600)
    (line,) = after(tmp_path)
    assert young.exists() and str(young) in line and 'is left' in line and 'delete it if that process has ended' in line
    size = sum(path.stat().st_size for path in young.rglob('*') if path.is_file())
    assert '23.0 hours ago' in line and f'({size:,} bytes)' in line and size >= 1000
    for path in [*young.rglob('*'), young]:
        os.utime(path, (path.stat().st_mtime - 7200,) * 2)
    assert after(tmp_path) == [] and not young.exists()


def test_another_process_that_makes_the_same_is_said(tmp_path):
    process = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    started = process_identity._started(process.pid)
    for name in ('mine', 'yours'):
        left(tmp_path, other(pid=process.pid, started=started), name=name)
    (line,) = after(tmp_path)
    assert line == f'process {process.pid} prepares mine at the same time: the data of the one that ends last stays'
    process.communicate(b'\n')
    assert after(tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_one_young_file_is_a_sign_of_life(tmp_path):
    folder = left(tmp_path, None, age=3 * DAY)
    recent = folder.stat().st_mtime + 3 * DAY - 3600
    os.utime(folder / 'spool' / 'block', (recent, recent))
    assert len(after(tmp_path)) == 1 and folder.exists()
    os.utime(folder / 'spool' / 'block')  # it is just being made
    assert after(tmp_path) == [] and folder.exists()


def test_a_system_that_tells_nothing_of_processes_waits_for_the_day(tmp_path, monkeypatch):
    monkeypatch.setattr(process_identity, '_text', lambda path: '')
    young = left(tmp_path, process_identity.this_process() | {'pid': ended_pid()})
    assert len(after(tmp_path)) == 1 and young.exists()


def test_a_scratch_folder_has_its_owner_and_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch_owner, 'HEARTBEAT_SECONDS', 0.01)
    touched, utime = threading.Event(), os.utime
    monkeypatch.setattr(scratch_owner.os, 'utime', lambda path: utime(path) or touched.set())
    with scratch.unfinished(tmp_path / 'mine') as own:
        assert json.loads((own / scratch_owner.OWNER).read_text()) == HERE
        assert touched.wait(30)


def test_other_names_links_and_files_are_left_alone(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / '.mine-unfinished-abcdefgh').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / '.mine-replaced-abcdefgh').touch()
    (tmp_path / '.mine-unfinished').mkdir()
    for path in (tmp_path / '.mine-unfinished', tmp_path / 'elsewhere'):
        os.utime(path, (0, 0))
    assert after(tmp_path) == [] and len(list(tmp_path.iterdir())) == 4


def whole(folder, text):
    folder.mkdir(parents=True)
    (folder / 'manifest.json').write_text(text)
    return folder


@pytest.mark.parametrize('form', ['within', 'earlier version'])
@pytest.mark.parametrize('replaced', [False, True])
def test_data_that_a_killed_process_had_set_aside_comes_back(tmp_path, form, replaced):
    folder = left(tmp_path, other(pid=ended_pid()) if form == 'within' else None, purpose='replaced', age=2 * DAY)
    if form == 'within':
        whole(folder / scratch.DATA, 'old')
    else:
        (folder / 'manifest.json').write_text('old')
        for path in (folder, folder / 'manifest.json'):
            os.utime(path, (0, 0))
    if replaced:
        whole(tmp_path / 'mine', 'new')
    said = after(tmp_path)
    assert (tmp_path / 'mine' / 'manifest.json').read_text() == ('new' if replaced else 'old')
    assert not folder.exists() and len(said) == (0 if replaced else 1)


def test_finished_data_replaces_what_is_there(tmp_path):
    whole(tmp_path / 'mine', 'old')
    with scratch.unfinished(tmp_path / 'mine') as own:
        (own / 'manifest.json').write_text('new')
        scratch.put_in_place(own, tmp_path / 'mine')
    assert [path.name for path in tmp_path.iterdir()] == ['mine']
    assert [(path.name, path.read_text()) for path in (tmp_path / 'mine').iterdir()] == [('manifest.json', 'new')]


def test_data_behind_a_link_is_replaced_where_it_lies(tmp_path):
    whole(tmp_path / 'disk' / 'data', 'old')
    (tmp_path / 'mine').symlink_to(tmp_path / 'disk' / 'data')
    with scratch.unfinished(tmp_path / 'mine') as own:
        (own / 'manifest.json').write_text('new')
        scratch.put_in_place(own, tmp_path / 'mine')
    assert (tmp_path / 'mine').is_symlink() and [path.name for path in (tmp_path / 'disk').iterdir()] == ['data']
    assert (tmp_path / 'mine' / 'manifest.json').read_text() == 'new'


@pytest.mark.parametrize('error', [KeyboardInterrupt, OSError(28, 'no space')])
def test_an_error_between_the_renames_loses_nothing(tmp_path, monkeypatch, error):
    whole(tmp_path / 'mine', 'old')
    rename, calls = os.rename, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == 3:  # the first finds the old data, the second sets it aside
            raise error
        rename(source, target)

    monkeypatch.setattr(scratch.os, 'rename', failing)
    with (
        pytest.raises(type(error) if isinstance(error, OSError) else error),
        scratch.unfinished(tmp_path / 'mine') as own,
    ):
        (own / 'manifest.json').write_text('new')
        scratch.put_in_place(own, tmp_path / 'mine')
    assert (tmp_path / 'mine' / 'manifest.json').read_text() == 'old' and [
        path.name for path in tmp_path.iterdir()
    ] == ['mine']


def test_what_cannot_be_removed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.shutil, 'rmtree', lambda path, ignore_errors: None)
    said = []
    with scratch.unfinished(tmp_path / 'mine', said.append) as own:
        pass
    assert len(said) == 1 and f'{own} could not be removed' in said[0]


@pytest.mark.parametrize('kind', ['file', 'folder', 'link to a file'])
def test_what_is_no_prepared_data_is_never_replaced(tmp_path, kind):
    folder = tmp_path / 'mine'
    if kind == 'folder':
        folder.mkdir()
        (folder / 'thesis.tex').touch()
    elif kind == 'file':
        folder.touch()
    else:
        (tmp_path / 'file').touch()
        folder.symlink_to(tmp_path / 'file')
    with pytest.raises(UsageError, match='mine .*name another --data_dir'), scratch.unfinished(folder):
        pass
    assert folder.exists() and not list(tmp_path.glob('.*'))


@pytest.mark.parametrize('beside', [['run.json', 'checkpoints'], ['notes.txt'], ['a', 'b', 'c', 'd', 'e', 'f']])
def test_what_lies_beside_prepared_data_is_not_lost(tmp_path, beside):
    folder = tmp_path / 'mine'
    whole(folder, 'old')
    for name in [*beside, '.DS_Store', 'bad_rows.tsv']:
        (folder / name).touch()
    with (
        pytest.raises(
            UsageError, match=f'mine also holds {", ".join(sorted(beside)[:5])}.* name another --data_dir'
        ) as error,
        scratch.unfinished(folder),
    ):
        pass
    assert 'bad_rows' not in str(error.value) and {path.name for path in folder.iterdir()} >= {'manifest.json', *beside}
    assert not list(tmp_path.glob('.mine*'))
    for name in beside:
        (folder / name).unlink()
    with scratch.unfinished(folder):
        pass


def test_every_part_of_prepared_data_is_known(tmp_path):
    (tmp_path / 'mine.csv').write_text(
        'y,a\n' + ''.join(f'{number % 2},{number}\n' for number in range(100)) + '2,a bad row\n'
    )
    (tmp_path / 'mine.yaml').write_text(
        '{files: [mine.csv], label: y, fields: [{name: a, kind: numeric, transform: standard}]}'
    )
    data = registry.prepare_own(tmp_path / 'mine.yaml', None, tmp_path / 'prepared', registry.Options())
    names = {path.name for path in data.folder.iterdir()}
    assert 'bad_rows.tsv' in names and names <= set(scratch.PARTS + scratch.OTHER_PARTS)
