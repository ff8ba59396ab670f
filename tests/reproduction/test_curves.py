"""AutoInt with one option varied: what runs, and what is written of it."""

import csv
import json
import types

import numpy as np
import pytest
from matplotlib import image

from autoint_jax.config import configuration
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison
from autoint_jax.reproduction.paper import curve_options, curve_plot, curves
from autoint_jax.reproduction.paper.published import EFFECTIVENESS, Figures
from autoint_jax.training.progress import Bar

BASE = configuration.load(CONFIGS / 'movielens_1m_autoint.toml')
# {value: AUC by seed}, as Figure 5 has it on MovieLens-1M.
DEPTHS = {0: [0.771, 0.773], 1: [0.840, 0.838], 3: [0.845, 0.844], 4: [0.846, 0.8445]}


@pytest.fixture
def recorded(monkeypatch):
    """Runs have records: AUC by `DEPTHS`, logloss 1.2 less AUC. Gives names and configurations of the wanted runs."""
    asked = {}

    def completed_seeds(name, config, seeds, data, *, runs_dir, results_dir, reporter):
        asked[name] = config
        layers = config.model.num_layers
        return [
            types.SimpleNamespace(
                run=f'{name}-{seed}',
                test={'auc': auc, 'logloss': 1.2 - auc},
                parameters=1000 * layers,
                embedding_parameters=5,
            )
            for seed, auc in enumerate(DEPTHS[layers][:seeds])
        ]

    monkeypatch.setattr(curves, 'completed_seeds', completed_seeds)
    return asked


def complete(data_dir, folder, *, dataset='movielens_1m', values=tuple(DEPTHS), seeds=2):
    return curves.completed_curve(
        curve_options.DEPTH,
        dataset,
        BASE,
        values=values,
        seeds=seeds,
        data_dir=str(data_dir),
        runs_dir=folder / 'runs',
        results_dir=folder / 'results',
        reporter=Bar(),
    )


def test_a_curve_runs_each_value_and_shares_the_base(recorded, data_dir, tmp_path, capsys, monkeypatch):
    assert complete(data_dir, tmp_path)
    assert {name: config.model.num_layers for name, config in recorded.items()} == {
        'movielens_1m_autoint_num_layers_0': 0,
        'movielens_1m_autoint_num_layers_1': 1,
        'movielens_1m_autoint': 3,
        'movielens_1m_autoint_num_layers_4': 4,
    }
    assert fingerprint(recorded['movielens_1m_autoint']) == fingerprint(BASE)
    assert all(set(configuration.differing(BASE, config)) <= {'model.num_layers'} for config in recorded.values())
    record = json.loads((tmp_path / 'results' / 'figure5_depth_movielens_1m.json').read_text())
    assert [row['model.num_layers'] for row in record['rows']] == list(DEPTHS)
    for row, aucs in zip(record['rows'], DEPTHS.values(), strict=True):
        assert row['auc'] == pytest.approx(np.mean(aucs)) and row['auc_deviation'] == pytest.approx(
            np.std(aucs, ddof=1)
        )
        assert row['logloss'] == pytest.approx(1.2 - np.mean(aucs))
        assert row['logloss_deviation'] == pytest.approx(row['auc_deviation'])
        assert len(row['runs']) == row['seeds'] == 2
    assert [row['paper_auc'] for row in record['rows']] == [
        None,
        None,
        EFFECTIVENESS['autoint']['movielens_1m'].auc,
        None,
    ]
    assert [one['verdict'] for one in record['criteria']] == ['PASS'] * 3 and record['verdict'] == 'PASS'
    assert {'command', 'commit', 'versions', 'device', 'data_hash', 'seeds', 'option'} <= set(record)
    with open(tmp_path / 'results' / 'figure5_depth_movielens_1m.csv', newline='') as file:
        assert [row['parameters'] for row in csv.DictReader(file)] == ['0', '1000', '3000', '4000']
    assert '0.8445 ± 0.0007' in capsys.readouterr().out
    monkeypatch.setitem(DEPTHS, 4, [0.84, 0.84])
    assert not complete(data_dir, tmp_path)


def test_a_curve_shows_what_has_records_and_runs_what_is_chosen(recorded, data_dir, tmp_path, monkeypatch):
    run = curves.completed_seeds
    monkeypatch.setattr(
        curves.runs,
        'recorded_seeds',
        lambda name, config, seeds, data, results_dir, first_seed=0: (
            run(name, config, 1, data, runs_dir=None, results_dir=None, reporter=None)
            if config.model.num_layers == 4
            else []
        ),
    )
    assert complete(data_dir, tmp_path, values=(0, 1, 3))
    rows = json.loads((tmp_path / 'results' / 'figure5_depth_movielens_1m.json').read_text())['rows']
    assert [(row['model.num_layers'], row['seeds']) for row in rows] == [(0, 2), (1, 2), (3, 2), (4, 1)]


def test_fewer_seeds_than_a_table_has_take_none_from_it(recorded, data_dir, tmp_path, monkeypatch):
    def recorded_seeds(name, config, seeds, data, results_dir, first_seed=0):
        run = curves.completed_seeds
        if config.model.num_layers not in DEPTHS:
            return []
        return run(name, config, first_seed + seeds, data, runs_dir=None, results_dir=None, reporter=None)[first_seed:]

    def rows():
        return json.loads((tmp_path / 'results' / 'figure5_depth_movielens_1m.json').read_text())['rows']

    complete(data_dir, tmp_path)
    both = rows()
    monkeypatch.setattr(curves.runs, 'recorded_seeds', recorded_seeds)
    complete(data_dir, tmp_path, values=(0, 4), seeds=1)
    assert rows() == both and [row['seeds'] for row in both] == [2] * 4


def test_lines_of_the_readme_have_each_record(recorded, data_dir, tmp_path):
    results = tmp_path / 'results'
    assert curves.curve_lines(results) == []
    complete(data_dir, tmp_path, seeds=1)
    complete(data_dir, tmp_path, dataset='mine', values=(1, 3))
    of_mine, of_movielens = '\n'.join(curves.curve_lines(results)).split('\n**Figure 5')[1:]
    assert (
        '| interacting layers | 0 | 1 | 3 | 4 |\n|---|---|---|---|---|\n'
        '| AUC | 0.7710 | 0.8400 | 0.8450 (paper 0.8456) | 0.8460 |\n| logloss | 0.4290 | '
    ) in of_movielens
    assert 'one seed' in of_movielens and '3 layers are better than 1 in both: PASS' in of_movielens
    assert f']({results.as_posix()}/figure5_depth_movielens_1m.png)' in of_movielens
    assert '`mine`, 2 seeds' in of_mine and 'no shape for mine: not judged' in of_mine and 'paper 0' not in of_mine
    (results / 'figure5_depth_mine.png').unlink()
    assert 'figure5_depth_mine.png' not in '\n'.join(curves.curve_lines(results))


def test_a_value_that_cannot_be_stops_before_anything_runs(recorded, data_dir, tmp_path):
    with pytest.raises(UsageError, match="'model.num_layers' is -1"):
        complete(data_dir, tmp_path, values=(1, -1))
    assert not recorded
    assert curves.chosen_values(curve_options.DEPTH, ['3', '0', '3']) == (0, 3) and curves.chosen_values(
        curve_options.HEADS, None
    ) == (1, 2, 4)
    for given in (['1', 'two'], []):
        with pytest.raises(UsageError, match='--values is .* such as 8,16,24,32'):
            curves.chosen_values(curve_options.EMBEDDING_SIZE, given)


def test_sizes_without_dropout_are_a_curve_of_their_own(monkeypatch, data_dir, tmp_path):
    asked = {}

    def completed_seeds(name, config, seeds, data, *, runs_dir, results_dir, reporter):
        asked[name] = configuration.differing(BASE, config)
        figures = {'auc': 0.8, 'logloss': 0.4}
        return [types.SimpleNamespace(run=name, test=figures, parameters=1, embedding_parameters=1)]

    monkeypatch.setattr(curves, 'completed_seeds', completed_seeds)
    curves.completed_curve(
        curve_options.WITHOUT_DROPOUT,
        'movielens_1m',
        BASE,
        values=(16, 24),
        seeds=1,
        data_dir=str(data_dir),
        runs_dir=tmp_path / 'runs',
        results_dir=tmp_path,
        reporter=Bar(),
    )
    dropout = {'model.attention_dropout', 'model.embedding_dropout'}
    assert {name: set(paths) for name, paths in asked.items()} == {
        'movielens_1m_autoint_dropout': dropout,
        'movielens_1m_autoint_dropout_embedding_dim_24': dropout | {'model.embedding_dim'},
    }
    record = json.loads((tmp_path / 'figure6_without_dropout_movielens_1m.json').read_text())
    assert [row['paper_auc'] for row in record['rows']] == [None, None]
    without = configuration.replace(BASE, dict.fromkeys(dropout, 0.0))
    with pytest.raises(
        UsageError, match='AutoInt on criteo has model.attention_dropout=0 and model.embedding_dropout=0 already'
    ):
        curves.completed_curve(
            curve_options.WITHOUT_DROPOUT,
            'criteo',
            without,
            values=(16,),
            seeds=1,
            data_dir=str(data_dir),
            runs_dir=tmp_path / 'runs',
            results_dir=tmp_path,
            reporter=Bar(),
        )


def test_the_figure_marks_the_paper_where_it_publishes_one(tmp_path):
    def share(path, colour):
        pixels = image.imread(path)[..., :3]
        return np.mean(np.abs(pixels - [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]).max(-1) < 0.02)

    def drawn(name, seeds, paper):
        ours = {
            value: comparison.test_figures(
                [types.SimpleNamespace(test={'auc': auc, 'logloss': 1.2 - auc}) for auc in aucs[:seeds]]
            )
            for value, aucs in DEPTHS.items()
        }
        curve_plot.save(tmp_path / 'folder' / f'{name}.png', name, 'layers', ours, paper)
        return [share(tmp_path / 'folder' / f'{name}.png', colour) for colour in (curve_plot.OURS, curve_plot.PAPER)]

    (line, none), (_, mark) = drawn('alone', 1, None), drawn('beside', 2, (3, Figures(0.8456, 0.3797)))
    assert line > 0.001 and none == 0 and mark > 0.0001


def test_the_command_trains_what_is_chosen(command, data_dir, tmp_path):
    done = command('experiments/figure5_depth.py', '--quick', '--seeds=1', '--values=0', f'--data_dir={data_dir}')
    assert done.returncode == 0, done.stderr
    assert (
        'not judged' in done.stdout
        and (tmp_path / 'runs' / 'quick' / 'results' / 'figure5_depth_movielens_1m.png').exists()
    )
    (row,) = json.loads((tmp_path / 'runs' / 'quick' / 'results' / 'figure5_depth_movielens_1m.json').read_text())[
        'rows'
    ]
    record = json.loads((tmp_path / 'runs' / 'quick' / 'results' / 'runs' / f'{row["runs"][0]}.json').read_text())
    assert row['auc'] == record['test']['auc'] and record['config']['model']['num_layers'] == 0
