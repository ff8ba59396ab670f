"""The compiled kernels in the user's cache folder: private, whole, compiled once, and begun for runs that use them."""

import os
import pathlib
import subprocess
import sys

import pytest
from compiler_cases import WRITES, cache, compiler, count, mode  # noqa: F401
from conftest import ROOT

from autoint_jax import cache_folder
from autoint_jax.cache_folder import Unsafe, private_folder
from autoint_jax.config.configuration import Config, replace
from autoint_jax.kernels import background, library
from autoint_jax.models.registry import MODELS


def test_the_library_and_its_folder_are_private_and_compiled_once(cache, compiler):
    previous = os.umask(0)
    try:
        calls = compiler(WRITES)
        built = library.built()
    finally:
        os.umask(previous)
    assert built.parent == cache and mode(cache) == 0o700 and mode(built) == 0o700
    assert library.built() == built and count(calls) == 1 and library.not_kept() == ''


@pytest.fixture
def nothing_begun():
    library.begin.cache_clear()
    yield
    library.begin.cache_clear()


def test_a_compilation_that_was_begun_is_waited_for(cache, compiler, nothing_begun):
    calls = compiler('sleep 1; ' + WRITES)
    process = library.begin()
    assert library.begin() is process and process.poll() is None  # it runs meanwhile
    library._wait()
    assert process.poll() == 0 and library.built().parent == cache and count(calls) == 1
    library.begin.cache_clear()
    assert library.begin() is None and count(calls) == 1  # the library is there


def test_nothing_is_begun_that_could_not_be_kept_or_compiled(cache, compiler, nothing_begun, monkeypatch):
    calls = compiler(WRITES)
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert library.begin() is None
    cache.chmod(0o700)
    library.begin.cache_clear()
    monkeypatch.delenv('CXX')
    monkeypatch.setenv('PATH', '')
    assert library.begin() is None and count(calls) == 0


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, True),
        ({'execution.form': 'heads'}, False),
        ({'model.compute_dtype': 'bfloat16'}, False),
        ({'model.name': 'lr'}, False),
        ({'model.name': 'dnn', 'model.deep_hidden': (4,)}, True),
        ({'model.name': 'dnn', 'model.deep_hidden': (4,), 'execution.dense_form': 'xla'}, False),
        ({'model.name': 'lr', 'optimizer.tables': 'lazy_adam'}, True),
        ({'model.name': 'lr', 'optimizer.tables': 'lazy_adam', 'execution.tables_form': 'xla'}, False),
    ],
)
def test_the_kernels_are_begun_for_runs_that_use_them(options, expected):
    assert background.needed(replace(Config(), options)) == expected


def test_models_with_compiled_layers_are_those_of_the_registry():
    assert set(background.MODELS) == {name for name, model in MODELS.items() if model.HAS_FORMS}
    plain = Config().model
    assert set(background.DENSE_MODELS) == {name for name, model in MODELS.items() if model.dense_layers(plain)}


def test_a_folder_of_an_earlier_version_becomes_private(cache, compiler):
    cache.mkdir(parents=True, mode=0o755)
    compiler(WRITES)
    assert library.built().parent == cache and mode(cache) == 0o700


@pytest.mark.parametrize(
    'spoil',
    [
        lambda built: built.write_bytes(built.read_bytes()[:5]),
        lambda built: built.write_bytes(b''),
        lambda built: built.write_bytes(b'another library'),
        lambda built: built.chmod(0o722),
        lambda built: (built.rename(built.with_suffix('.kept')), built.symlink_to(built.with_suffix('.kept'))),
    ],
    ids=['cut short', 'empty', 'replaced', 'others may write it', 'a link'],
)
def test_a_library_that_is_not_what_was_compiled_is_compiled_again(cache, compiler, spoil):
    calls = compiler(WRITES)
    built = library.built()
    spoil(built)
    again = library.built()
    assert (
        count(calls) == 2
        and again.read_bytes().startswith(b'library ')
        and not again.is_symlink()
        and mode(again) == 0o700
    )
    assert library.built() == again and count(calls) == 2


@pytest.mark.parametrize('wrong', ['others may write', 'of another user', 'a file', 'not writable'])
def test_a_folder_that_is_not_private_is_not_used(cache, compiler, wrong, monkeypatch):
    calls = compiler(WRITES)
    trap = library.built()  # what lies there would be taken otherwise
    if wrong == 'others may write':
        cache.chmod(0o777)
    elif wrong == 'of another user':
        monkeypatch.setattr(cache_folder.os, 'geteuid', lambda: os.getuid() + 1)
    elif wrong == 'a file':
        trap.unlink()
        cache.rmdir()
        cache.touch()
    else:

        def refused(dir=None):
            raise PermissionError(13, 'Permission denied')

        monkeypatch.setattr(cache_folder.tempfile, 'TemporaryFile', refused)
    built = library.built()
    assert built.parent != cache and mode(built.parent) == 0o700 and count(calls) == 2
    assert library.built().parent == built.parent
    sentence = library.not_kept()
    assert sentence.startswith('the kernels are compiled at every start, because ') and str(cache) in sentence


def test_a_folder_beneath_one_that_others_may_write_is_not_used(cache):
    cache.mkdir(parents=True)
    cache.chmod(0o770)
    with pytest.raises(Unsafe, match='others may write .*mode 0770.* give it mode 0700'):
        private_folder(cache / 'jax-0')


def test_compilers_at_once_leave_whole_libraries(cache, compiler):
    compiler('sleep 0.2; ' + WRITES)
    code = 'from autoint_jax.kernels import library; print(library.built())'
    processes = [
        subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    paths = {pathlib.Path(process.communicate()[0].strip()) for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert all(path.read_bytes().startswith(b'library ') for path in paths)
    assert {path.name for path in cache.iterdir()} == {path.name for path in paths}
