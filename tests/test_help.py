"""The short help of scripts/train.py: groups of flags, with the options of the chosen model first."""

import re

import pytest

from autoint_jax.config import configuration
from autoint_jax.models.read_options import options_of
from autoint_jax.models.registry import MODELS

GROUPS = [
    'run',
    'data',
    'model hofm',
    'options of other models',
    'optimizer',
    'training',
    'execution',
    'mesh',
    'replicas',
]


@pytest.mark.parametrize('name', MODELS)
def test_options_found_in_the_source_are_those_of_the_model(name):
    assert options_of(name) == MODELS[name].OPTIONS


def test_help_has_groups_and_the_values_of_the_chosen_configuration(command):
    done = command('scripts/train.py', '--help', '--config=movielens_1m_hofm', '--config.optimizer.learning_rate=0.25')
    assert done.returncode == 0, done.stderr
    said = done.stdout[done.stdout.index('\nrun\n') + 1 :]
    titles = [line.partition(',')[0] for line in said.splitlines() if line and not line.startswith(' ')]
    assert titles == GROUPS and said.count('\n') < 160

    parts = dict(zip(titles, (part for part in re.split(r'\n\n|\A', said) if part), strict=True))
    assert re.findall(r'--config\.model\.(\w+)=', parts['model hofm']) == sorted(
        ['name', *MODELS['hofm'].OPTIONS], key=_place
    )
    assert 'num_heads' in parts['options of other models'] and 'order' not in parts['options of other models']
    assert re.search(
        r'^  --config\.optimizer\.learning_rate=0\.25  +learning rate of both optimizers$',
        parts['optimizer'],
        re.MULTILINE,
    )
    assert '--config=movielens_1m_hofm' in parts['run'] and '--config.seed=0' in parts['run']


def test_helpfull_has_every_option(command):
    said = command('scripts/train.py', '--helpfull').stdout
    assert [leaf.path for leaf in configuration.leaves() if f'config.{leaf.path}:' not in said] == []


def test_help_refuses_a_wrong_model(command):
    done = command('scripts/train.py', '--config.model.name=fmm', '--help')
    assert done.returncode == 2 and "unknown model 'fmm' (did you mean 'fm'?)" in done.stderr


def _place(option):
    """Returns the place of an option of models among all options."""
    return [leaf.path for leaf in configuration.leaves()].index(f'model.{option}')
