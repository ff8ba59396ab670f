"""Records of runs are believed only if they are of the run that is asked for; what is wrong with another is said."""

import dataclasses
import json
import math
import shutil
import types

import pytest
from conftest import ROOT
from run_cases import Told
from sweep_cases import write_record

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.records.completion import completed
from autoint_jax.reproduction import pages
from autoint_jax.training.run_folder.result import Result

ALL = sorted((ROOT / 'results' / 'runs').glob('*.json'))
CONFIG = configuration.replace(Config(), {'training.batch_size': 77, 'seed': 3})
DATA = types.SimpleNamespace(hash='ab' * 32, folder='data/prepared/x')


# Keys of a record whose values are plain.
WHOLE = (
    'run',
    'fingerprint',
    'data_hash',
    'seed',
    'test',
    'valid',
    'best_step',
    'best_epoch',
    'steps',
    'epochs',
    'parameters',
    'embedding_parameters',
    'first_step_seconds',
    'train_seconds',
    'train_rows_per_second',
)


def data_of(record):
    return types.SimpleNamespace(hash=record['data_hash'], folder='data')


def test_every_record_of_this_project_is_believed():
    assert len(ALL) >= 186
    for path in ALL:
        found = json.loads(path.read_text())
        config = configuration.from_tree(found['config'])
        believed = runs.recorded(path.stem, config, data_of(found), ROOT / 'results')
        assert vars(believed).items() >= {key: found[key] for key in WHOLE}.items() and believed.version == found.get(
            'version', 1
        )
        assert len(believed.starts) == len(found['starts']) and believed.config == found['config']


def believed(folder):
    run = f'mine-{fingerprint(CONFIG)}'
    return runs.recorded(run, CONFIG, DATA, folder)


def edited(change):
    def edit(path):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return edit


def of_another(path):
    """A record of another configuration under the name of this one, as a careless copy makes it."""
    other = write_record(path.parent.parent, 'mine', configuration.replace(CONFIG, {'seed': 4}), DATA.hash, 0.9)
    shutil.move(other, path)


WRONG = {
    'an edited option': (
        edited(lambda record: record['config']['model'].update(num_layers=9)),
        'contradicts itself: its fingerprint',
    ),
    'an edited option and fingerprint': (
        edited(
            lambda record: (
                record['config']['model'].update(num_layers=9),
                record.update(fingerprint=fingerprint(configuration.from_tree(record['config']))),
            )
        ),
        'contradicts itself: its end of its name',
    ),
    'another seed': (edited(lambda record: record.update(seed=4)), 'its seed is 4'),
    'a renamed record': (of_another, 'contradicts itself: its run'),
    'another data set': (edited(lambda record: record['data'].update(recipe='bars')), 'its data'),
    'other data': (edited(lambda record: record.update(data_hash='cd' * 32)), 'on other data than data/prepared/x'),
    'an option of a later version': (
        edited(lambda record: record['config']['model'].update(flux=9)),
        "unknown option 'model.flux'",
    ),
    'a wrong type': (edited(lambda record: record['config']['model'].update(num_layers='nine')), 'cannot read'),
    'no figure': (edited(lambda record: record['test'].pop('auc')), "no key 'test.auc'"),
    'a figure that is none': (edited(lambda record: record['test'].update(auc=float('nan'))), 'test.auc is nan'),
    'infinite': (edited(lambda record: record['valid'].update(logloss=float('inf'))), 'valid.logloss is inf'),
    'an impossible figure': (
        edited(lambda record: record['test'].update(auc=1.5)),
        'impossible figures of the test split',
    ),
    'a figure as text': (edited(lambda record: record['test'].update(auc='0.9')), "test.auc is '0.9'"),
    'a missing part': (edited(lambda record: record.pop('valid')), "no key 'valid'"),
    'a later version': (edited(lambda record: record.update(version=3)), 'this program reads versions 1 to 2 only'),
    'a list': (lambda path: path.write_text('[]'), 'not an object'),
    'half a file': (lambda path: path.write_text(path.read_text()[:200]), 'is damaged'),
    'no text': (lambda path: path.write_bytes(b'\x80\x81'), 'UTF-8'),
    'empty': (lambda path: path.write_text(''), 'is damaged'),
    'a folder': (lambda path: (path.unlink(), path.mkdir()), 'is a folder'),
}


@pytest.mark.parametrize('case', WRONG)
def test_a_record_of_anything_else_is_named_and_not_used(tmp_path, case):
    path = write_record(tmp_path, 'mine', CONFIG, DATA.hash, 0.8)
    assert believed(tmp_path).test['auc'] == 0.8
    change, part = WRONG[case]
    change(path)
    with pytest.raises(UsageError) as refused:
        believed(tmp_path)
    said = str(refused.value)
    assert str(path) in said and part in said and ('--results_dir' in said or case == 'a folder'), said
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError):  # and nothing is trained over it
        completed('mine', CONFIG, DATA, runs_dir=tmp_path / 'never', results_dir=tmp_path, reporter=Told())
    assert not (tmp_path / 'never').exists() and (before is None or path.read_bytes() == before)


def test_a_metric_that_is_not_defined_on_the_data_is_recorded(tmp_path):
    """As weighted AUC is if all rows of a class have weight 0, and AUC by groups if no group has both classes."""
    path = write_record(tmp_path, 'mine', CONFIG, DATA.hash, 0.8)
    edited(lambda record: record['valid'].update(weighted_auc=float('nan')))(path)
    assert math.isnan(believed(tmp_path).valid['weighted_auc'])


def test_a_record_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    known = runs.read_record(ALL[0])
    start = dataclasses.replace(
        known.starts[0], command=('train.py', f'--data_dir={tmp_path}/data'), compilation_cache=str(tmp_path / 'jax')
    )
    result = Result(**{field.name: getattr(known, field.name) for field in dataclasses.fields(Result)})
    run = types.SimpleNamespace(
        read_run=lambda folder: types.SimpleNamespace(starts=(start,)),
        read_config=lambda folder: configuration.from_tree(known.config),
        read_result=lambda folder: result,
    )
    monkeypatch.setattr(runs, 'contents', run)
    made = runs.record(known.run, tmp_path, tmp_path).starts[0]
    assert made.command == ('train.py', '--data_dir=data') and made.compilation_cache == 'jax'
    assert str(tmp_path) not in (tmp_path / 'runs' / f'{known.run}.json').read_text()


def test_there_may_be_no_record(tmp_path):
    assert believed(tmp_path) is None
    write_record(tmp_path, 'mine', configuration.replace(CONFIG, {'seed': 4}), DATA.hash, 0.8)
    assert believed(tmp_path) is None


@pytest.mark.parametrize(
    'name, content, part',
    [
        ('table2_effectiveness_movielens_1m', '{', 'is damaged'),
        ('table4_residual_ablation_x', '{"rows": []}', "no key 'dataset'"),
        ('figure5_depth_x', '{"rows": 3}', 'another form'),
        ('ablations_x', '[]', 'not an object'),
        ('figure7_attention_x', '{}', 'no key'),
        ('table3_model_size_x', '{"dataset": "x", "criterion": "y", "rows": [{}]}', "no key 'variant'"),
        ('field_widths_x', '{}', 'no key'),
        ('crosses_x', '{}', 'no key'),
        ('exactness_x', '{}', 'no key'),
        ('replica_cost_x', '{"rows": [1]}', 'another form'),
        ('figure4_run_time_x', '{}', 'no key'),
        ('table1_statistics_criteo', '{"rows": []}', 'no key'),
        ('table5_joint_x', '{"rows": [{"auc_change": 1}]}', 'no key'),
        ('benchmarks/step', '{}', "no key 'benchmark'"),
        ('runs/movielens_100k_autoint-x', '{}', 'no key'),
    ],
)
def test_a_record_of_another_form_is_named_by_what_writes_the_pages(tmp_path, name, content, part):
    path = tmp_path / f'{name}.json'
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        pages.sections(tmp_path, Config())
    assert str(path) in str(refused.value) and part in str(refused.value)
