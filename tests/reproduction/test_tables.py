"""Tables made of records: what is shown of models and items that were run, in part or not at all.

Nothing is trained here.
"""

import csv
import json

import pytest
from run_cases import Told
from sweep_cases import write_record

from autoint_jax.config import configuration
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.reproduction import exactness
from autoint_jax.reproduction.paper import ablations, effectiveness, significance
from autoint_jax.reproduction.paper.base_changes import change_lines
from autoint_jax.reproduction.paper.published import EFFECTIVENESS, JOINT

DATASET = 'movielens_1m'


def base_config(model):
    return configuration.load(CONFIGS / f'{DATASET}_{model}.toml')


@pytest.fixture
def data(data_dir):
    return open_prepared(data_dir, DATASET, 'autoint_all_rows')


def write_records(folder, data, name, config, aucs):
    """Records as runs of seeds 0, 1, ... would have left them; None where a seed was not run."""
    for seed, auc in enumerate(aucs):
        if auc is not None:
            write_record(folder, name, configuration.replace(config, {'seed': seed}), data.hash, auc)


def table(data_dir, folder, title, name, published, *, models, seeds, config_of=base_config):
    path, reporter = folder / f'{name}_{DATASET}', Told()
    passed = effectiveness.completed_table(
        title,
        DATASET,
        published,
        models=models,
        seeds=seeds,
        base_config=config_of,
        tolerances={'autoint': 0.002, '': 0.005},
        data_dir=str(data_dir),
        runs_dir=folder / 'never',
        results_dir=folder,
        path=path,
        reporter=reporter,
    )
    assert not (folder / 'never').exists()
    rows = list(csv.DictReader(path.with_suffix('.csv').read_text().splitlines()))
    return passed, json.loads(path.with_suffix('.json').read_text()), rows, reporter


def test_a_table_shows_every_model_that_has_records(data, data_dir, tmp_path, capsys):
    """lr is wanted and complete, fm has one seed of three, autoint more than are wanted, crossnet no configuration."""
    for model, aucs in {'lr': (0.77, 0.772, 0.774), 'fm': (None, 0.83), 'autoint': (0.845, 0.846, 0.8465, 0.1)}.items():
        write_records(tmp_path, data, f'{DATASET}_{model}', base_config(model), aucs)

    def config_of(model):
        if model == 'crossnet':
            raise UsageError('there is no configuration of crossnet')
        return base_config(model)

    passed, record, rows, reporter = table(
        data_dir, tmp_path, 'Table 2', 'table2', EFFECTIVENESS, models=['lr'], seeds=3, config_of=config_of
    )
    assert passed and [(row['model'], row['seeds']) for row in record['rows']] == [('lr', 3), ('fm', 1), ('autoint', 3)]
    assert record['rows'][2]['auc'] == pytest.approx(0.84583333) and len(record['rows'][2]['runs']) == 3
    assert record['not_run'] == ['afm', 'deep_crossing', 'nfm', 'crossnet', 'cin', 'hofm']
    assert reporter.said == ['crossnet is left out: there is no configuration of crossnet']
    auc, logloss = record['significance']
    assert 'autoint 0.8458, fm 0.8300' in auc and 'fewer than two seeds' in auc and 'autoint 0.3542' in logloss
    out = capsys.readouterr().out
    assert 'not run: afm' in out and auc in out and 'seeds 0 to 2' in out
    # With fm complete the best of the others can be tested, and AutoInt is marked.
    write_records(tmp_path, data, f'{DATASET}_fm', base_config('fm'), (0.829, 0.83, 0.828))
    _, record, rows, _ = table(data_dir, tmp_path, 'Table 2', 'table2', EFFECTIVENESS, models=[], seeds=3)
    test = record['tests'][0]
    assert test['unpaired'] == significance.welch([0.845, 0.846, 0.8465], [0.829, 0.83, 0.828])._asdict()
    assert test['paired_seeds'] == 3
    assert [row['auc_mark'] for row in rows] == ['', '', '**'] and '0.8458 ± 0.0008 **' in capsys.readouterr().out
    with pytest.raises(UsageError, match='no configuration of crossnet'):
        table(data_dir, tmp_path, 'Table 2', 'table2', EFFECTIVENESS, models=['crossnet'], seeds=3, config_of=config_of)
    with pytest.raises(UsageError, match='no model of Table 2 has a record'):
        table(data_dir, tmp_path / 'empty', 'Table 2', 'table2', EFFECTIVENESS, models=[], seeds=3)


def test_joint_models_are_shown_with_their_change_over_the_base(data, data_dir, tmp_path, capsys):
    for model, aucs in {'fm': (0.82, 0.83), 'deepfm': (0.84, 0.846), 'autoint_plus': (0.85,)}.items():
        write_records(tmp_path, data, f'{DATASET}_{model}', base_config(model), aucs)
    passed, record, rows, _ = table(data_dir, tmp_path, 'Table 5', 'table5_joint', JOINT, models=[], seeds=2)
    deepfm, plus = record['rows']
    assert (
        passed
        and deepfm['auc_change'] == pytest.approx(0.018)
        and plus['auc_change'] is None
        and plus['base'] == 'autoint'
    )
    assert rows[1]['auc_change'] == '' and 'not run: wide_deep' in capsys.readouterr().out
    (line,) = [line for line in change_lines(tmp_path) if line.startswith('| `')]
    assert line == '| `deepfm` | `fm` | movielens_1m | +0.0180 | +0.0185 | +0.0142 | -0.0180 | -0.0152 | -0.0113 |'
    assert change_lines(tmp_path / 'nowhere') == []


def ablation(data, folder, *, items, seeds, base):
    return ablations.completed_table(
        DATASET,
        base,
        data,
        items=items,
        seeds=seeds,
        runs_dir=folder / 'never',
        results_dir=folder,
        path=folder / f'ablations_{DATASET}',
        reporter=Told(),
    )


def test_ablations_are_compared_with_the_base_over_seeds_of_both(data, tmp_path, capsys):
    base = configuration.replace(base_config('autoint'), {'model.embedding_dropout': 0.0})
    made = {'': (0.845, 0.846, 0.8465), '_deferred_adam': (0.8452, 0.8463, 0.8466), '_lazy_adam': (None, 0.84, 0.842)}
    for name, aucs in made.items():
        config = configuration.replace(base, ablations.ITEMS.get(name[1:], {}))
        write_records(tmp_path, data, f'{DATASET}_autoint{name}', config, aucs)
    assert ablation(data, tmp_path, items=['deferred_adam'], seeds=3, base=base)
    record = json.loads((tmp_path / f'ablations_{DATASET}.json').read_text())
    # 'dropout' is 'attention_dropout' where the base has no embedding dropout, but has not been run under its name.
    assert (
        record['base_has'] == ['embedding_dropout']
        and 'dropout' in record['not_run']
        and 'layer_norm' in record['not_run']
    )
    own, deferred, lazy = record['rows']
    assert (
        own['auc_difference'] is None
        and own['verdict'] == ''
        and deferred['verdict'] == 'PASS'
        and lazy['verdict'] == ''
    )
    assert deferred['auc_difference'] == pytest.approx(0.0002) and lazy['paired_seeds'] == 2
    assert lazy['auc_difference'] == pytest.approx(0.841 - 0.84625)
    assert lazy['auc_p_paired'] == pytest.approx(significance.paired([0.84, 0.842], [0.846, 0.8465]).p)
    (row,) = [line for line in ablations.ablation_lines(tmp_path) if 'lazy_adam' in line and line.startswith('|')]
    assert row.startswith('| `optimizer.tables=lazy_adam` | 0.8410 ± 0.0014 | -0.0052 | 0.09 |') and row.endswith(
        '| 2 |  |'
    )
    assert 'The base has `model.variant=authors` and `optimizer.tables=adam`.' in ablations.ablation_lines(tmp_path)[1]
    assert 'the base already has these: embedding_dropout' in capsys.readouterr().out
    deferred_adam = configuration.replace(base, ablations.ITEMS['deferred_adam'])
    write_records(tmp_path, data, f'{DATASET}_autoint_deferred_adam', deferred_adam, (0.8456, 0.8467, 0.847))
    assert not ablation(data, tmp_path, items=[], seeds=3, base=base)
    with pytest.raises(UsageError, match="'model.variant' of the base is 'paper'"):
        ablation(data, tmp_path, items=[], seeds=3, base=configuration.replace(base, {'model.variant': 'paper'}))


def test_ablations_of_a_base_with_deferred_adam_say_so(data, tmp_path):
    base = configuration.replace(configuration.load(CONFIGS / 'paper_autoint.toml'), {'data.dataset': DATASET})
    write_records(tmp_path, data, f'{DATASET}_autoint', base, (0.845, 0.846))
    assert ablation(data, tmp_path, items=[], seeds=2, base=base)
    heading = ablations.ablation_lines(tmp_path)[1]
    assert 'The base has `model.variant=authors` and `optimizer.tables=deferred_adam`. Nothing is judged.' in heading


@pytest.mark.parametrize('name', ['paper_autoint', f'{DATASET}_autoint'])
def test_deferred_adam_is_compared_with_dense_adam_whatever_the_base_has(name):
    base = configuration.load(CONFIGS / f'{name}.toml')
    found = exactness.variants(base, reference_form='automatic', control_form='heads', bfloat16=True)
    assert {
        end: (config.optimizer.tables, config.execution.form, config.model.compute_dtype)
        for end, config in found.items()
    } == {
        '': ('adam', 'automatic', 'float32'),
        '_deferred_adam': ('deferred_adam', 'automatic', 'float32'),
        '_bfloat16': ('adam', 'automatic', 'bfloat16'),
        '_control_heads': ('adam', 'heads', 'float32'),
    }
    assert next(iter(found)) == '' and (found[''] == base) == (name == f'{DATASET}_autoint')
    short = exactness.variants(base, reference_form='einsum', control_form='', bfloat16=False)
    assert list(short) == ['_control_einsum', '_deferred_adam'] and short['_control_einsum'].execution.form == 'einsum'


def test_every_ablation_changes_what_the_base_does():
    """Each item is a configuration of its own, and those of the variant's options together are the paper's layers."""
    from autoint_jax.models.autoint import resolved

    base = base_config('autoint')
    changed = {item: configuration.replace(base, options) for item, options in ablations.ITEMS.items()}
    assert len({fingerprint(config) for config in (base, *changed.values())}) == len(ablations.ITEMS) + 1
    meant = {item: resolved(config.model) for item, config in changed.items()}
    of_variant = ('score_scale', 'projection_activation', 'projection_bias', 'layer_norm')
    assert all(meant[item] != resolved(base.model) for item in (*of_variant, 'residual_projection', 'paper_variant'))
    together = configuration.replace(
        base, {path: value for item in of_variant for path, value in ablations.ITEMS[item].items()}
    )
    assert resolved(together.model) == meant['paper_variant']._replace(random_bias=True)
