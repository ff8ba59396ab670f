"""Compiles the C++ kernels for this machine's CPU, once, and registers them with XLA.

The library lies in the user's cache folder under a name made from the sources, the compiler, the processor and jaxlib, so
another machine, compiler or version gets its own.
"""

import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

import jax

SOURCES = pathlib.Path(__file__).parent
HANDLERS = ('interacting_forward', 'interacting_backward', 'deferred_adam_read', 'deferred_adam_update',
            'deferred_adam_flush', 'lazy_adam_update', 'rowwise_adagrad_update')
FLAGS = ('-std=c++17', '-O3', '-march=native', '-ffp-contract=fast', '-fno-math-errno', '-fno-trapping-math', '-fno-signed-zeros',
         '-shared', '-fPIC')


class Unavailable(Exception):
    """The kernels cannot be had on this machine; the text says why and what would help."""


@functools.cache
def library() -> ctypes.CDLL:
    """The library, its handlers registered with XLA for the CPU. Raises Unavailable."""
    path = built()
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f'{path} cannot be loaded ({error}); delete it') from None
    for handler in HANDLERS:
        jax.ffi.register_ffi_target(f'autoint_{handler}', jax.ffi.pycapsule(getattr(loaded, handler)), platform='cpu')
    return loaded


def built() -> pathlib.Path:
    """The library's file, compiled if it is not there yet (a few seconds). Raises Unavailable."""
    compiler = next((path for name in (os.environ.get('CXX'), 'g++', 'clang++') if name and (path := shutil.which(name))), None)
    if compiler is None:
        raise Unavailable('no C++ compiler was found (g++ or clang++, or the one that CXX names)')
    path = _folder() / f'kernels-{_digest(compiler)}.so'
    if not path.exists():
        _compile(compiler, path)
    return path


@functools.cache
def unavailable() -> str:
    """Why the kernels cannot be had, or an empty text where they can."""
    try:
        library()
    except Unavailable as error:
        return str(error)
    return ''


def _folder() -> pathlib.Path:
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = pathlib.Path(home) / 'autoint_jax'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return pathlib.Path(tempfile.mkdtemp(prefix='autoint_jax_'))  # of this process alone; never load a file others can write


def _digest(compiler: str) -> str:
    version = subprocess.run([compiler, '--version'], capture_output=True, text=True).stdout
    cpu = pathlib.Path('/proc/cpuinfo')
    features = [line for line in cpu.read_text().splitlines() if line.startswith(('model name', 'flags', 'Features'))] if cpu.exists() else []
    parts = [version, platform.machine(), *sorted(set(features)), jax.lib.__version__, *FLAGS]
    sources = [path.read_bytes() for path in sorted(SOURCES.glob('*.cc')) + sorted(SOURCES.glob('*.h'))]
    return hashlib.sha256(b'\0'.join([part.encode() for part in parts] + sources)).hexdigest()[:16]


def _compile(compiler: str, path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # renamed when complete, so that no process loads a half-written one
        built = pathlib.Path(folder) / path.name
        done = subprocess.run([compiler, *FLAGS, '-isystem', jax.ffi.include_dir(), *map(str, sorted(SOURCES.glob('*.cc'))), '-o', str(built)],
                              capture_output=True, text=True)
        if done.returncode:
            first = next((line for line in done.stderr.splitlines() if 'error' in line), 'no error line')
            raise Unavailable(f'{compiler} does not compile the kernels: {first}')
        os.replace(built, path)
