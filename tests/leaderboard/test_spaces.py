"""The spaces of models, and the trials that are drawn from them."""

import dataclasses

import numpy as np
import pytest
from conftest import ROOT

from autoint_jax.config import configuration
from autoint_jax.config.replicas_config import OF_COPIES
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard import spaces
from autoint_jax.leaderboard.draws import OF_A_SHAPE, drawn, quantiles, value_at
from autoint_jax.models.registry import MODELS, model_class
from autoint_jax.sweeps.groups import shape_key
from autoint_jax.sweeps.search_space import Choices, Range

FILE = ROOT / 'experiments' / 'leaderboards' / 'spaces.toml'
SHARED = """[shared]
optimizer.learning_rate = {low = 1e-3, high = 1e-1, log = true}
model.embedding_dim = {choices = [2, 4]}
"""


def accepted(config):
    model_class(config.model)
    return ''


def written(tmp_path, text):
    path = tmp_path / 'mine.toml'
    path.write_text(text)
    return path


@pytest.fixture(scope='module')
def all_spaces():
    return spaces.load(FILE, {}, None)


def test_every_model_has_a_space_of_two_to_four_options_of_its_own(all_spaces):
    assert {space.config.model.name for space in all_spaces.values()} == set(MODELS)
    assert {name: len(space.own) for name, space in all_spaces.items() if not 2 <= len(space.own) <= 4} == {'lr': 1}
    for space in all_spaces.values():
        assert list(space.options)[:2] == ['optimizer.learning_rate', 'optimizer.l2_rows']


def test_all_models_try_the_same_values_of_shared_options(all_spaces):
    tried = {name: drawn(space, 16, 0, accepted) for name, space in all_spaces.items()}
    for option in ('optimizer.learning_rate', 'optimizer.l2_rows', 'model.embedding_dropout'):
        values = {
            name: [configuration.value(config, option) for config in configs]
            for name, configs in tried.items()
            if option in all_spaces[name].options
        }
        assert len(values) >= len(MODELS) - 2 and all(one == values['fm'] for one in values.values() if 'fm' in values)
    for name, configs in tried.items():
        assert len({dataclasses.replace(config) for config in configs}) == 16
        shapes = [shape_key(config) for config in configs]
        assert all(len(set(shapes[first : first + OF_A_SHAPE])) == 1 for first in range(0, 16, OF_A_SHAPE)), name
        assert drawn(all_spaces[name], 16, 0, accepted) == configs


@pytest.mark.parametrize(
    'part', [Range(1e-4, 1e-2, log=True), Range(0.1, 0.7), Range(1, 8), Choices(tuple(range(8)))], ids=str
)
def test_every_part_of_a_range_is_used_once(part):
    values = [value_at(part, place) for place in quantiles('optimizer.learning_rate', 8, seed=3)]
    if isinstance(part, Choices) or isinstance(part.low, int):
        assert sorted(values) == list(part.ends() if isinstance(part, Choices) else range(1, 9))
        return
    scale = np.log if part.log else np.asarray
    cells = 8 * (scale(values) - scale(part.low)) / (scale(part.high) - scale(part.low))
    assert sorted(np.floor(cells)) == list(range(8)), values
    assert values != [value_at(part, place) for place in quantiles('optimizer.learning_rate', 8, seed=4)]


def test_a_shape_that_is_refused_is_drawn_again_and_one_without_end_is_an_error(tmp_path):
    path = written(tmp_path, SHARED + '[models.fm]\n')
    space = spaces.load(path, {}, None)['fm']
    configs = drawn(space, 9, 0, lambda config: 'it is wide' if config.model.embedding_dim > 2 else '')
    assert {config.model.embedding_dim for config in configs} == {2} and len(configs) == 9
    with pytest.raises(
        UsageError,
        match=r'/mine.toml: \[models.fm\] gave no trial in 200 draws, the last because it is wide: .*most_parameters$',
    ):
        drawn(space, 9, 0, lambda config: 'it is wide')


def test_options_that_exclude_each_other_are_named_with_the_file(tmp_path):
    """More parameters would not help, so the error does not offer them."""
    path = written(tmp_path, SHARED + '[models.hofm]\nspace.model.order = {choices = [3, 4]}\n')
    space = spaces.load(path, {}, None)['hofm']

    def refused(config):
        raise UsageError(f"option 'model.order' is {config.model.order}, but the table has two fields")

    with pytest.raises(UsageError, match=r'/mine.toml: \[models.hofm\] .* two fields: give its space values that can'):
        drawn(space, 9, 0, refused)


def test_a_model_is_searched_by_what_it_reads_and_own_ranges_replace_shared_ones(tmp_path):
    text = SHARED + (
        '[fixed]\ntraining.epochs = 3\n[models.lr]\n[models.deep]\noptions.model.name = "dnn"\n'
        'space.model.deep_hidden = {choices = [[4], [8]]}\nspace.model.embedding_dim = {choices = [6]}\n'
    )
    found = spaces.load(written(tmp_path, text), {'training.batch_size': 7}, ['deep', 'lr'])
    assert list(found) == ['deep', 'lr'] and list(found['lr'].options) == ['optimizer.learning_rate']
    assert found['deep'].options['model.embedding_dim'] == Choices((6,)) and found['deep'].config.model.name == 'dnn'
    assert (found['lr'].config.training.epochs, found['lr'].config.training.batch_size) == (3, 7)
    assert found['lr'].tree() == {
        'options': {'model.name': 'lr', 'training.batch_size': 7, 'training.epochs': 3},
        'space': {'optimizer.learning_rate': {'low': 1e-3, 'high': 1e-1, 'log': True}},
    }
    assert set(OF_COPIES.values()) >= {'optimizer.learning_rate'} and set(OF_COPIES.values()).isdisjoint({'model.name'})


def test_fixed_options_are_those_of_the_models_that_read_them_and_own_options_replace_them(tmp_path):
    text = (
        '[fixed]\nmodel.num_heads = 4\nmodel.embedding_stddev = 0.5\n[shared]\n'
        'optimizer.learning_rate = {low = 1e-3, high = 1e-1, log = true}\n'
        '[models.lr]\n[models.fm]\n[models.autoint]\noptions.model.embedding_stddev = 0.1\n'
    )
    found = spaces.load(written(tmp_path, text), {}, None)
    assert [found[name].tree()['options'] for name in ('lr', 'fm', 'autoint')] == [
        {'model.name': 'lr'},
        {'model.name': 'fm', 'model.embedding_stddev': 0.5},
        {'model.num_heads': 4, 'model.embedding_stddev': 0.1},
    ]


@pytest.mark.parametrize(
    ('text', 'names', 'parts'),
    [
        ('[models.dnn]\n', ['dn'], ["there is no space of model 'dn' (did you mean 'dnn'?)"]),
        ('[models.fm]\n', ['fm', 'fm'], ["model 'fm' is named twice"]),
        ('[models.dnnn]\n', None, ["[models.dnnn] is of the unknown model 'dnnn' (did you mean 'dnn'?)"]),
        ('[models.fm]\nspce = 1\n', None, ["[models.fm] has the unknown key 'spce'"]),
        ('[models.lr]\nspace.model.order = {low = 2, high = 3}\n', None, ["'model.order'", "model 'lr' does not read"]),
        (
            '[models.hofm]\nspace.model.order = {low = 1, high = 3}\n',
            None,
            ['mine.toml: [models.hofm.space]', "'model.order' is 1", 'at least 2'],
        ),
        (
            '[models.fm]\noptions.model.combiner = "median"\n',
            None,
            ["mine.toml: [models.fm.options] option 'model.combiner' is 'median'"],
        ),
        (
            '[fixed]\nmodel.combiner = "median"\n[models.fm]\n',
            None,
            ["mine.toml: [fixed] option 'model.combiner' is 'median'"],
        ),
        ('', None, ['mine.toml: the file has no model: give each model a table [models.NAME]']),
        ('[models]\n', ['fm'], ['the file has no model']),
        ('[models.fm]\nspace.seed = {low = 1, high = 3}\n', None, ["'seed' cannot be searched"]),
        (
            '[models.fm]\nspace.model.embedding_dim = {low = 9, high = 3}\n',
            None,
            ['[models.fm.space]', 'low must be below'],
        ),
        ('[fixed]\nreplicas.seeds = 2\n[models.fm]\n', None, ["[fixed] has the option 'replicas.seeds'", 'decides']),
        ('[models.fm]\noptions.data.recipe = "x"\n', None, ["[models.fm.options] has the option 'data.recipe'"]),
        ('[models.fm]\noptions.training.epochs = 9\n', None, ['[models.fm.options]', "'training.epochs'", '[fixed]']),
        ('[models.fm]\nspace.training.epochs = {low = 1, high = 9}\n', None, ["'training.epochs' cannot be searched"]),
        ('[fixed]\noptimizer.learning_rate = 0.1\n[models.fm]\n', None, ['[shared] searches', '[fixed] has']),
        (
            '[fixed]\nmodel.combiner = "sum"\n[models.fm]\nspace.model.combiner = {choices = ["sum", "mean"]}\n',
            None,
            ["'model.combiner' cannot be searched"],
        ),
        ('[fixed]\nmodel.num_heads = 2\n[models.lr]\n[models.fm]\n', None, ["'model.num_heads', which none of lr, fm"]),
        ('[share]\n[models.fm]\n', None, ["unknown part 'share' (did you mean 'shared'?)"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path, text, names, parts):
    with pytest.raises(UsageError) as caught:
        spaces.load(written(tmp_path, SHARED * ('[share]' not in text) + text), {}, names)
    assert all(part in str(caught.value) for part in ('mine.toml', *parts)), caught.value
