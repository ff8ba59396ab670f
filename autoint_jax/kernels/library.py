"""Compiles the C++ kernels once for the CPU of this machine, and registers them with XLA.

The compiled library is kept in the user's cache folder, which must be private (`cache_folder`). Its file name has two
digests. The first is of the sources, the compiler, the processor and jaxlib, so each combination gets its own library.
The second is of the library itself: if the file is damaged or replaced, its digest differs, and the library is compiled
again. If the compiler fails, it is not tried again until one of the things in the first digest changes.
"""

import atexit
import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import jaxlib

from autoint_jax.cache_folder import Unsafe, cache_home, is_private_file, private_folder

SOURCES = pathlib.Path(__file__).parent
HEADERS = pathlib.Path(jaxlib.__file__).parent / 'include'  # the headers of XLA's C interface
HANDLERS = (
    'interacting_forward',
    'interacting_backward',
    'dense_forward',
    'dense_backward',
    'norm_forward',
    'norm_backward',
    'deferred_adam_read',
    'deferred_adam_update',
    'deferred_adam_flush',
    'lazy_adam_update',
    'rowwise_adagrad_update',
    'squared_gradients',
)
FLAGS = (
    '-std=c++17',
    '-O3',
    '-march=native',
    '-ffp-contract=fast',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-fno-signed-zeros',
    '-fPIC',
)
MOST_SECONDS = 600  # that one compilation may take
# If a compiler prints one of these, the machine is short of space or memory: the next start tries again.
PASSING = ('no space left', 'killed', 'out of memory', 'cannot allocate memory', 'disk quota', 'input/output error')


class Unavailable(Exception):
    """The kernels are unavailable on this machine. The message gives the reason and what would help."""


@functools.cache
def library() -> ctypes.CDLL:
    """Returns the library, after its handlers are registered with XLA for the CPU. Raises Unavailable."""
    import jax  # not at the top, so that a compilation can begin before JAX is imported

    _wait()
    path = built()
    try:
        loaded = ctypes.CDLL(str(path))
        handlers = {handler: getattr(loaded, handler) for handler in HANDLERS}
    except (OSError, AttributeError) as error:
        raise Unavailable(
            f'{path} cannot be loaded ({error}): set XDG_CACHE_HOME to a folder from which programs may run'
        ) from None
    for name, handler in handlers.items():
        jax.ffi.register_ffi_target(f'autoint_{name}', jax.ffi.pycapsule(handler), platform='cpu')
    return loaded


@functools.cache
def unavailable() -> str:
    """Returns the reason why the kernels are unavailable, or an empty text if they are available."""
    try:
        library()
    except Unavailable as error:
        return str(error)
    return ''


def not_kept() -> str:
    """Returns a sentence that says why the library cannot be kept between starts, or an empty text if it can."""
    try:
        private_folder(cache_home())
    except Unsafe as error:
        return f'the kernels are compiled at every start, because {error}'
    return ''


# A program that compiles the library. Its argument is the folder of the package.
_PROGRAM = 'import sys; sys.path.insert(0, sys.argv[1]); from autoint_jax.kernels import library; library.built()'


@functools.cache
def begin() -> subprocess.Popen | None:
    """Begins to compile the library in another process, unless it is compiled; `library` waits for that process.

    Returns the process. Returns None if none was started, because the library exists, is unavailable or cannot be kept.
    The process completes the library even if this one ends earlier.
    """
    if not_kept():
        return None
    try:
        if _kept(_compiler()):
            return None
        command = [sys.executable, '-c', _PROGRAM, str(SOURCES.parents[1])]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, Unavailable):  # `library` meets the same error, and reports it
        return None


def _wait() -> None:
    """Waits for the process that `begin` started, if it did."""
    if begin.cache_info().currsize and (process := begin()) is not None:
        process.wait()


def built() -> pathlib.Path:
    """Returns the library's file. It is compiled first (a few seconds) if it does not exist or is damaged.

    Raises Unavailable.
    """
    compiler = _compiler()
    if (kept := _kept(compiler)) is not None:
        return kept
    folder, digest = _folder(), _digest(compiler)
    failure = folder / f'failed-{digest}.txt'
    if is_private_file(failure):
        known = failure.read_text(errors='replace').strip()
        raise Unavailable(f'{known} (found at an earlier start; to try again, delete {failure})')
    return _compiled(compiler, folder, digest, failure)


def _compiler() -> str:
    """Returns the path of the C++ compiler. Raises Unavailable."""
    compiler = next(
        (path for name in (os.environ.get('CXX'), 'g++', 'clang++') if name and (path := shutil.which(name))), None
    )
    if compiler is None:
        raise Unavailable('no C++ compiler was found (g++ or clang++, or the one that CXX names)')
    return compiler


def _kept(compiler: str) -> pathlib.Path | None:
    """Returns the library's file if it exists and is not damaged, else None. Raises Unavailable."""
    digest = _digest(compiler)
    for kept in sorted(_folder().glob(f'kernels-{digest}-*.so')):
        if is_private_file(kept) and kept.stem.endswith(f'-{_content(kept)}'):
            return kept
    return None


def _folder() -> pathlib.Path:
    """Returns the cache folder. If it is not private or cannot be written, returns a temporary folder of this process.

    Raises Unavailable.
    """
    try:
        return private_folder(cache_home())
    except Unsafe as error:
        return _temporary_folder(str(error))


@functools.cache
def _temporary_folder(reason: str) -> pathlib.Path:
    try:
        folder = pathlib.Path(tempfile.mkdtemp(prefix='autoint_jax_'))
    except OSError as error:
        raise Unavailable(f'{reason}, and no temporary folder can be made ({error.strerror})') from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _content(path: pathlib.Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    except OSError:
        return ''


def _digest(compiler: str) -> str:
    try:
        version = subprocess.run(
            [compiler, '--version'], capture_output=True, text=True, errors='replace', timeout=MOST_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f'{compiler} cannot be run ({error})') from None
    cpu = pathlib.Path('/proc/cpuinfo')
    features = (
        [line for line in cpu.read_text().splitlines() if line.startswith(('model name', 'flags', 'Features'))]
        if cpu.exists()
        else []
    )
    parts = [compiler, version, platform.machine(), *sorted(set(features)), jaxlib.__version__, *FLAGS]
    sources = [path.read_bytes() for path in sorted(SOURCES.glob('*.cc')) + sorted(SOURCES.glob('*.h'))]
    return hashlib.sha256(b'\0'.join([part.encode() for part in parts] + sources)).hexdigest()[:16]


def _compiled(compiler: str, folder: pathlib.Path, digest: str, failure: pathlib.Path) -> pathlib.Path:
    """Compiles all sources at once in a temporary folder, then renames the library, so no process loads half of it."""
    sources = sorted(SOURCES.glob('*.cc'))
    try:
        with tempfile.TemporaryDirectory(dir=folder) as aside, ThreadPoolExecutor(len(sources)) as threads:
            made = pathlib.Path(aside) / 'kernels.so'
            objects = [str(made.with_name(f'{source.stem}.o')) for source in sources]
            commands = [
                [compiler, *FLAGS, '-isystem', str(HEADERS), '-c', str(source), '-o', path]
                for source, path in zip(sources, objects, strict=True)
            ]
            for command, done in zip(commands, threads.map(_run, commands), strict=True):
                _check(compiler, done, pathlib.Path(command[-1]), failure)
            _check(compiler, _run([compiler, '-shared', *objects, '-o', str(made)]), made, failure)
            made.chmod(0o700)
            kept = folder / f'kernels-{digest}-{_content(made)}.so'
            os.replace(made, kept)
            return kept
    except subprocess.TimeoutExpired:
        raise Unavailable(f'{compiler} did not compile the kernels within {MOST_SECONDS} seconds') from None
    except OSError as error:
        raise Unavailable(f'{compiler} cannot compile the kernels: {error.strerror} ({folder})') from None


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, errors='replace', timeout=MOST_SECONDS)


def _check(compiler: str, done: subprocess.CompletedProcess, written: pathlib.Path, failure: pathlib.Path) -> None:
    """Raises Unavailable if the compiler failed or did not write its file."""
    if done.returncode or not written.exists():
        raise Unavailable(_failed(compiler, done, failure))


def _failed(compiler: str, done: subprocess.CompletedProcess, failure: pathlib.Path) -> str:
    """Returns a sentence about a compiler that failed. It is kept in `failure` unless the machine may be at fault."""
    first = next((line for line in done.stderr.splitlines() if 'error' in line), 'no error line')
    sentence = f'{compiler} cannot compile the kernels: {first.strip()[:300]}'
    if done.returncode >= 0 and not any(word in done.stderr.lower() for word in PASSING):
        unfinished = failure.with_suffix(f'.{os.getpid()}')
        unfinished.write_text(sentence + '\n')
        unfinished.chmod(0o600)
        os.replace(unfinished, failure)
    return sentence
