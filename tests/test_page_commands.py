"""Every command that a page shows: it names targets, scripts, flags, options and values that exist."""

import re
import shlex
import tomllib

import pytest
from conftest import ROOT
from test_docs import PAGES

BLOCK = re.compile(r'^```(.*?)\n(.*?)^```$', re.DOTALL | re.MULTILINE)
# Programs and lines that are not this project's.
OTHERS = {
    'python -m autoint_jax.serving.triton bundle models',
    "pip install -e '.[tensorboard]'",
    'source .venv/bin/activate',
    'python -m autoint_jax.export.check bundle',
    'tensorboard --logdir=runs',
    'python -m pytest -n 0 tests/models/test_autoint.py',
    'JAX_PLATFORMS=cuda python -m pytest -n 0 tests/models/interacting/test_interacting_pallas.py',
}
# Parses the flags of a script as the script does, then asks for what they choose, and runs nothing.
DOOR = """
import os, runpy, sys
from autoint_jax import command
from autoint_jax.data.datasets import registry
from autoint_jax.models.registry import model_class

script, *arguments = sys.argv[1:]
sys.path[0] = os.path.dirname(script)
sys.argv[1:] = []
names = runpy.run_path(script, run_name='door')
sys.argv = [script, *arguments]
command.parse()
if 'config_flags' in sys.modules:
    model_class(sys.modules['config_flags'].chosen_config().model)
given = command.flags.FLAGS.flag_values_dict()
if given.get('dataset') in registry.DATASETS:
    registry.recipe_name(given['dataset'], given.get('recipe'))
elif 'bars' in names:
    assert given['dataset'] in names['bars'].FIGURES, given['dataset']
elif given.get('dataset') is not None and given['dataset'] not in names.get('SETTINGS', ()):
    assert given['dataset'] == 'csv' and 'schema' in given, given['dataset']
for part in given.get('parts') or []:
    assert part in names['PARTS'], part
if given.get('suite'):
    assert given['suite'] in names['SUITES'], given['suite']
if given.get('sweep'):
    assert 'COMMANDS' not in names or (len(arguments) > 1 and arguments[0] in names['COMMANDS']), arguments
    if os.path.exists(given['sweep']):
        names['sweep_file'].load(names['pathlib'].Path(given['sweep']), names['CONFIGS'])
print('passed')
"""


def commands(page: str) -> list[str]:
    """The lines of a page's blocks of commands, without remarks and what their output goes to."""
    text = (ROOT / page).read_text()
    lines = [line for kind, block in BLOCK.findall(text) if kind in ('', 'bash') for line in block.splitlines()]
    return [re.sub(r'\s+(#|> ).*', '', line) for line in lines]


ALL = sorted({command for page in PAGES for command in commands(page)})
SCRIPTS = re.compile(r'(?:[A-Z_]+=\S+ )?python ((?:scripts|experiments)/\w+\.py)( .*)?')
EXAMPLE_FILES = re.compile(r'python \w+\.py')  # a file that the page itself shows


def test_pages_show_commands():
    assert len(ALL) > 40


@pytest.mark.parametrize('command', [command for command in ALL if not SCRIPTS.fullmatch(command)])
def test_commands_beside_the_scripts(command):
    words = shlex.split(command)
    if command in OTHERS:
        return
    if words[0] == 'make':
        makefile = (ROOT / 'Makefile').read_text()
        for word in words[1:]:
            name, variable, _ = word.partition('=')
            assert (f'$({name})' if variable else f'\n{name}:') in makefile, word
    elif words[:2] == ['pip', 'install']:
        project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
        extras = project['optional-dependencies']
        named = re.fullmatch(r'(?:\.|autoint_jax)\[(\w+)\]', words[-1])
        known = {re.split('[><=]', package)[0] for packages in extras.values() for package in packages}
        assert named[1] in extras if named else words[-1] in known
    else:
        assert EXAMPLE_FILES.fullmatch(command), command


@pytest.mark.parametrize('command', [command for command in ALL if SCRIPTS.fullmatch(command)])
def test_scripts_know_the_flags_and_values(command, forks):
    script, arguments = SCRIPTS.fullmatch(command).groups()
    done = forks.run([str(ROOT / script), *shlex.split(arguments or '')], ROOT, code=DOOR)
    assert done.returncode == 0 and done.stdout.endswith('passed\n'), f'{command}\n{done.stdout}\n{done.stderr}'
