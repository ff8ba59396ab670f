"""Preparation as a user runs it: generate, prepare, train; mistakes in one clear sentence."""

import pytest

QUICK = ['--config=movielens_1m_fm', '--config.training.epochs=1', '--config.training.batch_size=64', '--run_dir=run']


def test_a_generated_log_is_prepared_beside_the_papers_figures(command, tmp_path):
    assert command('scripts/generate_data.py', '--dataset=avazu', '--rows=2000', '--raw_dir=raw').returncode == 0
    done = command('scripts/prepare_data.py', '--dataset=avazu', '--raw_dir=raw')
    assert done.returncode == 0, done.stderr
    assert '40,428,967' in done.stdout and 'rows/s' in done.stdout
    assert 'already prepared' in command('scripts/prepare_data.py', '--dataset=avazu', '--raw_dir=raw').stdout
    done = command('scripts/prepare_data.py', '--dataset=avazu', '--raw_dir=raw', '--recipe=bars')
    assert done.returncode == 0 and '40,428,967' not in done.stdout


def test_from_a_table_of_ones_own_to_a_trained_model_by_a_draft_alone(command, tmp_path):
    rows = [
        f'{row % 83},{"<=50K" if (row % 5 > 2) == (row % 7 > 3) else ">50K"},'
        f'c{row % 5},d{row % 7},"t{row % 3},t{row % 4}"'
        for row in range(1200)
    ]
    (tmp_path / 'census.csv').write_text('\n'.join(['age,income,city,job,tags', *rows, '1,2']) + '\n')
    done = command('scripts/prepare_data.py', '--infer=census.csv')
    assert done.returncode == 0, done.stderr
    (tmp_path / 'census.yaml').write_text(done.stdout)
    done = command('scripts/prepare_data.py', '--dataset=csv', '--schema=census.yaml')
    assert done.returncode == 0, done.stderr
    assert '1 row could not be parsed' in done.stdout and 'census.csv line 1202: it has 2 columns, not 5' in done.stdout
    done = command('scripts/train.py', *QUICK, '--config.data.dataset=csv', '--config.data.recipe=census')
    assert done.returncode == 0, done.stderr
    assert 'test AUC' in done.stdout


@pytest.mark.parametrize(
    'arguments, parts',
    [
        (['--dataset=criteo'], ['--raw_dir']),
        (['--dataset=criteo', '--raw_dir=.'], ['train.txt does not exist']),
        (['--dataset=avasu'], ["unknown data set 'avasu'", "did you mean 'avazu'"]),
        (
            ['--dataset=criteo_x4', '--raw_dir=.'],
            ['BARS calls criteo_x4 are --dataset=criteo --recipe=bars', 'avazu_x1'],
        ),
        (['--dataset=kdd12', '--recipe=bar', '--raw_dir=.'], ["no recipe 'bar'", "did you mean 'bars'"]),
        (['--dataset=csv'], ['--schema']),
        (
            ['--dataset=csv', '--schema=none.yaml'],
            ['none.yaml does not exist: name the YAML or', '--infer=TABLE prints'],
        ),
        (['--dataset=csv', '--schema=.'], ['--schema=. is a folder: name the YAML or JSON file']),
        (['--infer=none.csv'], ['none.csv does not exist: name a file of your table']),
        (['--infer=none.csv', '--dataset=csv'], ['leave out --dataset']),
        (['--infer=none.csv', '--extend_from=day1'], ['leave out --extend_from']),
        (['--dataset=criteo', '--raw_dir=.', '--extend_from=none'], ['--extend_from=none is no prepared data']),
        (
            ['--dataset=csv', '--schema=none.yaml', '--recipe=bars'],
            ['--dataset=csv does not read --recipe, so leave it out'],
        ),
        (
            ['--dataset=criteo', '--raw_dir=.', '--schema=none.yaml'],
            ['--dataset=criteo does not read --schema', '--dataset=csv is'],
        ),
    ],
)
def test_mistakes(command, arguments, parts):
    done = command('scripts/prepare_data.py', *arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    for part in parts:
        assert part in done.stderr


def test_generated_files_never_replace_real_ones_unasked(command, tmp_path):
    (tmp_path / 'ratings.dat').write_text('real')
    arguments = ('scripts/generate_data.py', '--dataset=movielens_1m', '--rows=300', '--raw_dir=.')
    done = command(*arguments)
    assert done.returncode == 2 and 'ratings.dat exists already' in done.stderr and '--overwrite' in done.stderr
    assert (tmp_path / 'ratings.dat').read_text() == 'real' and not (tmp_path / 'users.dat').exists()
    assert command(*arguments, '--overwrite').returncode == 0 and (tmp_path / 'users.dat').exists()


def test_generator_mistakes(command):
    for arguments in (['--dataset=criteoo'], ['--dataset=criteo'], ['--dataset=criteo', '--raw_dir=x', '--rows=0']):
        done = command('scripts/generate_data.py', *arguments)
        assert done.returncode == 2 and 'Traceback' not in done.stderr and done.stderr.startswith('error: ')
