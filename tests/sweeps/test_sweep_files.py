"""What a sweep file says, and what it may not say."""

import pytest
from conftest import ROOT
from sweep_cases import load, values

from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import sweep_file


def test_grid_zip_list_and_seeds_are_combined(tmp_path):
    sweep = load(
        tmp_path,
        """
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
        """,
    )
    options = (
        'model.residual',
        'optimizer.learning_rate',
        'model.deep_hidden',
        'model.num_heads',
        'model.head_dim',
        'model.num_layers',
        'seed',
    )
    assert [values(trial, *options) for trial in sweep.trials] == [
        (False, 1e-3, (), 1, 64, 1, 0),
        (False, 1e-3, (), 1, 64, 1, 1),
        (False, 1e-3, (), 1, 64, 2, 0),
        (False, 1e-3, (), 1, 64, 2, 1),
        (False, 1e-3, (), 4, 16, 1, 0),
        (False, 1e-3, (), 4, 16, 1, 1),
        (False, 1e-3, (), 4, 16, 2, 0),
        (False, 1e-3, (), 4, 16, 2, 1),
        (True, 3e-4, (40, 20), 1, 64, 1, 0),
        (True, 3e-4, (40, 20), 1, 64, 1, 1),
        (True, 3e-4, (40, 20), 1, 64, 2, 0),
        (True, 3e-4, (40, 20), 1, 64, 2, 1),
        (True, 3e-4, (40, 20), 4, 16, 1, 0),
        (True, 3e-4, (40, 20), 4, 16, 1, 1),
        (True, 3e-4, (40, 20), 4, 16, 2, 0),
        (True, 3e-4, (40, 20), 4, 16, 2, 1),
    ]
    assert all(trial.config.training.epochs == 4 for trial in sweep.trials)
    assert sweep.trials[3].id == f'movielens_1m_autoint-{fingerprint(sweep.trials[3].config)}'


def test_a_file_without_parts_is_one_trial_and_a_path_is_a_base(tmp_path):
    (tmp_path / 'own.toml').write_text('[model]\nnum_layers = 2\n')
    (trial,) = load(tmp_path, "base = 'own.toml'\nseeds = [5]\n").trials
    assert trial.id.startswith('own-') and values(trial, 'model.num_layers', 'seed') == (2, 5)


SPACE = '[search.space]\nseed = {low = 1, high = 3}\n'


@pytest.mark.parametrize(
    'text, parts',
    [
        ('[grid]\nmodel.num_layer = [1]\n', ["[grid] has the unknown option 'model.num_layer'", "'model.num_layers'"]),
        ('[options]\ntraining.slice_rows = 64\n', ['training.slice_rows', "renamed to 'execution.slice_rows'"]),
        ('[grid]\nmodel.num_layers = 3\n', ['[grid] model.num_layers = 3', 'list of values']),
        ("[grid]\nmodel.num_layers = [1, '2']\n", ["'model.num_layers' cannot be '2'"]),
        ('[grid]\nmodel.num_layers = []\n', ['[grid] model.num_layers = []']),
        (
            '[zip]\nmodel.num_layers = [1, 2]\nmodel.num_heads = [1]\n',
            ['model.num_layers has 2', 'model.num_heads has 1'],
        ),
        (
            '[grid]\nmodel.num_layers = [1]\n[zip]\nmodel.num_layers = [2]\n',
            ["'model.num_layers' has values in two parts"],
        ),
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
        (
            '[search]\ntrials = 4\n[search.space]\nmodel.variant = {low = 1, high = 3}\n',
            ['model.variant is not a number'],
        ),
        (
            "[search]\ntrials = 4\n[search.space]\nmodel.variant = {choices = ['paper', 'author']}\n",
            ["'model.variant' is 'author'"],
        ),
        ('[search]\ntrials = 4\n[search.space]\nmodel.num_layers = {low = 1}\n', ['low and high']),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, parts):
    with pytest.raises(UsageError) as refused:
        load(tmp_path, f"base = 'movielens_1m_autoint'\n{text}")
    for part in ['depth.toml', *parts]:
        assert part in str(refused.value)


SEARCH = '[search]\ntrials = 4\n'


@pytest.mark.parametrize(
    'text, parts',
    [
        ('[grid]\nmodel.num_layers = [1]\nmodel.num_layers = [2]\n', ['is not a TOML file', 'line 4']),
        ('[grid]\nmodel.num_layers = [1]\n[grid]\nseed = [1]\n', ['is not a TOML file', 'grid']),
        ('[grid]\n', ['[grid] is empty']),
        ('[zip]\n', ['[zip] is empty']),
        ('list = []\n', ['list is empty']),
        ('seeds = []\n', ['seeds = []']),
        ('seeds = true\n', ['seeds = True']),
        ('seeds = [0, true]\n', ['seeds = [0, True]']),
        ("seeds = '3'\n", ["seeds = '3'"]),
        ('seeds = [1.5]\n', ['seeds = [1.5]']),
        ('seeds = -1\n', ['seeds = -1']),
        ('seeds = [-1]\n', ["'seed' is -1"]),
        ('seeds = 1_000_000_000_000\n', ['1000000000000 = 1,000,000,000,000 trials', '10,000', 'fewer']),
        (
            'seeds = 200\n[grid]\nmodel.num_layers = [1, 2, 3]\noptimizer.learning_rate = ['
            + ', '.join(f'{0.001 + rate / 1e6:g}' for rate in range(1000))
            + ']\n',
            ['3 * 1000 * 200 = 600,000 trials'],
        ),
        ('list = 3\n', ['[[list]]']),
        ('list = [3]\n', ['list = 3 must be a table']),
        ('[options]\nmodel = 3\n', ["unknown option 'model'"]),
        ('[options]\nmodel.num_layers = 1979-05-27\n', ["'model.num_layers' cannot be"]),
        ('[options]\nmodel.num_layers = nan\n', ['num_layers']),
        ('[options]\noptimizer.learning_rate = inf\n', ["'optimizer.learning_rate' cannot be inf"]),
        ('[grid]\noptimizer.l2_rows = [nan]\n', ["'optimizer.l2_rows' cannot be nan"]),
        ('[grid]\nmodel.num_layers = {a = 1}\n', ['must be a list of values']),
        ('search = 3\n', ['search = 3 must be a table']),
        (SEARCH.replace('4', '0') + SPACE, ['trials = 0 must be a whole number of at least 1']),
        (SEARCH.replace('4', '4.0') + SPACE, ['trials = 4.0']),
        (SEARCH.replace('4', '1_000_000_000') + SPACE, ['trials = 1000000000 must be at most 10,000']),
        (SEARCH + '[search.space]\n', ["[search] needs 'space'"]),
        (SEARCH + '[search.space]\nseed = {choices = []}\n', ['choices = []']),
        (SEARCH + '[search.space]\nseed = {choices = [{a = 1}]}\n', ['each of choices']),
        (SEARCH + '[search.space]\nseed = {choices = [1979-05-27]}\n', ['each of choices']),
        (SEARCH + '[search.space]\noptimizer.learning_rate = {choices = [1, 1.0]}\n', ['a choice twice']),
        (SEARCH + '[search.space]\noptimizer.learning_rate = {low = 1e-3, high = inf}\n', ['beyond 1e+15']),
        (SEARCH + '[search.space]\noptimizer.learning_rate = {low = nan, high = 1.0}\n', ['low must be below high']),
        (SEARCH + '[search.space]\nseed = {low = 0, high = 99999999999999999999}\n', ['beyond']),
        (
            SEARCH + "pruner = 'hyperband'\nwarmup_evaluations = 999\n" + SPACE,
            ['warmup_evaluations = 999 must be at most'],
        ),
        (SEARCH + "sampler = ['tpe']\n" + SPACE, ["sampler = ['tpe']"]),
        (SEARCH + 'seed = true\n' + SPACE, ['seed = True']),
    ],
)
def test_a_careless_file_is_refused_with_its_key(tmp_path, text, parts):
    with pytest.raises(UsageError) as refused:
        load(tmp_path, f"base = 'movielens_1m_autoint'\n{text}")
    for part in ['depth.toml', *parts]:
        assert part in str(refused.value)
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize(
    'base, part',
    [
        ("'../configs/movielens_1m_lr'", 'has no /'),
        ("''", 'cannot be empty'),
        ('3', 'base = 3 must name'),
        ("'none'", 'there is no configuration'),
        ("'none.toml'", 'there is no configuration'),
        ('"a\\u0000"', 'control'),
        ("'.toml'", 'cannot be named'),
    ],
)
def test_a_base_that_is_none_is_refused(tmp_path, base, part):
    with pytest.raises(UsageError, match='depth.toml: ') as refused:
        load(tmp_path, f'base = {base}\n')
    assert part in str(refused.value)


@pytest.mark.parametrize('name', ['..', '-x', '.hidden', 'a\nb', 'x' * 180])
def test_a_sweep_whose_file_has_no_name_for_a_folder_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match='a sweep cannot be named'):
        load(tmp_path, "base = 'movielens_1m_lr'\n", name=name)


@pytest.mark.parametrize(
    'content, part',
    [(b'base = "\xe9"', 'UTF-8'), (b'\xff\xfeb\0', 'UTF-8'), (b'a = ' + b'[' * 5000, 'TOML'), (b'base', 'TOML')],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path, content, part):
    (tmp_path / 'depth.toml').write_bytes(content)
    for path in (tmp_path / 'depth.toml', tmp_path, tmp_path / 'none.toml', tmp_path / 'depth.toml' / 'x'):
        with pytest.raises(UsageError) as refused:
            sweep_file.load(path, CONFIGS)
        assert (part if path.name == 'depth.toml' else str(path)) in str(refused.value)


@pytest.mark.parametrize('name', sorted(path.stem for path in (ROOT / 'experiments' / 'sweeps').glob('*.toml')))
def test_the_examples_are_right(name):
    sweep = sweep_file.load(ROOT / 'experiments' / 'sweeps' / f'{name}.toml', CONFIGS)
    assert len(sweep.trials) > 1 or sweep.search.trials > 1
