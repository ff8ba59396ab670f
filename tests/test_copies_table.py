"""The table at the end of a command that trained copies."""

import pathlib
import sys

from conftest import ROOT

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.errors import UsageError
from autoint_jax.training.run_folder.result import Result


def result(auc):
    figures = {'auc': auc, 'logloss': 0.5}
    return Result(
        fingerprint='', data_hash='', seed=0, test=figures, valid=figures, best_step=1, best_epoch=1.0, steps=1,
        epochs=1.0, parameters=1, embedding_parameters=1, first_step_seconds=None, train_seconds=1.0,
        train_rows_per_second=1.0,
    )  # fmt: skip


def test_copies_have_rows_in_one_order_and_means_over_seeds(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'path', [str(ROOT / 'scripts'), *sys.path])
    from copies_table import show_copies

    configs = copies(replace(Config(), {'replicas.seeds': 2, 'replicas.learning_rate': (1e-3, 1e-2)}))
    results = [
        UsageError('diverged')
        if (config.seed, config.optimizer.learning_rate) == (1, 1e-2)
        else result(0.7 + 0.1 * config.seed)
        for config in configs
    ]
    show_copies(configs, results, [pathlib.Path(f'run_{number}') for number in range(4)])
    rows = [
        [cell.strip() for cell in line.strip('│┃').split('│' if '│' in line else '┃')]
        for line in capsys.readouterr().out.splitlines()
        if '│' in line or '┃' in line
    ]
    assert rows[0][:2] == ['seed', 'learning_rate'] and rows[0][-1] == 'run folder'
    shown = {tuple(row[:2]): row[2:] for row in rows[1:]}
    assert [row[-1] for row in rows[1:5]] == [f'run_{number}' for number in range(4)]
    assert set(shown['1', '0.01'][:-1]) == {'diverged'}
    assert [row[0] for row in rows[5:]] == ['mean of 2'] and rows[5][1] == '0.001'
    assert '0.7500 ± 0.0707' in rows[5]
