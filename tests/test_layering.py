"""Imports run one way, and flags stay at the door."""

import ast
import functools
import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / 'autoint_jax'
# Rooms, and single modules beside them, from the lowest to the highest. Each names the rooms that it may import; those
# are above it in this list, so that no circle can be.
ARROWS = {
    'packages': '',
    'interruptions': 'packages',
    'terminal': '',
    'units': '',
    'cores': '',
    'errors': '',
    'exits': 'interruptions packages errors',
    'cache_folder': '',
    'heartbeat': '',
    'console': '',
    'names': 'errors',
    'process_identity': '',
    'unfinished': 'process_identity',
    'stored': 'errors unfinished',
    'stored_records': 'errors stored',
    'bundle': 'errors stored stored_records',
    'schema': '',
    'evaluation': 'errors schema',
    'config': 'errors names stored evaluation',
    'command': 'errors exits interruptions config',
    'kernels': 'cache_folder config',
    'data.text': 'errors',
    'data.raw': 'errors schema data.text',
    'data.store': 'errors names process_identity schema stored',
    'data.encoding': 'errors schema data.raw data.store',
    'data.preparation': 'errors console heartbeat stored data.text data.raw data.store data.encoding',
    'data.datasets.declaration': 'errors schema data.text data.raw data.store data.encoding data.preparation',
    'data.datasets.drafting': 'errors data.text data.raw data.preparation data.datasets.declaration',
    'data.datasets': (
        'errors schema stored data.text data.raw data.store data.encoding data.preparation data.datasets.declaration'
    ),
    'data.generated': 'stored',
    'models.layers': 'errors schema config kernels',
    'models.interacting': 'errors config kernels models.layers',
    'models': 'errors schema config models.layers models.interacting',
    'training.tables': 'errors config kernels models.layers',
    'training.processes': 'errors exits',
    'training.step': (
        'errors schema config data.store models.layers models.interacting models evaluation training.tables '
        'training.processes'
    ),
    'training.checkpoints': 'errors models.layers evaluation training.processes training.step',
    'training.run_folder': (
        'errors packages config unfinished stored stored_records data.store evaluation training.processes training.step'
    ),
    'training.memory': (
        'errors schema config models.layers models training.processes training.step training.checkpoints'
    ),
    'training.inheritance': 'errors schema stored data.store models.layers training.step',
    'training': (
        'errors exits cache_folder console heartbeat schema config kernels data.store models.layers '
        'models.interacting models evaluation training.tables training.processes training.step training.checkpoints '
        'training.run_folder training.inheritance training.memory'
    ),
    'training.copies': (
        'errors config data.store evaluation training.tables training.processes training.step training.run_folder '
        'training.memory training'
    ),
    'scoring': (
        'errors unfinished data.text data.raw data.store data.preparation data.datasets evaluation training.step '
        'training.processes training'
    ),
    'explain': 'errors schema evaluation data.encoding data.store models.layers training.step training.memory training',
    'explain.survey': 'errors schema config evaluation data.store models training.step training explain',
    'report': 'errors stored',
    'report.explanation': 'stored evaluation explain report',
    'serving': 'errors unfinished bundle',
    'export.onnx': 'errors schema bundle data.text data.raw data.encoding data.datasets',
    'export': (
        'errors schema unfinished stored bundle config data.raw data.store data.encoding data.preparation '
        'data.datasets models.layers models.interacting models evaluation training.run_folder training serving '
        'export.onnx'
    ),
    'interface': (
        'errors names schema stored config data.encoding data.store data.preparation data.datasets '
        'data.datasets.declaration training.processes training.run_folder training scoring explain explain.survey'
    ),
    'diagnosis': (
        'errors exits packages schema config kernels data.store models.layers models.interacting evaluation '
        'training.tables training.processes training.step training.checkpoints training.memory training '
        'training.copies'
    ),
    'records': (
        'errors console stored stored_records evaluation config data.store training.run_folder training training.copies'
    ),
    'sweeps': (
        'errors exits names stored stored_records config data.store models evaluation training.step '
        'training.run_folder training training.copies records'
    ),
    'comparison': 'errors config data.store models evaluation training.run_folder sweeps report',
    'leaderboard': (
        'errors names stored stored_records schema config data.store models evaluation training.step '
        'training.run_folder training.memory training records sweeps report comparison'
    ),
    'sweeps.engines': 'interruptions errors exits sweeps',
    'reproduction.paper': (
        'errors schema stored config data.store data.datasets models evaluation explain explain.survey training.step '
        'training.run_folder training records'
    ),
    'reproduction': (
        'errors stored config data.store models evaluation training.step training records reproduction.paper'
    ),
    'benchmarks': (
        'errors stored schema config data.store models.layers models.interacting models evaluation training.tables '
        'training.step training.run_folder training training.copies diagnosis'
    ),
}
# These may be used everywhere below them.
EVERYWHERE = {'cores', 'terminal', 'units'}
ALLOWED = {
    room: set(named.split()) | (EVERYWHERE & set(list(ARROWS)[:number]))
    for number, (room, named) in enumerate(ARROWS.items())
}
DOOR = 'command'  # where flags are parsed; scripts define them
FILES = sorted(PACKAGE.rglob('*.py'))


@functools.cache
def imports(path):
    return tuple(_imports(path))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def room_of(path):
    """The room of a file of the package: its folder, or the module itself if it stands beside the rooms."""
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    return '.'.join(parts[:-1]) or parts[0]


def file_of(name):
    """The file of the package that an imported name is, or is in."""
    path = PACKAGE.joinpath(*name.split('.')[1:]).with_suffix('.py')
    return path if path.exists() else path.parent.with_suffix('.py')


@pytest.mark.parametrize('path', FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_imports_run_downwards(path):
    if path.stem == '__init__':  # that of the package imports what its functions need when they are called
        statements = ast.parse(path.read_text()).body
        assert not [one for one in statements if isinstance(one, ast.Import | ast.ImportFrom)]
        assert path.parent == PACKAGE or not list(imports(path))
        return
    room = room_of(path)
    for name in imports(path):
        if name.startswith('autoint_jax.'):
            assert room_of(file_of(name)) in ALLOWED[room] | {room}, f'{path} imports {name}'
        assert room == DOOR or not (name.startswith('absl.flags') or name == 'absl.app'), f'{path} knows flags'


def test_arrows_run_one_way():
    rooms = list(ARROWS)
    for number, room in enumerate(rooms):
        assert ALLOWED[room] <= set(rooms[:number]), (
            f'{room} may import what stands below it: {ALLOWED[room] - set(rooms[:number])}'
        )


def test_every_arrow_is_used():
    used = {room: set() for room in ARROWS}
    for path in FILES:
        if path.stem != '__init__':
            used[room_of(path)] |= {room_of(file_of(name)) for name in imports(path) if name.startswith('autoint_jax.')}
    assert {room: left for room, named in ARROWS.items() if (left := set(named.split()) - used[room])} == {}


def test_no_room_is_crowded():
    folders = {path.parent for path in FILES}
    assert {
        str(folder): count
        for folder in folders
        if folder != PACKAGE / 'models' and (count := len(list(folder.glob('*.py')))) > 20
    } == {}


SETTINGS = """
import importlib, json, logging, os, random, signal, sys, warnings
import matplotlib, numpy, jax

def settings():
    loggers = {name: log for name, log in logging.root.manager.loggerDict.items() if isinstance(log, logging.Logger)}
    return {
        'matplotlib': {name: str(value) for name, value in dict.items(matplotlib.rcParams)},
        'logging': (
            {name: (log.level, log.propagate, log.disabled, [str(handler) for handler in log.handlers])
             for name, log in loggers.items() if log.level or log.handlers or log.disabled or not log.propagate},
            logging.root.level, [str(handler) for handler in logging.root.handlers], logging.root.manager.disable),
        'warnings': ([str(entry) for entry in warnings.filters], str(warnings.showwarning)),
        'environment': dict(os.environ), 'signals': {each.name: str(signal.getsignal(each)) for each in signal.Signals},
        'random states': (str(random.getstate()), str(numpy.random.get_state()), str(numpy.geterr())),
        'hooks': (str(sys.excepthook), str(sys.displayhook), sys.getrecursionlimit()), 'paths': (sys.path, os.getcwd()),
        'jax': {name: str(value) for name, value in jax.config.values.items()}}

theirs, ours = sys.argv[1].split(), sys.argv[2].split()
for name in theirs:
    importlib.import_module(name)
before = settings()
for name in ours:
    importlib.import_module(name)
after = settings()
differing = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
from jax._src import xla_bridge
print(json.dumps([differing, list(xla_bridge._backends)]))
"""


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def test_importing_everything_changes_nobodys_settings_and_touches_no_device():
    """Matplotlib, logging, warnings, environment, signals, random states, JAX's options; other packages are imported
    before.
    """
    ours = [
        '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts) for path in FILES if path.name != '__init__.py'
    ]
    optional = ('autoint_jax', 'grain', 'submitit', 'ray', 'tensorflow_datasets', 'tensorflow', '__future__')
    # Modules, and what is in them.
    named = sorted(name for path in FILES for name in imports(path) if name.split('.')[0] not in optional)
    theirs = [
        name
        for name in dict.fromkeys(part for name in named for part in (name.rpartition('.')[0], name) if part)
        if _is_module(name)
    ]
    done = subprocess.run(
        [sys.executable, '-c', SETTINGS, ' '.join(theirs), ' '.join(ours)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [{}, []]


def test_files_are_small():
    sources = FILES + [path for kind in ('*.cc', '*.h') for path in PACKAGE.rglob(kind)]
    assert {
        str(path): len(path.read_text().splitlines()) for path in sources if len(path.read_text().splitlines()) > 255
    } == {}
