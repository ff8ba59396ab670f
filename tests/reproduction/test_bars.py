"""BARS' figures beside ours: what is judged, and a trial of the experiment."""

import pathlib

import pytest

from autoint_jax.config.configuration import load
from autoint_jax.config.folder import CONFIGS
from autoint_jax.records import comparison
from autoint_jax.records.comparison import measured
from autoint_jax.reproduction import bars


@pytest.mark.parametrize(
    'auc, logloss, verdict',
    [
        ([0.983, 0.982], [0.164, 0.165], 'PASS'),  # 0.0006 below, 0.0008 above
        ([0.99], [0.1], 'PASS'),
        ([0.9819], [0.1637], 'FAIL'),
        ([0.9831], [0.1648], 'FAIL'),
    ],
)
def test_a_model_passes_within_the_tolerance_of_both_figures(auc, logloss, verdict):
    ours = {'auc': measured(auc), 'logloss': measured(logloss)}
    row = bars.row('frappe_x1', 'autoint', ours)
    assert row['verdict'] == verdict and row['auc_difference'] == pytest.approx(measured(auc).mean - 0.983085)
    cells = bars.cells(row, ours)
    assert len(cells) == len(bars.COLUMNS) and cells[2] == '0.9831' and cells[-1] == verdict
    with comparison.without_verdicts():
        assert bars.row('frappe_x1', 'autoint', ours)['verdict'] == 'no verdict'


def test_each_configuration_of_bars_has_its_figures_and_names_them():
    named = {f'{dataset}_{model}_bars': own for dataset in bars.FIGURES for model, own in bars.FIGURES[dataset].items()}
    paths = {path.stem: path for path in pathlib.Path(CONFIGS).glob('*_bars.toml')}
    assert set(paths) == set(named)
    for name, path in paths.items():
        assert f'test AUC {named[name].auc:.6f}, logloss {named[name].logloss:.6f}' in path.read_text()
        assert load(path).training.epochs == 100


def test_other_rows_are_not_judged():
    theirs = {name: {'rows': rows, 'positives': own} for name, (rows, own) in bars.ROWS['frappe_x1'].items()}
    assert bars.other_rows('frappe_x1', theirs) == ''
    theirs['valid']['positives'] = 7
    assert bars.other_rows('frappe_x1', theirs) == (
        'the valid split of frappe_x1 has 57,722 rows, 19,063 of them positive, and here are 57,722 and 7: nothing is '
        'judged'
    )
