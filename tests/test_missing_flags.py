"""A command without a flag that it needs says in a sentence what there is and what to do next."""

import re

import pytest
from conftest import ROOT

MISSING = {
    'evaluate': ['say which run: --run_dir=FOLDER', 'no run in runs/', 'scripts/train.py makes one'],
    'explain': ['say which run: --run_dir=FOLDER', 'scripts/train.py makes one'],
    'sweep': ['takes one of: run, status, retry, report, submit', '--sweep=FILE'],
    'sweep run': ['run needs --sweep=FILE', 'docs/sweeps.md', 'experiments/sweeps/movielens_1m_depth.toml'],
    'prepare_data': ['--dataset=movielens_100k|movielens_1m', 'movielens_100k is downloaded', '--infer=TABLE'],
    'prepare_data --dataset=avazu': ['download it from https://www.kaggle.com', '--raw_dir=FOLDER with train'],
    'prepare_data --dataset=csv': ['needs --schema=FILE', '--infer=TABLE'],
    'generate_data': ['--dataset=criteo|avazu|kdd12|movielens_1m', '--raw_dir=FOLDER'],
    'generate_data --dataset=criteo': ['say where to write the files: --raw_dir=FOLDER'],
    'publish_tfds': ['--dataset=movielens_100k|movielens_1m', 'scripts/prepare_data.py prepares it'],
    'train': ['no prepared data', 'run scripts/prepare_data.py --dataset=movielens_100k'],
    'train --config=own_table': ['--config.data.recipe=NAME', 'none; scripts/prepare_data.py --dataset=csv'],
    'train --config=nothing': ['there is no configuration', 'movielens_1m_autoint, '],
}


@pytest.mark.parametrize('given, parts', MISSING.items(), ids=MISSING)
def test_what_is_missing_is_said_with_what_there_is(command, given, parts):
    script, *arguments = given.split()
    done = command(f'scripts/{script}.py', *arguments)
    assert done.returncode == 2 and done.stderr.startswith('error: ') and done.stderr.count('\n') == 1, done.stderr
    for part in parts:
        assert part in done.stderr


def test_runs_and_prepared_data_are_named(command, data_dir, tmp_path):
    for name in ('old', 'new'):
        (tmp_path / 'runs' / name).mkdir(parents=True)
        (tmp_path / 'runs' / name / 'run.json').touch()
    assert '--run_dir=runs/new' in command('scripts/evaluate.py').stderr
    named = command('scripts/publish_tfds.py', f'--data_dir={data_dir}').stderr
    assert named == 'error: say which prepared data: --dataset=movielens_1m --recipe=autoint_all_rows\n'


def test_make_alone_names_all_targets():
    makefile = (ROOT / 'Makefile').read_text()
    first, *others = re.findall(r'^([a-z-]+):', makefile, re.MULTILINE)
    assert first == 'help'
    described = makefile.partition('\nhelp:\n')[2].partition('\n\n')[0]
    for target in others:
        assert f"'make {target} " in described, target
