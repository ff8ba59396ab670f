"""What tests of the compiled kernels share: a cache folder of their own, and compilers that do what a test says.

Test modules import the fixtures by name.
"""

import stat

import pytest

from autoint_jax.kernels import library

# A compiler that counts beside itself the libraries that it begins, and writes what the test says to be one.
COMPILER = """#!/bin/sh
[ "$1" = --version ] && {{ echo fake 1.0; exit 0; }}
case "$*" in *interacting.cc*) echo call >> {calls} ;; esac
{body}
"""
WRITES = 'while [ "$1" != -o ]; do shift; done; printf "library %s" "$$" > "$2"'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    library._temporary_folder.cache_clear()
    return tmp_path / 'cache/autoint_jax'


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Makes a compiler of a shell script's body; gives the file in which its compilations are counted."""

    def of(body):
        path, calls = tmp_path / 'fake++', tmp_path / 'calls'
        path.write_text(COMPILER.format(calls=calls, body=body))
        path.chmod(0o755)
        monkeypatch.setenv('CXX', str(path))
        return calls

    return of


def count(calls):
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)
