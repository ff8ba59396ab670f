"""Small raw data in MovieLens-1M's format, prepared once for all tests."""

import gc
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from forked_commands import Forks, read_by_imports

ROOT = pathlib.Path(__file__).parents[1]
# Test modules have names of their own, by which they import one another, in processes that they start too.
ROOMS = sorted({str(path.parent) for path in (ROOT / 'tests').rglob('test_*.py')})
sys.path.extend(ROOMS)
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [os.environ.get('PYTHONPATH'), *ROOMS]))
OPTIMIZED = ('JAX_DISABLE_MOST_OPTIMIZATIONS', '0')  # the environment of a process that compiles as users do
# Test files that take more than five seconds, from the longest to the shortest.
LONGEST = (
    'test_kinds.py',
    'test_contract.py',
    'test_replicas.py',
    'test_lost_checkpoints.py',
    'test_run_folders.py',
    'test_commands.py',
    'test_resume.py',
    'test_forms.py',
    'test_table_optimizers.py',
    'test_meshes.py',
    'test_mesh_programs.py',
    'test_ordered_sums.py',
    'test_onnx_models.py',
    'test_request_function.py',
    'test_exported_bundle.py',
    'test_skipping.py',
    'test_doctor.py',
    'test_attention_models.py',
    'test_stopping.py',
    'test_checkpoints.py',
    'test_full_disk.py',
    'test_not_a_number.py',
    'test_randomness.py',
    'test_planted.py',
    'test_click_logs.py',
    'test_interacting_pallas.py',
    'test_run_metrics.py',
    'test_checkpoints_of_meshes.py',
    'test_replica_programs.py',
    'test_search.py',
    'test_benchmarks.py',
    'test_ancestor.py',
    'test_quotes.py',
    'test_training.py',
    'test_trained_runs.py',
    'test_explanations.py',
    'test_traffic.py',
    'test_autoint.py',
    'test_text_dialects.py',
    'test_memory.py',
)
MOST_BYTES = 1_500_000_000  # of a worker that keeps its programs from one module to the next
UNOPTIMIZED = pytest.StashKey[bool]()  # whether programs without optimizations are kept
GENRES = ['Action', 'Comedy', 'Drama', 'Horror', 'Romance', 'War', 'Western']


def pytest_configure(config: pytest.Config) -> None:
    """Keeps compiled programs in a folder of the tests, not in the user's, for this process, its workers and all
    processes of theirs.

    What one test has compiled is read by the others. JAX reads the variables when it is imported.
    """
    if not hasattr(config, 'workerinput'):
        folder = tempfile.TemporaryDirectory(prefix='compiled-')
        config.add_cleanup(folder.cleanup)
        os.environ['JAX_COMPILATION_CACHE_DIR'] = folder.name
        os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'


def pytest_collection_finish() -> None:
    """Leaves what has been imported out of every later garbage collection, and makes these rare."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, so that no worker begins one when the other has no more."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def write_raw(folder: pathlib.Path, *, users: int, movies: int, ratings: int) -> pathlib.Path:
    """Files whose ratings depend on gender and first genre together."""
    rng = random.Random(7)
    folder.mkdir(parents=True)
    genders = {user: rng.choice('MF') for user in range(1, users + 1)}
    (folder / 'users.dat').write_text(
        ''.join(
            f'{user}::{genders[user]}::{rng.choice([1, 18, 25, 35])}::'
            f'{rng.randrange(5)}::{rng.randrange(10000, 10011)}\n'
            for user in genders
        )
    )
    genres = {movie: rng.sample(GENRES, rng.randint(1, 3)) for movie in range(1, movies + 1)}
    (folder / 'movies.dat').write_text(
        ''.join(
            f'{movie}::Film {movie} ({rng.randrange(1925, 2001)})::{"|".join(genres[movie])}\n' for movie in genres
        ),
        encoding='latin-1',
    )
    lines = []
    for number in range(ratings):
        user, movie = rng.randint(1, users), rng.randint(1, movies)
        liked = (genders[user] == 'M') == (genres[movie][0] < 'E')
        rating = rng.choice([4, 5, 5, 3, 2]) if liked else rng.choice([1, 2, 2, 3, 4])
        lines.append(f'{user}::{movie}::{rating}::{956703932 + 977 * number}\n')
    (folder / 'ratings.dat').write_text(''.join(lines))
    return folder


@pytest.fixture(scope='session')
def raw_dir(tmp_path_factory) -> pathlib.Path:
    return write_raw(tmp_path_factory.mktemp('raw') / 'ml-1m', users=101, movies=53, ratings=3011)


@pytest.fixture(scope='session')
def data_dir(tmp_path_factory, raw_dir) -> pathlib.Path:
    from autoint_jax.data.datasets import registry

    folder = tmp_path_factory.mktemp('prepared')
    registry.prepare('movielens_1m', 'autoint_all_rows', raw_dir, folder)
    return folder


@pytest.fixture(scope='session', autouse=True)
def compilation_of_commands() -> None:
    """Processes compile small programs quickly.

    Without XLA's optimizations values differ within rounding; where a test is about users' bits, the process is
    OPTIMIZED.
    """
    import quick_compilation

    quick_compilation.patch()
    os.environ['JAX_DISABLE_MOST_OPTIMIZATIONS'] = '1'


@pytest.fixture(autouse=True)
def commands_start_as_forks() -> Iterator[None]:
    """No test leaves variables of JAX or Python behind: commands of later ones would take seconds each to start."""
    before = read_by_imports(os.environ)
    yield
    assert read_by_imports(os.environ) == before


@pytest.fixture(scope='module', autouse=True)
def programs_of_a_module(request) -> Iterator[None]:
    """Drops the programs of all modules when they fill too much memory, and those without optimizations before a
    module that compiles as users do; what another needs too is read from their folder.
    """
    unoptimized = 'quick_compilation' in request.fixturenames
    if 'jax' in sys.modules and request.config.stash.get(UNOPTIMIZED, unoptimized) and not unoptimized:
        sys.modules['jax'].clear_caches()
    request.config.stash[UNOPTIMIZED] = unoptimized
    yield
    if 'jax' in sys.modules and resident_bytes() > MOST_BYTES:
        sys.modules['jax'].clear_caches()


def resident_bytes() -> int:
    """The memory of this process."""
    return int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.fixture(scope='module')
def quick_compilation():
    """For modules that compile many tiny programs and compare values within rounding."""
    import jax

    jax.config.update('jax_disable_most_optimizations', True)
    yield
    jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture
def optimized():
    """For a test of a module with `quick_compilation` that is about the bits of programs as users compile them."""
    import jax

    jax.config.update('jax_disable_most_optimizations', False)
    yield
    jax.config.update('jax_disable_most_optimizations', True)


@pytest.fixture(scope='session', autouse=True)
def forks(compilation_of_commands: None) -> Iterator[Forks]:
    """Runs commands in forks of a process that has imported what they import.

    Every session has it from its start, so that its environment is that of no test.
    """
    forks = Forks()
    yield forks
    forks.close()


@pytest.fixture
def on_host_devices(forks):
    """Evaluates an expression of a test module `t` in a process of its own with so many forced CPU devices.

    The process compiles quickly, or as users do where a test is about their bits (`optimized`).
    """

    def run(count: int, module: str, expression: str, optimized: bool = False) -> Any:
        code = (
            f'import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); import {module} as t; import jax\n'
            f'print(json.dumps([jax.device_count(), {expression}]))'
        )
        devices = f'--xla_force_host_platform_device_count={count}'
        compilation = dict([OPTIMIZED]) if optimized else {}
        done = forks.run([str(ROOT / 'tests')], ROOT, code=code, XLA_FLAGS=devices, **compilation)
        assert done.returncode == 0, done.stderr
        devices, value = json.loads(done.stdout.splitlines()[-1])
        assert devices == count
        return value

    return run


@pytest.fixture
def command(tmp_path, forks):
    """Runs a script of this project in an empty folder and returns the finished process."""

    def run(script: str, *arguments: str, timeout: int = 240) -> subprocess.CompletedProcess:
        return forks.run([script, *arguments], tmp_path, timeout=timeout)

    return run


def fails(done, *parts):
    """Asserts that a command has failed with a sentence that has these parts."""
    assert done.returncode not in (0, None)
    assert 'Traceback' not in done.stderr, done.stderr
    for part in parts:
        assert part in done.stderr
