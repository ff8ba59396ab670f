"""The tables of BARS with given splits, on generated files of their columns in both forms, and a run on one."""

import numpy as np
import pytest
from conftest import fails
from run_cases import Told

from autoint_jax.config.configuration import load, replace
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.datasets.bars_tables import COLUMNS, TABLES
from autoint_jax.data.datasets.registry import prepare
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, NUMERIC
from autoint_jax.training.loop import fit


def write(folder, name, rows):
    """Writes so many rows of each split as files with a header, and the same rows as files of libfm."""
    numeric, categorical = COLUMNS[name]
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count in zip(('train', 'valid', 'test'), rows, strict=True):
        lines, pairs = [','.join(['label', *numeric, *categorical])], []
        for _ in range(count):
            ids, x = rng.integers(0, 5, len(categorical)), [f'{value:.6f}' for value in rng.random(len(numeric))]
            label = int(rng.random() < 0.2 + 0.1 * ids[1])
            lines.append(','.join([str(label), *x, *map(str, ids)]))
            numbers = [f'{place}:{value}' for place, value in enumerate(x, start=1)]
            pairs.append(' '.join(['1' if label else '-1', *numbers, *(f'{1000 + own}:1' for own in ids)]))
        (folder / f'{split}.csv').write_text('\n'.join(lines) + '\n')
        called = {'train': 'frappe.train.libfm', 'valid': 'frappe.validation.libfm'}.get(split, f'{split}.libsvm')
        (folder / called).write_text('\n'.join(pairs) + '\n')
    return folder


def prepared(name, tmp_path, rows, recipe='bars'):
    raw = tmp_path / 'raw'
    return prepare(name, recipe, raw if raw.exists() else write(raw, name, rows), tmp_path / 'data')


@pytest.mark.parametrize('name', TABLES)
def test_the_given_split_and_all_columns_are_taken_and_configurations_name_them(name, tmp_path):
    data = prepared(name, tmp_path, (60, 20, 10))
    numeric, categorical = COLUMNS[name]
    kinds = {field.name: field.kind for field in data.schema.fields}
    assert kinds == dict.fromkeys(numeric, NUMERIC) | dict.fromkeys(categorical, CATEGORICAL)
    assert [len(data.split(split)) for split in ('train', 'valid', 'test')] == [60, 20, 10]
    assert all(field.cardinality == 6 for field in data.schema.fields if field.kind == CATEGORICAL)  # and unknown
    configs = [load(path) for path in CONFIGS.glob(f'{name}_*_bars.toml')]
    assert len(configs) == 2 and {(config.data.dataset, config.data.recipe) for config in configs} == {(name, 'bars')}
    same = prepared(name, tmp_path, (), 'libfm')
    for split in ('train', 'valid', 'test'):
        one, other = data.split(split), same.split(split)
        for column in ('ids', 'numeric', 'labels'):
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def test_a_missing_file_of_a_split_is_named(tmp_path):
    write(tmp_path / 'raw', 'frappe_x1', (9, 9, 9))
    (tmp_path / 'raw' / 'valid.csv').unlink()
    with pytest.raises(UsageError, match=r'raw/valid.csv does not exist: --raw_dir must name the folder with it'):
        prepare('frappe_x1', 'bars', tmp_path / 'raw', tmp_path / 'data')


@pytest.mark.slow
def test_a_run_of_bars_is_clipped_and_its_log_says_where_the_rate_fell(tmp_path):
    data, told = prepared('frappe_x1', tmp_path, (400, 200, 100)), Told()
    config = replace(load(CONFIGS / 'frappe_x1_autoint_bars.toml'), {'training.batch_size': 64, 'training.epochs': 30})
    result = fit(config, data, tmp_path / 'run', told)
    fallen = [sentence for sentence in told.said if 'optimizer.plateau_factor' in sentence]
    assert result.epochs < 30 and len(fallen) >= 2
    assert '1 evaluation without a better AUC: from step' in fallen[0] and 'learning rate is 0.0001' in fallen[0]


@pytest.mark.slow
def test_the_experiment_is_tried_out(tmp_path, command):
    prepared('frappe_x1', tmp_path, (60, 20, 10))
    arguments = '--quick', '--dataset=frappe_x1', '--seeds=1', f'--data_dir={tmp_path / "data"}'
    fails(command('experiments/bars.py', '--models=', *arguments), "no model of BARS has a record on 'frappe_x1'")
    for models in ('autoint', ''):  # the second shows the record of the first
        done = command('experiments/bars.py', f'--models={models}', *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count('run frappe_x1_autoint_bars') == bool(models)
        assert '0.9831' in done.stdout and done.stdout.endswith('quick: no verdict\n') and 'PASS' not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(path.stem for path in CONFIGS.glob('*_bars.toml')))
def test_settings_of_bars_are_tried_on_generated_files(name, command):
    data = load(CONFIGS / f'{name}.toml').data
    for script, *arguments in (
        ('generate_data', f'--dataset={data.dataset}', '--rows=600', '--raw_dir=raw'),
        ('prepare_data', f'--dataset={data.dataset}', f'--recipe={data.recipe}', '--raw_dir=raw'),
        ('train', f'--config={name}', '--config.training.epochs=1', '--run_dir=run'),
        ('evaluate', '--run_dir=run'),
    ):
        done = command(f'scripts/{script}.py', *arguments)
        assert done.returncode == 0, done.stderr
    assert 'auc' in done.stdout.lower()
