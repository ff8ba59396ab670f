"""What a sweep file says, and what it may not say."""

import pytest
from conftest import ROOT
from sweep_cases import load, values

from autoint_jax import config as configuration
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import sweep_file


def test_grid_zip_list_and_seeds_are_combined(tmp_path):
    sweep = load(tmp_path, """
        base = 'movielens_1m_autoint'
        seeds = 2
        [options]
        training.epochs = 4
        [grid]
        model.num_layers = [1, 2]
        [zip]
        model.num_heads = [1, 4]
        model.head_dim = [64, 16]
        [[list]]
        model.residual = false
        [[list]]
        optimizer.learning_rate = 3e-4
        model.deep_hidden = [40, 20]
        """)
    options = ('model.residual', 'optimizer.learning_rate', 'model.deep_hidden', 'model.num_heads', 'model.head_dim',
               'model.num_layers', 'seed')
    assert [values(trial, *options) for trial in sweep.trials] == [
        (False, 1e-3, (), 1, 64, 1, 0), (False, 1e-3, (), 1, 64, 1, 1), (False, 1e-3, (), 1, 64, 2, 0),
        (False, 1e-3, (), 1, 64, 2, 1), (False, 1e-3, (), 4, 16, 1, 0), (False, 1e-3, (), 4, 16, 1, 1),
        (False, 1e-3, (), 4, 16, 2, 0), (False, 1e-3, (), 4, 16, 2, 1),
        (True, 3e-4, (40, 20), 1, 64, 1, 0), (True, 3e-4, (40, 20), 1, 64, 1, 1), (True, 3e-4, (40, 20), 1, 64, 2, 0),
        (True, 3e-4, (40, 20), 1, 64, 2, 1), (True, 3e-4, (40, 20), 4, 16, 1, 0), (True, 3e-4, (40, 20), 4, 16, 1, 1),
        (True, 3e-4, (40, 20), 4, 16, 2, 0), (True, 3e-4, (40, 20), 4, 16, 2, 1)]
    assert all(trial.config.training.epochs == 4 for trial in sweep.trials)
    assert sweep.trials[3].id == f'movielens_1m_autoint-{configuration.fingerprint(sweep.trials[3].config)}'


def test_a_file_without_parts_is_one_trial_and_a_path_is_a_base(tmp_path):
    (tmp_path / 'own.toml').write_text('[model]\nnum_layers = 2\n')
    trial, = load(tmp_path, "base = 'own.toml'\nseeds = [5]\n").trials
    assert trial.id.startswith('own-') and values(trial, 'model.num_layers', 'seed') == (2, 5)


SPACE = '[search.space]\nseed = {low = 1, high = 3}\n'


@pytest.mark.parametrize('text, parts', [
    ('[grid]\nmodel.num_layer = [1]\n', ["[grid] has the unknown option 'model.num_layer'", "'model.num_layers'"]),
    ('[grid]\nmodel.num_layers = 3\n', ['[grid] model.num_layers = 3', 'list of values']),
    ("[grid]\nmodel.num_layers = [1, '2']\n", ["'model.num_layers' cannot be '2'"]),
    ('[grid]\nmodel.num_layers = []\n', ['[grid] model.num_layers = []']),
    ('[zip]\nmodel.num_layers = [1, 2]\nmodel.num_heads = [1]\n', ['model.num_layers has 2', 'model.num_heads has 1']),
    ('[grid]\nmodel.num_layers = [1]\n[zip]\nmodel.num_layers = [2]\n', ["'model.num_layers' has values in two parts"]),
    ('seeds = 2\n[grid]\nseed = [1]\n', ["'seed' has values in two parts"]),
    ('[grid]\nmodel.num_layers = [1, 1]\n', ['the same trial']),
    ('[grid]\nmodel.mask_width = [8]\n', ["'model.mask_width' is 8, but model 'autoint' does not read it"]),
    ('[grid]\nreplicas.seeds = [4]\n', ["'replicas' have no place"]),
    ('[options]\nmodel.num_heads = 0\n', ["'model.num_heads' is 0"]),
    ('[list]\nmodel.num_heads = 1\n', ['[[list]]']),
    ('grid = 3\n', ['grid = 3 must be a table']),
    ('seeds = 0\n', ['seeds = 0 must be']),
    ('seed = [0]\n', ["unknown part 'seed'", "'seeds'"]),
    ("objective = 'test_auc'\n", ["'test_auc'", 'valid_auc']),
    ('[grid\n', ['is not a TOML file']),
    (f'seeds = 2\n[search]\ntrials = 4\n{SPACE}', ["'seeds' has no place beside it"]),
    ('[search]\n[search.space]\nmodel.num_layers = {low = 1, high = 3}\n', ["[search] needs 'trials'"]),
    ('[search]\ntrials = 4\n', ["[search] needs 'space'"]),
    (f"[search]\ntrials = 4\nsampler = 'grid'\n{SPACE}", ["sampler = 'grid'", 'tpe']),
    (f'[search]\ntrials = 4\nwarmup_evaluations = 2\n{SPACE}', ['warmup_evaluations is for a pruner']),
    (f"[search]\ntrials = 4\nsampler = 'random'\nstartup_trials = 2\n{SPACE}", ['startup_trials is']),
    (f'[search]\ntrials = 4\nstartup = 2\n{SPACE}', ["unknown key 'startup'", "'startup_trials'"]),
    ('[search]\ntrials = 4\n[search.space]\nmodel.num_layers = {low = 1.5, high = 3}\n', ['low = 1.5', 'type int']),
    ('[search]\ntrials = 4\n[search.space]\nmodel.num_heads = {low = 0, high = 3}\n', ["'model.num_heads' is 0"]),
    ('[search]\ntrials = 4\n[search.space]\nmodel.num_layers = {low = 3, high = 1}\n', ['low must be below high']),
    ('[search]\ntrials = 4\n[search.space]\nmodel.variant = {low = 1, high = 3}\n', ['model.variant is no number']),
    ("[search]\ntrials = 4\n[search.space]\nmodel.variant = {choices = ['paper', 'author']}\n", ["'model.variant' is 'author'"]),
    ('[search]\ntrials = 4\n[search.space]\nmodel.num_layers = {low = 1}\n', ['low and high']),
])
def test_a_wrong_file_is_refused(tmp_path, text, parts):
    with pytest.raises(UsageError) as refused:
        load(tmp_path, f"base = 'movielens_1m_autoint'\n{text}")
    for part in ['depth.toml', *parts]:
        assert part in str(refused.value)


@pytest.mark.parametrize('name', sorted(path.stem for path in (ROOT / 'experiments' / 'sweeps').glob('*.toml')))
def test_the_examples_are_right(name):
    sweep = sweep_file.load(ROOT / 'experiments' / 'sweeps' / f'{name}.toml', ROOT / 'experiments' / 'configs')
    assert len(sweep.trials) > 1 or sweep.search.trials > 1
