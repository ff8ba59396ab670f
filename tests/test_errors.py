"""What a user, a file or the system is to blame for is one sentence and an exit status; control characters never reach
a terminal.
"""

import errno
import os
import pathlib
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from autoint_jax import stored
from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.exits import Terminated, described, reported
from autoint_jax.records import comparison
from autoint_jax.terminal import shown
from autoint_jax.training import progress


@pytest.mark.parametrize(
    'text, harmless',
    [
        ('plain, with blanks and ümlauts', 'plain, with blanks and ümlauts'),
        ('a\x1b[31mred', 'a\\x1b[31mred'),
        ('a\nb\r\tc', 'a\\nb\\r\\tc'),
        ('bell\a null\0 delete\x7f', 'bell\\x07 null\\x00 delete\\x7f'),
        ('C1\x9b31m', 'C1\\x9b31m'),
        ('\u202egnp.exe', '\\u202egnp.exe'),
        ('\u2066x\u2069\u200f', '\\u2066x\\u2069\\u200f'),
        ('\u2028\u2029\ufeff', '\\u2028\\u2029\\ufeff'),
        ('\udce9.csv', '\\udce9.csv'),
        ('日本 👩\u200d🚀 [red]', '日本 👩\u200d🚀 [red]'),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text, harmless):
    assert shown(text) == harmless


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


class XlaError(RuntimeError):
    pass


@pytest.mark.parametrize(
    'error, status, part',
    [
        (UsageError('say so'), 2, 'say so'),
        (KeyboardInterrupt(), 130, 'interrupted'),
        (Terminated(), 143, 'SIGTERM'),
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


def test_what_a_command_prints_is_harmless_and_rich_keeps_its_colours():
    done = in_a_process(
        'from rich.console import Console\ndef main(argv):\n    print("a\\x1b[31m\\x9b b\\t\\u202ec", "[red]d")\n'
        '    Console(force_terminal=True, color_system="standard").print("e", style="red")\n'
        '    os.write(sys.stdout.fileno(), b"f")'
    )
    assert done.stdout == 'a\\x1b[31m\\x9b b\t\\u202ec [red]d\n\x1b[31me\x1b[0m\nf', done.stdout + done.stderr


def test_rich_takes_no_name_for_markup(capsys):
    for bar in (progress.Bar(), PreparationBar()):
        bar.begin('fit', 1) if hasattr(bar, 'begin') else bar.steps(0, 1, 1.0)
        bar.say('[red]name[/red] :smile: a\x1b[31mb')
        assert '[red]name[/red] :smile: a\\x1b[31mb' in capsys.readouterr().out
        getattr(bar, 'close', lambda: None)()  # its thread would speak in other tests
    comparison.show('[b]title', ['[i]column'], [['[/x]\x1b[2J']])
    said = capsys.readouterr().out
    assert '[b]title' in said and '[i]column' in said and '[/x]\\x1b[2J' in said


FORM = {'name': str, 'test': {'auc': stored.finite}, 'layers': [int], 'seconds': (float, None)}
GOOD = '{"name": "a", "test": {"auc": 0.5}, "layers": [1], "seconds": null, "more": 1}'


@pytest.mark.parametrize(
    'content, part',
    [
        ('', 'is damaged'),
        ('{', 'is damaged'),
        ('[' * 100000, 'nested too deeply'),
        ('{"name": ' + '9' * 5000 + '}', 'is damaged'),
        ('[]', 'not an object'),
        ('null', 'not an object'),
        (GOOD.replace('"name"', '"nam"'), "no key 'name'"),
        (GOOD.replace('"a"', '3'), 'name is 3, not a text'),
        (GOOD.replace('0.5', 'NaN'), 'test.auc is nan, not a finite number'),
        (GOOD.replace('0.5', 'true'), 'test.auc is True'),
        (GOOD.replace('{"auc": 0.5}', '[]'), 'test is [], not an object'),
        (GOOD.replace('[1]', '[1, "x"]'), "layers[1] is 'x', not a whole number"),
        (GOOD.replace('null', '"x"'), "seconds is 'x', not a number"),
        (b'{"name": "\xe9"}', 'UTF-8'),
        (b'\xff\xfe{\0', 'UTF-8'),
    ],
)
def test_a_file_of_another_form_is_a_sentence(tmp_path, content, part):
    path = tmp_path / 'record.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=re.escape(part)) as refused:
        stored.read_json(path, FORM, mend='make it anew')
    assert str(path) in str(refused.value) and str(refused.value).endswith(': make it anew')


def test_a_file_of_the_form_is_read(tmp_path):
    (tmp_path / 'record.json').write_text(GOOD)
    assert stored.read_json(tmp_path / 'record.json', FORM)['more'] == 1
    assert (
        stored.read_json_if_there(tmp_path / 'none.json') is None
        and stored.read_json_if_there(tmp_path / 'record.json' / 'below') is None
    )


@pytest.mark.parametrize(
    'name, part',
    [
        ('.', 'is a folder'),
        ('none.json', 'does not exist'),
        ('a' * 300, 'longer than'),
        ('a\0b', 'not a path'),
        ('file/below', 'is a file'),
        ('circle', 'circle'),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, name, part):
    (tmp_path / 'file').touch()
    (tmp_path / 'circle').symlink_to('circle')
    with pytest.raises(UsageError, match=part):
        stored.read_json(tmp_path / name)


def test_code_that_takes_a_record_apart_names_it():
    for code in ('{}["rows"]', '[][0]', 'f"{None:.4f}"', '"a" - 1', 'None.x'):
        with (
            pytest.raises(UsageError, match='results/table.json has another form'),
            stored.of_form(pathlib.Path('results/table.json')),
        ):
            eval(code)


SCRIPTS = sorted(
    f'{path.parent.name}/{path.name}'
    for folder in ('scripts', 'experiments')
    for path in (ROOT / folder).glob('*.py')
    if not path.stem.endswith('_flags')
    and path.stem not in ('config_help', 'copies_table', 'next_steps', 'torch_baselines')
)  # which is no command, and needs PyTorch
GIVEN = {
    '--help': 0,
    '-h': 0,
    '--helpfull': 0,
    '--dta_dir=x': 2,
    '--=': 2,
    '--nohelp=3': 2,
    '--verbosity': 2,
    '--verbosity=x': 2,
    '--flagfile=none': 2,
    'one two': 2,
    '--nopdb=x': 2,
    '--pdb=maybe': 2,
}
WRONG = {
    'scripts/train.py --config.optimizer.learning_rate=nan': 'learning_rate=nan must be a finite number',
    'scripts/train.py --config.seed=1e3': "'1e3' is not a whole number",
    'scripts/train.py --config.model.form=heads': 'it was renamed to --config.execution.form',
    'scripts/train.py --config=../x': 'has no /',
    'scripts/train.py --config.seed=' + '9' * 5000: 'config.seed=999',
    'scripts/train.py --config': 'missing value',
    'scripts/train.py --config.model.residual=maybe': "'maybe' is neither true nor false",
    'scripts/sweep.py run --sweep=s --stale_seconds=inf': 'stale_seconds=inf must be',
    'scripts/sweep.py run --sweep=s.toml --workers=999': '--workers=999 is more than',
    'scripts/sweep.py run --workers=99999': 'workers=99999',
    'scripts/benchmark.py --suite=data --batches=²': 'must be whole numbers',
    'scripts/doctor.py --cardinalities=' + '9' * 5000: 'must be numbers of ids',
}
WITHOUT_DATA = {f'scripts/{name}.py' for name in ('benchmark', 'generate_data', 'update_pages')}
WITHOUT_SEEDS = {
    f'experiments/{name}.py'
    for name in ('table1_statistics', 'table3_model_size', 'figure4_run_time', 'tuning', 'replica_cost')
}

# One script that takes arguments, one that takes none and one experiment; the others have the same door.
GIVEN_ALL = 'scripts/sweep.py', 'scripts/train.py', 'experiments/paper.py'


def given_to(script):
    """{arguments: exit status}: all of GIVEN, or those that say whether a script defines its flags."""
    return GIVEN if script in GIVEN_ALL else {given: GIVEN[given] for given in ('--help', '--dta_dir=x')}


@pytest.fixture(scope='module')
def ran(forks, tmp_path_factory):
    """{(script, arguments): the finished process}, of all scripts, in a folder with nothing but a sweep file."""
    folder = tmp_path_factory.mktemp('empty')
    (folder / 's.toml').write_text("base = 'movielens_1m_lr'\n")
    asked = [(script, given) for script in SCRIPTS for given in given_to(script)]
    asked += [tuple(given.split(' ', 1)) for given in WRONG]
    return {(script, given): forks.run([script, *given.split()], folder) for script, given in asked}


@pytest.mark.parametrize('script', SCRIPTS)
def test_every_command_takes_help_and_refuses_other_flags(ran, script):
    for given, status in given_to(script).items():
        found = ran[script, given]
        assert found.returncode == status, (given, found)
        if status:
            assert (
                found.stderr.startswith('error: ') and found.stderr.count('\n') == 1 and 'Traceback' not in found.stderr
            ), found
    if script not in WITHOUT_DATA:
        assert "no flag 'dta_dir' (did you mean 'data_dir'?)" in ran[script, '--dta_dir=x'].stderr


@pytest.mark.parametrize('script', SCRIPTS)
def test_help_says_what_the_command_does(ran, script):
    said = ran[script, '--help'].stdout
    assert f'python {script}' in said
    assert script in WITHOUT_DATA or '--data_dir' in said.replace('[no]', '')
    if script.startswith('experiments/'):
        assert ('--seeds: ' in said) == (script not in WITHOUT_SEEDS)


@pytest.mark.parametrize('given', WRONG, ids=lambda given: given[:60])
def test_flags_of_wrong_values_are_sentences(ran, given):
    found = ran[tuple(given.split(' ', 1))]
    assert found.returncode == 2 and WRONG[given] in found.stderr, found
    assert len(found.stderr) < 12000 and found.stderr.count('\n') == 1


def test_no_script_starts_but_by_the_door():
    for script in SCRIPTS:
        assert re.search(r'command\.run\(main(, arguments=1)?\)', (ROOT / script).read_text()), script
