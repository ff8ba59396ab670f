"""Every command says its flags, and refuses others and wrong values with one sentence."""

import re

import pytest
from conftest import ROOT

# All commands but torch_baselines.py, which needs PyTorch.
SCRIPTS = sorted(
    f'{path.parent.name}/{path.name}'
    for folder in ('scripts', 'experiments')
    for path in (ROOT / folder).glob('*.py')
    if not path.stem.endswith('_flags')
    and path.stem
    not in ('config_help', 'copies_table', 'local_processes', 'next_steps', 'preparation_report', 'torch_baselines')
)
GIVEN = {
    '--help': 0,
    '-h': 0,
    '--helpfull': 0,
    '--dta_dir=x': 2,
    '--=': 2,
    '--nohelp=3': 2,
    '--verbosity': 2,
    '--verbosity=x': 2,
    '--flagfile=none': 2,
    'one two': 2,
    '--nopdb=x': 2,
    '--pdb=maybe': 2,
}
WRONG = {
    'scripts/train.py --config.optimizer.learning_rate=nan': 'learning_rate=nan must be a finite number',
    'scripts/train.py --config.seed=1e3': "'1e3' is not a whole number",
    'scripts/train.py --config.model.form=heads': 'it was renamed to --config.execution.form',
    'scripts/train.py --config.optimizer.lr=1': "(did you mean 'config.optimizer.learning_rate'?)",
    'scripts/train.py --lr=1': "(did you mean 'config.optimizer.learning_rate'?)",
    'scripts/train.py --config=../x': 'has no /',
    'scripts/train.py --config.seed=' + '9' * 5000: 'config.seed=999',
    'scripts/train.py --config': 'missing value',
    'scripts/train.py --config.model.residual=maybe': "'maybe' is neither true nor false",
    'scripts/sweep.py run --sweep=s --stale_seconds=inf': 'stale_seconds=inf must be',
    'scripts/sweep.py run --sweep=s.toml --workers=999': '--workers=999 is more than',
    'scripts/sweep.py run --workers=99999': 'workers=99999',
    'scripts/benchmark.py --suite=data --batches=²': 'must be whole numbers',
    'scripts/doctor.py --cardinalities=' + '9' * 5000: 'must be numbers of ids',
}
WITHOUT_DATA = {
    f'scripts/{name}.py' for name in ('benchmark', 'compare', 'generate_data', 'launch_local', 'serve', 'update_pages')
}
WITHOUT_DATA |= {
    f'experiments/{name}.py'
    for name in (
        'daily_training',
        'faithfulness',
        'killed_runs',
        'meshes',
        'predict_rate',
        'same_scores',
        'serving_gain',
        'serving_load',
    )
}
WITHOUT_SEEDS = {
    f'experiments/{name}.py'
    for name in (
        *('table1_statistics', 'table3_model_size', 'figure4_run_time', 'tuning', 'replica_cost'),
        *('daily_training', 'killed_runs', 'meshes', 'predict_rate', 'same_scores', 'serving_gain', 'serving_load'),
        *('splits', 'training_rules'),
    )
}
# One script that takes arguments, one that takes none and one experiment; the others have the same door.
GIVEN_ALL = 'scripts/sweep.py', 'scripts/train.py', 'experiments/paper.py'


def given_to(script):
    """{arguments: exit status}: all of GIVEN, or those that say whether a script defines its flags."""
    return GIVEN if script in GIVEN_ALL else {given: GIVEN[given] for given in ('--help', '--dta_dir=x')}


@pytest.fixture(scope='module')
def ran(forks, tmp_path_factory):
    """{(script, arguments): the finished process}, of all scripts, in a folder with nothing but a sweep file."""
    folder = tmp_path_factory.mktemp('empty')
    (folder / 's.toml').write_text("base = 'movielens_1m_lr'\n")
    asked = [(script, given) for script in SCRIPTS for given in given_to(script)]
    asked += [tuple(given.split(' ', 1)) for given in WRONG]
    return {(script, given): forks.run([script, *given.split()], folder) for script, given in asked}


@pytest.mark.parametrize('script', SCRIPTS)
def test_every_command_takes_help_and_refuses_other_flags(ran, script):
    for given, status in given_to(script).items():
        found = ran[script, given]
        assert found.returncode == status, (given, found)
        if status:
            assert (
                found.stderr.startswith('error: ') and found.stderr.count('\n') == 1 and 'Traceback' not in found.stderr
            ), found
    if script not in WITHOUT_DATA:
        assert "no flag 'dta_dir' (did you mean 'data_dir'?)" in ran[script, '--dta_dir=x'].stderr


@pytest.mark.parametrize('script', SCRIPTS)
def test_help_says_what_the_command_does(ran, script):
    said = ran[script, '--help'].stdout
    assert f'python {script}' in said
    assert script in WITHOUT_DATA or '--data_dir' in said.replace('[no]', '')
    if script.startswith('experiments/'):
        assert ('--seeds: ' in said) == (script not in WITHOUT_SEEDS)


@pytest.mark.parametrize('given', WRONG, ids=lambda given: given[:60])
def test_flags_of_wrong_values_are_sentences(ran, given):
    found = ran[tuple(given.split(' ', 1))]
    assert found.returncode == 2 and WRONG[given] in found.stderr, found
    assert len(found.stderr) < 12000 and found.stderr.count('\n') == 1


def test_no_script_starts_but_by_the_door():
    for script in SCRIPTS:
        assert re.search(r'command\.run\(main(, arguments=(1|10_000))?\)', (ROOT / script).read_text()), script
