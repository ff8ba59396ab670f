"""autoint_jax.train gives the run that the commands give, and says what is wrong with what it is given."""

import json
import warnings

import numpy as np
import polars as pl
import pytest

import autoint_jax
from autoint_jax.config.configuration import Config, from_options, replace
from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.datasets.movielens_rows import joined
from autoint_jax.errors import UsageError

OPTIONS = {
    'data': {'dataset': 'movielens_1m', 'recipe': 'autoint_all_rows'},
    'model': {'name': 'autoint', 'embedding_dim': 4, 'head_dim': 3, 'num_layers': 2, 'num_heads': 2},
    'training': {'batch_size': 512, 'epochs': 1},
}


@pytest.fixture(scope='module')
def run(data_dir, tmp_path_factory, quick_compilation):
    folder = tmp_path_factory.mktemp('trained')
    return autoint_jax.train(OPTIONS, data_dir=data_dir, runs_dir=folder, quiet=True)


def test_a_run_is_the_one_of_the_commands(run, data_dir, raw_dir, forks, tmp_path):
    assert run.folder.name.startswith('movielens_1m_autoint-')
    (tmp_path / 'mine.toml').write_text(
        '[data]\ndataset = "movielens_1m"\nrecipe = "autoint_all_rows"\n[model]\nname = "autoint"\nembedding_dim = 4\n'
        'head_dim = 3\nnum_layers = 2\nnum_heads = 2\n[training]\nbatch_size = 512\nepochs = 1\n'
    )
    done = forks.run(['scripts/train.py', '--config=mine.toml', f'--data_dir={data_dir}', '--run_dir=run'], tmp_path)
    assert done.returncode == 0, done.stderr
    results = [json.loads((folder / 'result.json').read_text()) for folder in (run.folder, tmp_path / 'run')]
    assert all(results[0][name] == results[1][name] for name in ('fingerprint', 'test', 'valid', 'best_step'))
    rows = joined(read_1m(raw_dir)).head(99)
    scores = run.predict(rows)
    assert scores.equals(autoint_jax.load(tmp_path / 'run').predict(rows))
    # From here on the run is complete, and is only opened, whatever names its configuration and its data.
    record = (run.folder / 'result.json').read_text()
    for config, data, options in (
        (from_options(OPTIONS), 'movielens_1m/autoint_all_rows', {}),
        (tmp_path / 'mine.toml', data_dir / 'movielens_1m' / 'autoint_all_rows', {}),
        (OPTIONS | {'seed': 1}, None, {'seed': 0}),
        ({'model.name': 'fm'}, 'movielens_1m/autoint_all_rows', from_options_flat()),
    ):
        again = autoint_jax.train(config, data, options=options, run_dir=run.folder, data_dir=data_dir, quiet=True)
        assert again.predict(rows).equals(scores) and (run.folder / 'result.json').read_text() == record
    assert again.evaluate('test')['auc'] == pytest.approx(results[0]['test']['auc'], abs=1e-6)


def test_rows_that_cannot_be_scored_are_told(run, raw_dir):
    rows = joined(read_1m(raw_dir)).head(5)
    floats = rows.with_columns(pl.col('Age').cast(pl.Float64))  # as pandas holds them beside missing ones
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert run.predict(floats).equals(run.predict(rows))
    with pytest.warns(
        UserWarning, match=r"1 of 5 rows could not be parsed .* is line 3: column 'Age' holds '2.5', not"
    ):
        scores = run.predict(floats.with_columns(Age=pl.Series([1.0, 18.0, 2.5, 25.0, 1.0])))
    assert scores['logit'].is_null().to_list() == [False, False, True, False, False]
    with pytest.warns(UserWarning, match=r'that the run does not know than training rows had, in Zipcode \(100'):
        run.predict(pl.concat([rows] * 4).with_columns(Zipcode=pl.lit('new')))
    with pytest.raises(UsageError, match="^the table of rows has no column 'Age', which the run needs"):
        run.predict(rows.drop('Age'))
    with pytest.raises(UsageError, match=r"keep='Age' is a text: pass a list of names, such as keep=\['Age'\]"):
        run.predict(rows, keep='Age')


def from_options_flat():
    """The options of the run by their whole names."""
    return {f'{group}.{name}': value for group, named in OPTIONS.items() for name, value in named.items()}


def test_attention_of_raw_rows(run, raw_dir, monkeypatch):
    """The weights of the einsum form, computed in blocks, with NaN in rows that cannot be parsed."""
    rows = joined(read_1m(raw_dir)).head(101).with_columns(pl.col('Year').cast(pl.String))
    bad = rows.with_columns(Year=pl.when(pl.arange(pl.len()) == 7).then(pl.lit('?!')).otherwise('Year'))
    wanted = run.attention(rows)
    assert wanted.fields == run.fields and wanted.weights.shape == (101, 2, 2, len(run.fields), len(run.fields))
    np.testing.assert_allclose(wanted.weights.sum(-1), 1, rtol=1e-5)
    assert np.ptp(wanted.weights, 0).max() > 1e-4  # rows differ
    monkeypatch.setattr('autoint_jax.explain.attention.BLOCK_ROWS', 16)
    found = run.attention(bad)
    assert np.isnan(found.weights[7]).all() and np.isfinite(np.delete(found.weights, 7, 0)).all()
    np.testing.assert_allclose(np.delete(found.weights, 7, 0), np.delete(wanted.weights, 7, 0), atol=1e-6)
    monkeypatch.setattr('autoint_jax.training.memory.room.available', lambda mesh: 10_000)
    with pytest.raises(UsageError, match='the attention of 101 rows takes .* pass fewer rows at a time'):
        run.attention(rows)
    with pytest.raises(UsageError, match='there is no row to explain'):
        run.attention(rows.clear())


MISTAKES = {
    'an unknown option': ({'model.nme': 'fm'}, None, {}, "unknown option 'model.nme'"),
    'an unknown name': ('movielens_1m_autoinz', None, {}, "no configuration .*did you mean 'movielens_1m_autoint'"),
    'data that is not prepared': (OPTIONS, 'movielens_1m/mine', {}, 'no prepared data at .*movielens_1m/mine'),
    'an unknown table': (OPTIONS, 'visits', {}, 'no prepared data at .*csv/visits .*--schema=visits.yaml'),
    'no folder of data': (OPTIONS, '/tmp/nothing/at/all', {}, 'holds no prepared data'),
    'copies': (OPTIONS, None, {'replicas.seeds': 3}, 'ask for 3 copies of a run, and autoint_jax.train trains one'),
    'a wrong value': ({'model.name': 'fm'}, None, {'optimizer.tables': 'none'}, 'optimizer.tables'),
}


@pytest.mark.parametrize('config, data, options, sentence', MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_sentence(data_dir, tmp_path, config, data, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        autoint_jax.train(config, data, options=options, data_dir=data_dir, runs_dir=tmp_path / 'runs', quiet=True)
    assert not (tmp_path / 'runs').exists()


def test_a_folder_of_another_run_is_refused(run, data_dir):
    with pytest.raises(UsageError, match='another configuration .*choose another run folder by run_dir'):
        autoint_jax.train(replace(Config(), from_options_flat() | {'seed': 3}), data_dir=data_dir, run_dir=run.folder)
