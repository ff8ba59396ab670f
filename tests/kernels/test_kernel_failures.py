"""Kernels that are unavailable: a compiler that fails is tried once, and each failure is one sentence."""

import os
import pathlib

import pytest
from compiler_cases import WRITES, cache, compiler, count, mode  # noqa: F401

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.kernels import library
from autoint_jax.models.interacting import forms
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training import loop
from autoint_jax.training.step import state
from autoint_jax.training.tables import choice


class Said:
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def test_a_compiler_that_fails_is_remembered_until_it_changes(cache, compiler):
    calls = compiler('echo "error: no such option" >&2; exit 1')
    with pytest.raises(library.Unavailable, match='fake.. cannot compile the kernels: error: no such option$'):
        library.built()
    with pytest.raises(
        library.Unavailable, match='no such option .found at an earlier start; to try again, delete .*failed-'
    ):
        library.built()
    assert count(calls) == 1
    (remembered,) = cache.glob('failed-*')
    assert mode(remembered) == 0o600
    remembered.unlink()
    with pytest.raises(library.Unavailable):
        library.built()
    assert count(calls) == 2
    compiler(WRITES.replace('library', 'better'))
    path = pathlib.Path(os.environ['CXX'])
    path.write_text(path.read_text().replace('fake 1.0', 'fake 1.1'))
    assert library.built().read_bytes().startswith(b'better ')


@pytest.mark.parametrize(
    'body, text',
    [
        ('echo "fatal error: Killed signal terminated program" >&2; exit 1', 'Killed'),
        ('echo "error: x.s: No space left on device" >&2; exit 1', 'No space left'),
        ('kill -9 $$', 'no error line'),
        ('printf "error: \\\\377\\\\376" >&2; exit 1; #', 'error'),
        ('exit 0', 'no error line'),
    ],
)
def test_a_compiler_may_fail_in_any_way(cache, compiler, body, text):
    """Those that the machine may be at fault for are tried again."""
    calls = compiler(body)
    for _ in range(2):
        with pytest.raises(library.Unavailable, match=text):
            library.built()
    assert count(calls) == (1 if 'exit 1; #' in body or body == 'exit 0' else 2)
    assert not list(cache.glob('kernels-*'))


def test_a_compiler_that_is_none_is_a_sentence(cache, tmp_path, monkeypatch):
    broken = tmp_path / 'broken++'
    broken.write_bytes(b'\x7fELF nothing')
    broken.chmod(0o755)
    monkeypatch.setenv('CXX', str(broken))
    with pytest.raises(library.Unavailable, match='broken.. cannot be run'):
        library.built()
    monkeypatch.delenv('CXX')
    monkeypatch.setenv('PATH', str(tmp_path / 'empty'))
    with pytest.raises(library.Unavailable, match='no C\\+\\+ compiler was found'):
        library.built()


def test_a_library_that_cannot_be_loaded_is_a_sentence(cache, compiler):
    compiler(WRITES)
    library.library.cache_clear()
    try:
        with pytest.raises(library.Unavailable, match='kernels-.*so cannot be loaded .*: set XDG_CACHE_HOME'):
            library.library()
    finally:
        library.library.cache_clear()


def test_what_is_slower_for_want_of_kernels_is_said(monkeypatch):
    schema, said = Schema((FieldSpec('a', CATEGORICAL, 3),)), []
    for name, tables in (('autoint', 'adam'), ('lr', 'deferred_adam'), ('lr', 'adam')):
        config = replace(Config(), {'model.name': name, 'optimizer.tables': tables})
        for missing, kept in (('no compiler', ''), ('', 'not kept')):
            monkeypatch.setattr(library, 'unavailable', lambda missing=missing: missing)
            monkeypatch.setattr(library, 'not_kept', lambda kept=kept: kept)
            reporter = Said()
            loop.say_what_is_special(state.make_setup(config, schema), 99, reporter)
            said.append(reporter.said)
    missed = ['the compiled kernels are not used: no compiler']
    assert said == [missed, ['not kept'], missed, ['not kept'], [], []]
    assert (
        choice.missed_table_kernel(OptimizerConfig(tables='lazy_adam'), 'xla')
        == ''
        == forms.missed_kernel('heads', Config().model)
    )
