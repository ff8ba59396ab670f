"""Packages that only some tasks need may be missing: nothing else imports them, and a sentence names them."""

import pathlib
import re
import subprocess
import sys
import tomllib

from conftest import ROOT

from autoint_jax import packages
from autoint_jax.config.configuration import Config
from autoint_jax.diagnosis import versions
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.exits import described
from autoint_jax.training.run_folder import events

# Makes the packages of the first argument missing, then runs a script with the other arguments.
WITHOUT = """
import os, runpy, sys
for name in sys.argv[1].split():
    sys.modules[name] = None
sys.argv = sys.argv[2:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def without(names, *arguments):
    return subprocess.run(
        [sys.executable, '-c', WITHOUT, ' '.join(names), *map(str, arguments)], capture_output=True, text=True
    )


def declared(lines):
    return {re.split(r'[^A-Za-z0-9._-]', line)[0].lower() for line in lines}


def test_every_dependency_is_needed_by_all_or_optional():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    assert project['dependencies'] == ['numpy']  # a scorer without JAX needs no more, beside its own extra
    extras = {name: declared(lines) for name, lines in project['optional-dependencies'].items()}
    train = extras.pop('train')
    optional = {package.distribution.lower() for package in packages.OPTIONAL.values()}
    needed = {name.lower() for name in versions.NEEDED} - {'jaxlib', 'numpy'}
    assert not needed & optional and needed < train
    assert train - needed == optional - set.union(*extras.values())


def test_serving_needs_nothing_of_training_but_flags():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    extras = project['optional-dependencies']
    assert declared(extras['serving']) & declared(extras['train']) == {'absl-py'}


def test_the_requirements_install_everything():
    lines = (ROOT / 'requirements.txt').read_text().splitlines()
    assert lines[-1] == '-e .[train]'
    pinned = declared(line for line in lines if '==' in line)
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    assert declared(project['optional-dependencies']['train']) <= pinned


def test_loading_a_run_without_jax_says_what_to_install(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(
        'import autoint_jax, autoint_jax.errors\n'
        'try:\n    autoint_jax.load("runs/none")\n'
        'except autoint_jax.errors.UsageError as error:\n    print(error)'
    )
    done = without(['jax', 'flax', 'polars'], script)
    assert done.stdout == "this needs the package jax, which cannot be imported: pip install -e '.[train]'\n", (
        done.stderr
    )


def test_a_run_needs_no_optional_package(tmp_path: pathlib.Path):
    script = tmp_path / 'script.py'
    script.write_text(
        'import autoint_jax.training.loop, autoint_jax.training.copies.fitting, autoint_jax.diagnosis.operations\n'
        'import autoint_jax.benchmarks.gpu, autoint_jax.records.comparison, autoint_jax.training.trained\n'
        'from autoint_jax.training.run_folder import events\nprint(events.not_written())'
    )
    done = without(packages.OPTIONAL, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'no TensorBoard events are written, because the package tensorboardX is not installed\n'


def test_a_command_names_the_package_that_it_lacks():
    done = without(['polars'], ROOT / 'scripts/prepare_data.py', '--dataset=movielens_100k')
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == (
        'error: preparing data needs the package polars, which cannot be imported: pip install "polars"\n'
    )
    within = described(ModuleNotFoundError('none', name='backports.zstd'))
    assert within == (
        'reading files packed by Zstandard needs the package backports.zstd, which cannot be imported: '
        'pip install "backports.zstd"',
        1,
    )
    assert described(ModuleNotFoundError('none', name='autoint_jax.nothing')) is None


def test_events_are_left_out_where_their_package_is_missing(monkeypatch, tmp_path):
    assert events.not_written() == ''
    monkeypatch.setattr(events, 'WRITTEN', False)
    evaluation = Evaluation(1, 1.0, 0.5, {'logloss': 0.5, 'auc': 0.5})
    written = events.Events(tmp_path / 'tensorboard')
    written.restart(Config(), [evaluation], [1.0], [None])
    written.add(evaluation, 1.0, 2.0)
    written.test(1, {'auc': 0.5})
    written.close()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_bad_only_where_every_run_needs_it():
    pinned = {'optax': '1.0', 'polars': '2.1.0', 'tensorboardX': '2.6.5', 'pytest': '9.2.0'}
    found = versions.checks(pinned, {'python': '3.12.1'} | dict.fromkeys(pinned), gpu=True)
    assert [(check.verdict, check.text) for check in found[1:]] == [
        ('bad', 'optax is not installed: pip install "optax==1.0"'),
        ('note', 'polars is not installed; preparing data needs it: pip install "polars==2.1.0"'),
        ('note', 'tensorboardX is not installed; runs write no events: pip install "tensorboardX==2.6.5"'),
        ('note', 'pytest is not installed; only development needs it: pip install "pytest==9.2.0"'),
    ]
