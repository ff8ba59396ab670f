"""Scores of a raw file have the bits of the scores of the splits that were prepared from it."""

import gzip

import numpy as np
import polars as pl
import pytest
from own_table_cases import own_table
from scoring_cases import prepared_own, scored, trained

import autoint_jax
from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.movielens import split_rows
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation.splits import authors_split
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import metrics
from autoint_jax.evaluation.measures import measures
from autoint_jax.scoring.predictor import probabilities
from autoint_jax.scoring.split_scores import write_split


@pytest.fixture(scope='module')
def own(tmp_path_factory, quick_compilation):
    """A folder with a table and its declaration, the prepared data, and a run on it."""
    folder = own_table(tmp_path_factory.mktemp('own'))
    data = prepared_own(folder, folder / 'mine.yaml')
    (folder / 'new').mkdir()
    for number in range(2):
        (folder / f'part-{number}.csv').rename(folder / 'new' / f'part-{number}.csv')
    return folder, data, trained(folder, data)


def of_splits(run, data, folder):
    """{split: its scores}, and the figures of the test split."""
    found, figures = {}, {}
    for split in SPLITS:
        columns, name = data.split(split), str(folder / f'{split}.parquet')
        figures[split] = write_split(run, columns, measures([], '', run.setup.schema), name)
        found[split] = pl.read_parquet(name)
        assert found[split]['row'].to_list() == list(range(len(columns)))
        assert found[split]['label'].to_list() == columns.labels.tolist()
        np.testing.assert_allclose(list(figures[split].values()), list(run.figures(columns).values()), rtol=1e-6)
    return found, figures


def test_every_kind_of_field_scores_as_its_split(own):
    folder, data, run = own
    splits, figures = of_splits(run, data, folder)
    found = scored(run, folder / 'new', keep=['part', 'age'])
    table = found.table
    assert table.columns == ['row', 'part', 'age', 'label', 'logit', 'probability'] and table.height == 1009
    assert table['row'].to_list() == list(range(1009)) and len(np.unique(table['logit'])) > 900
    for split, parts in zip(SPLITS, (['a', 'b'], ['c'], ['d']), strict=True):
        rows = table.filter(pl.col('part').is_in(parts))
        assert rows['logit'].to_list() == splits[split]['logit'].to_list()
        assert rows['label'].to_list() == splits[split]['label'].to_list()
    logits = table['logit'].to_numpy().astype(np.float64)
    np.testing.assert_allclose(table['probability'].to_numpy(), 1 / (1 + np.exp(-logits)), rtol=1e-6)
    # The figures of the stream are those of the test split if the stream is that split.
    test = pl.concat([pl.read_csv(folder / 'new' / f'part-{n}.csv', infer_schema=False) for n in range(2)])
    test.filter(pl.col('part') == 'd').write_csv(folder / 'test.csv')
    alone = scored(run, folder / 'test.csv')
    assert alone.table['logit'].to_list() == splits['test']['logit'].to_list()
    assert alone.predictor.figures.figures()['auc'] == figures['test']['auc']
    np.testing.assert_allclose(alone.predictor.figures.figures()['logloss'], figures['test']['logloss'], rtol=1e-6)
    assert set(alone.predictor.figures.figures()) == set(metrics.ALWAYS)


def test_the_form_of_the_file_changes_no_bit(own):
    folder, _, run = own
    whole = pl.concat([pl.read_csv(folder / 'new' / f'part-{n}.csv', infer_schema=False) for n in range(2)])
    wanted = scored(run, folder / 'new').table
    text = whole.write_csv()
    mixed = whole.select(reversed(whole.columns)).with_columns(more=pl.lit('x,"y'))
    forms = {
        'crlf.csv': text.replace('\n', '\r\n').encode(),
        'mark.csv': b'\xef\xbb\xbf' + text.encode(),
        'packed.csv.gz': gzip.compress(text.encode()),
        'quoted.csv': whole.write_csv(quote_style='always').encode(),
        'tabs.tsv': whole.write_csv(separator='\t').encode(),
        'mixed.csv': mixed.write_csv().encode(),
    }
    for name, content in forms.items():
        (folder / name).write_bytes(content)
    mixed.write_parquet(folder / 'typed.parquet')
    for name in (*forms, 'typed.parquet'):
        found = scored(run, folder / name, output='scores.csv' if name == 'mixed.csv' else 'scores.parquet')
        assert found.table['logit'].to_list() == wanted['logit'].to_list(), name
        assert found.table['label'].to_list() == wanted['label'].to_list(), name
        assert found.said == (
            ["columns that the run does not know are not read: 'more'"]
            if name in ('mixed.csv', 'typed.parquet')
            else []
        )
    whole.drop('income', 'part').head(1).write_csv(folder / 'one.csv')
    one = scored(run, folder / 'one.csv')
    assert one.table['logit'].to_list() == wanted['logit'].head(1).to_list() and one.table['label'].to_list() == [None]
    assert one.said == ["the rows have no label ('income'), so AUC and logloss are not computed"]


def test_frames_and_dictionaries_score_as_files(own):
    folder, _, run = own
    loaded = autoint_jax.load(folder / 'run', data_dir='gone')
    path = folder / 'new' / 'part-0.csv'
    wanted, whole = scored(run, folder / 'new').table.head(400), pl.read_csv(path, infer_schema=False)
    typed = pl.read_csv(path, null_values=['?', ' '])
    assert typed['age'].dtype == pl.Int64 and typed['hours'].dtype == pl.Float64
    for rows in (path, whole, typed, whole.to_dicts(), typed.to_dicts()):
        assert loaded.predict(rows).equals(wanted)
    with pytest.raises(UsageError, match='rows of type int cannot be scored'):
        loaded.predict(7)
    with pytest.raises(UsageError, match="no column 'city'"):
        loaded.predict(whole.drop('city'))


def test_blocks_of_any_size_change_no_bit(own, monkeypatch):
    folder, _, run = own
    wanted = scored(run, folder / 'new').table
    monkeypatch.setattr('autoint_jax.data.raw.text_files.BLOCK_BYTES', 4 * 1500)
    monkeypatch.setattr('autoint_jax.training.step.scoring.SCORED_ROWS', 1)
    monkeypatch.setattr('autoint_jax.scoring.output.PART_ROWS', 100)
    assert scored(run, folder / 'new').table.equals(wanted)


def test_probabilities_of_far_logits():
    np.testing.assert_array_equal(
        probabilities(np.array([0, -80, 80, -1000, 1000], np.float32)),
        np.array([0.5, np.exp(-80.0), 1, 0, 1], np.float32),
    )


@pytest.mark.slow
@pytest.mark.parametrize('name', ['movielens_1m', 'criteo', 'avazu', 'kdd12'])
def test_published_shapes_score_as_their_splits(name, raw_dir, tmp_path):
    """As users compile, with AutoInt; also the recipe of BARS where there is one."""
    for recipe in ['with_ids', 'autoint_all_rows'] if name == 'movielens_1m' else ['autoint', 'bars']:
        folder = tmp_path / recipe
        if name == 'movielens_1m':
            raw = raw_dir
        else:
            (raw, *_) = (path.parent for path in shapes.SHAPES[name](folder / 'raw', 4001, 3))
        data = registry.prepare(name, recipe, raw, folder / 'prepared')
        run = trained(folder, data, **{'model.name': 'autoint', 'model.num_layers': 1, 'model.num_heads': 1})
        splits, _ = of_splits(run, data, folder)
        path = raw if name == 'movielens_1m' else next(path for path in raw.iterdir() if path.name.startswith('train'))
        table = scored(run, path).table
        if name == 'movielens_1m':
            table = table.filter(pl.col('label').is_not_null())
            of_row = split_rows(table.height)
        else:
            split_of = authors_split(table['label'].to_numpy())
            of_row = {split: np.flatnonzero(split_of == number) for number, split in enumerate(SPLITS)}
        for split in SPLITS:
            assert table['logit'].to_numpy()[of_row[split]].tolist() == splits[split]['logit'].to_list(), recipe
