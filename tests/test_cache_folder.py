"""The folder of caches of a user."""

import os
import pathlib

import pytest

from autoint_jax import cache_folder
from autoint_jax.cache_folder import cache_home


@pytest.mark.parametrize(
    'environment, expected',
    [
        ({'XDG_CACHE_HOME': '/somewhere', 'HOME': '/home/me'}, '/somewhere/autoint_jax'),
        ({'XDG_CACHE_HOME': 'relative', 'HOME': '/home/me'}, '/home/me/.cache/autoint_jax'),
        ({'XDG_CACHE_HOME': '', 'HOME': '/home/me'}, '/home/me/.cache/autoint_jax'),
        ({'HOME': '/home/me'}, '/home/me/.cache/autoint_jax'),
        ({'HOME': 'relative'}, f'/autoint_jax-{os.geteuid()}'),
    ],
)
def test_the_folder_of_caches(environment, expected, monkeypatch):
    for name in ('XDG_CACHE_HOME', 'HOME'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_home().is_absolute() and str(cache_home()).endswith(expected)


def test_a_user_without_a_home_has_a_folder_among_temporary_files(monkeypatch):
    def nobody():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(cache_folder.pathlib.Path, 'home', nobody)
    assert cache_home() == pathlib.Path(cache_folder.tempfile.gettempdir(), f'autoint_jax-{os.geteuid()}')
