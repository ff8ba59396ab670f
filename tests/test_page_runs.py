"""Commands of the pages do what they say, on small data; their flags alone are tested in test_page_commands.py."""

import re
import shlex
import shutil

import pytest
from test_page_commands import ALL, SCRIPTS

from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.datasets.movielens_rows import joined

pytestmark = pytest.mark.slow
# {script: arguments behind those of a page, which make it small}
SMALL = {
    'scripts/train.py': '--config.training.epochs=1 --config.training.batch_size=64 --config.model.head_dim=4 '
    '--config.model.embedding_dim=4',
    'scripts/evaluate.py': '',
    'scripts/predict.py': '',
    'scripts/export.py': '',
    'scripts/explain.py': '',
    'scripts/generate_data.py': '--rows=500',
    'scripts/prepare_data.py': '',
    'scripts/doctor.py': '',
}
# Commands that need data which is not there, or are run as examples of their page or by tests of what they do;
# benchmark.py, and doctor.py where it checks this machine, have tests of their own.
ELSEWHERE = (
    'movielens_100k',
    '--config=own_table',
    'runs/visits',
    '--schema=',
    '--extend_from=',
    '--infer=',
    '--dataset=criteo --raw_dir',
    'data.dataset=criteo',
    '--crosses=',
    'autoint_all_rows_best',
    'frappe_x1',
)


def small_commands():
    """The commands that are run here."""
    for command in ALL:
        match = SCRIPTS.fullmatch(command)
        if match and match[1] in SMALL and not any(words in command for words in ELSEWHERE):
            if match[1] != 'scripts/doctor.py' or '--devices=' in command:
                yield command


@pytest.fixture(scope='module')
def run_dir(data_dir, tmp_path_factory, forks):
    folder = tmp_path_factory.mktemp('trained')
    arguments = ['--config=movielens_1m_autoint', *SMALL['scripts/train.py'].split(), f'--data_dir={data_dir}']
    done = forks.run(['scripts/train.py', *arguments, '--run_dir=run'], folder)
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder / 'run', folder / 'run_2')  # RUN_DIR_2 of the pages
    return folder / 'run'


@pytest.mark.parametrize('command', list(small_commands()))
def test_commands_of_the_pages_run(command, forks, data_dir, raw_dir, run_dir, tmp_path):
    environment = dict(re.findall(r'^([A-Z_]+)=(\S+)', command))
    script, arguments = SCRIPTS.fullmatch(command).groups()
    arguments = [
        argument.replace('RUN_DIR', str(run_dir)).replace('FOLDER', str(raw_dir if 'prepare' in script else tmp_path))
        for argument in shlex.split(arguments or '')
    ]
    if script == 'scripts/predict.py':
        joined(read_1m(raw_dir)).write_csv(tmp_path / 'new.csv')
    if script in ('scripts/train.py', 'scripts/evaluate.py', 'scripts/explain.py'):
        arguments.append(f'--data_dir={data_dir}')
    if any('replicas.seeds' in argument for argument in arguments):
        arguments.append('--config.replicas.seeds=2')
    done = forks.run([script, *arguments, *SMALL[script].split()], tmp_path, **environment)
    assert done.returncode == 0, f'{done.stdout}\n{done.stderr}'
    if script == 'scripts/predict.py':
        assert 'scores of 3,011 rows' in done.stdout
    if script == 'scripts/train.py':
        named = '--run_dir=' in command
        assert list(run_dir.parent.glob('run/result.json') if named else (tmp_path / 'runs').glob('*/result.json'))
