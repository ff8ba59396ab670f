"""Imports run one way, and flags stay at the door."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / 'autoint_jax'
# A part may import itself and what is listed.
ALLOWED = {
    'errors': set(), 'names': {'errors'}, 'stored': {'errors'}, 'terminal': {'errors'}, 'command': {'errors', 'terminal'},
    'schema': set(), 'options': {'errors'}, 'model_config': {'options'}, 'replicas_config': {'options'},
    'config': {'errors', 'options', 'model_config', 'replicas_config'},
    'data': {'errors', 'schema', 'config'}, 'kernels': set(), 'models': {'errors', 'schema', 'options', 'model_config', 'kernels'},
    'evaluation': {'errors', 'schema', 'config'},
    'training': {'errors', 'schema', 'options', 'config', 'kernels', 'data', 'models', 'evaluation'},
    'explain': {'errors', 'schema', 'config', 'data', 'models', 'evaluation', 'training'},
    'diagnosis': {'errors', 'schema', 'config', 'data', 'kernels', 'models', 'evaluation', 'training'},
    'sweeps': {'errors', 'schema', 'config', 'data', 'models', 'evaluation', 'training', 'explain'},
    'benchmarks': {'errors', 'schema', 'config', 'kernels', 'data', 'models', 'evaluation', 'training', 'explain',
                   'sweeps'},
}
# What reads users' files and names may be used by all that may import errors.
ALLOWED = {part: allowed | ({'names', 'stored', 'terminal'} if 'errors' in allowed and part not in ('names', 'stored', 'terminal', 'command') else set())
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


def test_files_are_small():
    sources = FILES + [path for kind in ('*.cc', '*.h') for path in PACKAGE.rglob(kind)]
    assert {str(path): len(path.read_text().splitlines()) for path in sources
            if len(path.read_text().splitlines()) > 250} == {}
