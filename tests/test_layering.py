"""Imports run one way, and flags stay at the door."""

import ast
import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / 'autoint_jax'
# A part may import itself and what is listed.
ALLOWED = {
    'interruptions': set(), 'errors': {'interruptions'}, 'cache_folder': set(), 'console': set(),
    'names': {'errors'}, 'stored': {'errors'}, 'terminal': {'errors'}, 'command': {'errors', 'interruptions', 'terminal'},
    'schema': set(), 'options': {'errors'}, 'model_config': {'options'}, 'replicas_config': {'options'},
    'config': {'errors', 'options', 'model_config', 'replicas_config'},
    'data': {'errors', 'schema', 'config'}, 'kernels': {'cache_folder'},
    'models': {'errors', 'schema', 'options', 'model_config', 'kernels'},
    'evaluation': {'errors', 'schema', 'config'},
    'training': {'errors', 'cache_folder', 'schema', 'options', 'config', 'kernels', 'data', 'models', 'evaluation'},
    'explain': {'errors', 'schema', 'config', 'data', 'models', 'evaluation', 'training'},
    'diagnosis': {'errors', 'schema', 'config', 'data', 'kernels', 'models', 'evaluation', 'training'},
    'sweeps': {'errors', 'schema', 'config', 'data', 'models', 'evaluation', 'training', 'explain'},
    'benchmarks': {'errors', 'schema', 'config', 'kernels', 'data', 'models', 'evaluation', 'training', 'explain',
                   'sweeps'},
}
# What reads users' files and names may be used by all that may import errors.
READERS = {'console', 'names', 'stored', 'terminal'}
ALLOWED = {part: allowed | (READERS if 'errors' in allowed and part not in {*READERS, 'command'} else set())
           for part, allowed in ALLOWED.items()}
DOOR = 'command'  # where flags are parsed; scripts define them
FILES = sorted(PACKAGE.rglob('*.py'))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


@pytest.mark.parametrize('path', FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_imports_run_downwards(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
    if part == '__init__':
        assert not list(imports(path))
        return
    for name in imports(path):
        if name.startswith('autoint_jax.'):
            assert name.split('.')[1] in ALLOWED[part] | {part}, f'{path} imports {name}'
        assert part == DOOR or not (name.startswith('absl.flags') or name == 'absl.app'), f'{path} knows flags'


def test_importing_everything_touches_no_device():
    modules = ', '.join('autoint_jax.' + '.'.join(path.relative_to(PACKAGE).with_suffix('').parts)
                        for path in FILES if path.name != '__init__.py')
    code = f'import {modules}\nfrom jax._src import xla_bridge\nassert not xla_bridge._backends, xla_bridge._backends'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


SETTINGS = """
import importlib, json, logging, os, random, signal, sys, warnings
import matplotlib, numpy, jax

def settings():
    loggers = {name: log for name, log in logging.root.manager.loggerDict.items() if isinstance(log, logging.Logger)}
    return {
        'matplotlib': {name: str(value) for name, value in dict.items(matplotlib.rcParams)},
        'logging': ({name: (log.level, log.propagate, log.disabled, [str(handler) for handler in log.handlers])
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
print(json.dumps(differing))
"""


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def test_importing_everything_changes_nobodys_settings():
    """Matplotlib, logging, warnings, environment, signals, random states, JAX's options; other packages are imported before."""
    ours = ['.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts) for path in FILES if path.name != '__init__.py']
    optional = ('autoint_jax', 'grain', 'submitit', 'tensorflow_datasets', 'tensorflow', '__future__')
    # Modules, and what is in them.
    named = sorted(name for path in FILES for name in imports(path) if name.split('.')[0] not in optional)
    theirs = [name for name in dict.fromkeys(part for name in named for part in (name.rpartition('.')[0], name) if part)
              if _is_module(name)]
    done = subprocess.run([sys.executable, '-c', SETTINGS, ' '.join(theirs), ' '.join(ours)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_files_are_small():
    sources = FILES + [path for kind in ('*.cc', '*.h') for path in PACKAGE.rglob(kind)]
    assert {str(path): len(path.read_text().splitlines()) for path in sources
            if len(path.read_text().splitlines()) > 250} == {}
