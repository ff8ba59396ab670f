import re

import pytest

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError


def test_an_unknown_option_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="unknown option 'model.num_layer' .*'model.num_layers'"):
        configuration.from_tree({'model': {'num_layer': 3}})


@pytest.mark.parametrize(
    'path, meant',
    [
        ('optimizer.lr', 'optimizer.learning_rate'),
        ('optimizer.wd', 'optimizer.weight_decay'),
        ('training.bs', 'training.batch_size'),
        ('lr', 'optimizer.learning_rate'),
        ('training.learning_rate', 'optimizer.learning_rate'),
        ('training.seed', None),
        ('model.heads', 'model.num_heads'),
        ('optimizer.eps', 'optimizer.epsilon'),
        ('optimizer.beta_1', 'optimizer.b1'),
        ('training.max_epochs', 'training.epochs'),
        ('optimzer.learning_rate', 'optimizer.learning_rate'),
        ('optimizer.zz', None),
    ],
)
def test_the_nearest_option_has_a_similar_last_word_or_these_initials(path, meant):
    with pytest.raises(UsageError) as raised:
        replace(Config(), {path: 1})
    assert re.findall(r"did you mean '(.*)'\?", str(raised.value)) == ([meant] if meant else [])


@pytest.mark.parametrize(
    'path, value, meant',
    [
        ('training.monitor', 'AUC', 'auc'),
        ('training.metrics', ('Logloss',), 'logloss'),
        ('training.not_finite', 'skipp', 'skip'),
        ('optimizer.tables', 'Lazy-Adam', 'lazy_adam'),
        ('optimizer.schedule', 'cos', 'cosine'),
        ('model.kernel_init', 'XAVIER_NORMAL', 'xavier_normal'),
    ],
)
def test_an_unknown_choice_is_named_with_the_nearest_whatever_its_capitals(path, value, meant):
    with pytest.raises(UsageError, match=rf"{path}.* must be one of .*'{meant}'.* \(did you mean '{meant}'\?\)"):
        replace(Config(), {path: value})


def test_a_monitor_is_a_metric_of_which_higher_or_lower_is_better():
    for name in ('calibration', 'group_share', 'aucc'):
        with pytest.raises(UsageError, match=f"training.monitor' is '{name}'") as raised:
            replace(Config(), {'training.monitor': name})
        offered = re.split(', ', str(raised.value).partition('must be one of ')[2])
        assert 'pr_auc' in str(offered) and not {'calibration', 'group_share'} & set(offered)


@pytest.mark.parametrize(
    'path, value',
    [
        ('model.num_layers', '3'),
        ('model.residual', 1),
        ('model.deep_hidden', [1.5]),
        ('optimizer.learning_rate', 'fast'),
        ('training.batch_size', 0),
        ('seed', -1),
        ('optimizer.b1', 1.0),
        ('optimizer.b1', -0.1),
        ('optimizer.b2', 1.0),
        ('optimizer.b2', 1 - 1e-9),
        ('optimizer.epsilon', 1e-60),
        ('optimizer.learning_rate', 1e39),
        ('replicas.learning_rate', [1e-3, 1e39]),
        ('optimizer.decay_factor', 0.5),
        ('optimizer.plateau_patience', 2),
        ('optimizer.plateau_least', 0.1),
        ('optimizer.row_clip_floor', 1e-3),
    ],
)
def test_wrong_values_are_refused(path, value):
    with pytest.raises(UsageError, match=path.replace('.', r'\.')):
        replace(Config(), {path: value})


def test_options_of_a_rule_are_taken_with_the_rule():
    options = {
        'optimizer.schedule': 'step',
        'optimizer.schedule_steps': 100,
        'optimizer.decay_every': 10,
        'optimizer.decay_factor': 0.5,
        'optimizer.plateau_factor': 0.1,
        'optimizer.plateau_patience': 2,
        'optimizer.plateau_least': 0.1,
        'optimizer.row_clip': 1.0,
        'optimizer.row_clip_floor': 1e-3,
        'optimizer.epsilon': 2.0**-126,
    }
    config = replace(Config(), options)
    assert {path: configuration.value(config, path) for path in options} == options


def test_the_whole_configuration_survives_its_record_and_names_itself():
    config = replace(Config(), {'model.deep_hidden': (400, 200), 'optimizer.learning_rate': 3e-4, 'seed': 3})
    assert configuration.from_tree(configuration.to_tree(config)) == config
    assert fingerprint(config) == fingerprint(configuration.from_tree(configuration.to_tree(config)))


def test_different_configurations_have_different_names():
    one = replace(Config(), {'model.deep_hidden': (400, 200)})
    other = replace(Config(), {'model.deep_hidden': (200, 400)})
    assert fingerprint(one) != fingerprint(other)
    assert configuration.difference(one, other) == ['model.deep_hidden: [400, 200] / [200, 400]']


def test_every_option_has_help():
    assert all(leaf.help for leaf in configuration.leaves())


def test_every_option_is_read_somewhere():
    import pathlib

    package = pathlib.Path(configuration.__file__).parents[1]
    code = ''.join(path.read_text() for path in package.rglob('*.py') if path.parent.name != 'config')
    code += (package.parent / 'scripts/train.py').read_text()
    assert [leaf.path for leaf in configuration.leaves() if f'.{leaf.path.split(".")[-1]}' not in code] == []


@pytest.mark.parametrize(
    'option, value, takes',
    [
        (
            'replicas.learning_rate',
            ['1e-3', 'x'],
            r'takes a list of finite numbers, such as \[0.001, 0.01\], as a flag 0.001,0.01',
        ),
        ('model.deep_hidden', ['a'], r'takes a list of whole numbers, such as \[400, 400\], as a flag 400,400'),
        ('data.recipe', 3, 'takes a text'),
        ('model.num_layers', 'one', 'takes a value such as 3'),
    ],
)
def test_a_value_of_another_type_is_refused_with_one_that_is_taken(option, value, takes):
    with pytest.raises(UsageError, match=f'option {option!r} cannot be .*: it {takes}$'):
        configuration.replace(configuration.Config(), {option: value})
