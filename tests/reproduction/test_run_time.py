"""Figure 4: what follows from rates, and that they are measured on prepared data. No test asserts seconds."""

import numpy as np
import pytest
from matplotlib import image

from autoint_jax.benchmarks import comparisons
from autoint_jax.benchmarks.run_time import save_bars, training_rates
from autoint_jax.benchmarks.windows import Timing
from autoint_jax.config import configuration
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.models import registry
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import run_time

RATES = {
    'lr': [900.0, 1000.0, 1100.0],
    'fm': [500.0, 100.0, 510.0],
    'deep_crossing': [60.0] * 3,
    'nfm': [250.0] * 3,
    'crossnet': [400.0] * 3,
    'cin': [4.0, 5.0, 6.0],
    'hofm': [40.0] * 3,
    'autoint': [20.0] * 3,
    'masknet': [10_000.0] * 3,
}


def test_seconds_and_ratios_follow_from_median_rates(tmp_path):
    rows = run_time.timed(RATES, train_rows=2000)
    found = {row['model']: row for row in rows}
    assert set(found) == {*run_time.MODELS, 'masknet'} and found['masknet']['times_autoint'] == 0.002
    assert (found['fm']['rows_per_second'], found['fm']['epoch_seconds'], found['fm']['times_lr']) == (500, 4, 2)
    assert found['cin']['times_autoint'] == 4 and (found['cin']['slowest_window'], found['cin']['fastest_window']) == (
        4,
        6,
    )
    claims = run_time.claims(rows)  # no claim of the paper is about a model that it does not have
    assert [(claim['of'], claim['ratio'], claim['verdict']) for claim in claims] == [
        ('fm / lr', 2, 'PASS'),
        ('cin / autoint', 4, 'PASS'),
        ('nfm / fm', 2, None),
        ('autoint / deep_crossing', 3, None),
        ('autoint / nfm', 12.5, None),
        ('hofm / autoint', 0.5, None),
    ]
    slower = run_time.claims(run_time.timed(RATES | {'lr': [450.0], 'cin': [10.1]}, 2000))
    assert [claim['verdict'] for claim in slower[:2]] == ['FAIL', 'FAIL'] and slower[0]['of'] == 'fm / lr'

    path = tmp_path / 'figure4_run_time_movielens_1m'
    write_table(
        path,
        rows,
        {
            'dataset': 'movielens_1m',
            'train_rows': 2000,
            'criterion': run_time.CRITERION,
            'claims': claims,
            'no_verdict': run_time.NO_VERDICT,
            'measured_on': '2 CPU cores (a CPU)',
        },
    )
    save_bars({row['model']: row['epoch_seconds'] for row in rows}, 'autoint', 'made up', path.with_suffix('.png'))
    drawn = image.imread(path.with_suffix('.png'))[..., :3].reshape(-1, 3)
    for colour in ((0x44, 0x77, 0xAA), (0xCC, 0x66, 0x77)):  # bars, and the one that is marked
        assert np.abs(drawn - np.array(colour) / 255).max(1).min() < 0.01
    lines = run_time.run_time_lines(tmp_path)
    assert '| `cin` | 400.00 | 5 | 200.0 | 4.00 |' in lines
    assert 'cin / autoint is 4.00, PASS' in '\n'.join(lines) and lines[-1].endswith('movielens_1m.png)')


def test_every_model_is_measured_once():
    models = (*run_time.MODELS, *run_time.others())
    assert sorted(models) == sorted((*registry.MODELS, 'autoint_plus'))
    without = [model for model in models if not (CONFIGS / f'movielens_1m_{model}.toml').exists()]
    assert set(without) <= set(comparisons.MODELS), 'their options in Figure 4'


@pytest.mark.usefixtures('quick_compilation')
def test_rates_are_measured_in_turn_on_prepared_rows(data_dir):
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    folder = CONFIGS
    configs = {model: configuration.load(folder / f'movielens_1m_{model}.toml') for model in ('lr', 'crossnet')}
    rates = training_rates(configs, data, Timing(windows=2, seconds=0.001))
    assert list(rates) == ['lr', 'crossnet'] and all(
        len(windows) == 2 and min(windows) > 0 for windows in rates.values()
    )
