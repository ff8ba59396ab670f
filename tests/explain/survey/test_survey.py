"""Findings about small trained runs equal what NumPy computes of their predictions and weights."""

import random
import shutil

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import autoint_jax
from autoint_jax.data.datasets import registry
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.errors import UsageError
from autoint_jax.explain import attention
from autoint_jax.explain.survey import quality, survey
from autoint_jax.explain.survey.request import Choice, Source, Surveyed, drawn, rows_for
from autoint_jax.explain.texts import ValueTexts
from autoint_jax.interface.sources import check_others, input_source
from autoint_jax.scoring.predictor import scorer_of
from autoint_jax.training.trained import open_run

FIELDS = ['a', 'b', 'tags', 'user', 'size']
DECLARATION = """
files: log.csv
label: y
split: {column: {name: part, train: [a], valid: [b], test: [c]}}
fields:
  - {name: a}
  - {name: b}
  - {name: tags, kind: multivalued, separator: ';'}
  - {name: user, min_count: 2}
  - {name: size, kind: numeric}
"""
OPTIONS = {
    'model.embedding_dim': 4,
    'model.num_layers': 2,
    'model.num_heads': 2,
    'model.head_dim': 4,
    'execution.form': 'heads',
    'training.batch_size': 256,
    'training.epochs': 2,
    'optimizer.learning_rate': 0.05,
}
CHOICE = Choice(scores=4000, shown_rows=6, group_by='user')


@pytest.fixture(scope='module')
def folder(tmp_path_factory, quick_compilation):
    """Prepared rows in which the signs of a and b together decide, a run on them, and its copy."""
    folder, rng = tmp_path_factory.mktemp('log'), random.Random(5)
    rows = []
    for _ in range(2000):
        a, b = (rng.randrange(4) for _ in range(2))
        tags = ';'.join(rng.sample(['x', 'y', 'z'], rng.randrange(3)))
        likely = 0.85 if (a % 2) == (b % 2) else 0.15
        label = int(rng.random() < likely)
        rows.append(f'{a},{b},{tags},{rng.randrange(900)},{rng.random():.3f},{label},{rng.choice("aaabc")}\n')
    (folder / 'log.csv').write_text('a,b,tags,user,size,y,part\n' + ''.join(rows))
    (folder / 'log.yaml').write_text(DECLARATION)
    registry.prepare_own(folder / 'log.yaml', None, folder / 'data', registry.Options(0.0))
    options = {'model.name': 'autoint', **OPTIONS, 'seed': 3}
    autoint_jax.train(options, 'log', data_dir=folder / 'data', run_dir=folder / 'run_0', quiet=True)
    shutil.copytree(folder / 'run_0', folder / 'run_1')
    return folder


def opened(folder, name):
    run = open_run(folder / name, str(folder / 'data'), None)
    return Surveyed(folder / name, run, scorer_of(run))


@pytest.fixture(scope='module')
def surveyed(folder):
    return opened(folder, 'run_0')


@pytest.fixture(scope='module')
def source(surveyed):
    data = surveyed.run.data
    return Source('test', data.split('test'), None, data.split('train'))


@pytest.fixture(scope='module')
def found(folder, surveyed, source):
    return survey.findings_of(surveyed, source, CHOICE, [opened(folder, 'run_1')])


def test_the_run_and_its_rows_are_named(found, source):
    assert found.run == (
        'run_0', 'autoint', 'csv', 'log', 'test', '', len(source.columns), 'einsum', [3, 3], ['run_1']
    )  # fmt: skip
    assert found.fields == FIELDS


def test_figures_are_those_of_the_predictions(found, surveyed, source):
    logits = np.concatenate(list(surveyed.run.logits(source.columns)))
    labels = np.asarray(source.columns.labels)
    assert found.quality.metrics['auc'].value == pytest.approx(roc_auc_score(labels, logits))
    assert list(found.quality.learning) == ['run_0', 'run_1'] and len(found.quality.learning['run_0']) == 2
    by = {one.by for one in found.quality.segments}
    assert by == {'a', 'b', 'tags', 'decile of prediction', 'rarest id of the row'}  # user has too many values
    ids = np.asarray(source.columns.ids)
    for one in found.quality.segments:
        if one.by == 'a':
            rows = ids[:, 0] == 1 + int(one.value)
            assert one.rows == rows.sum() and one.auc == pytest.approx(roc_auc_score(labels[rows], logits[rows]))
        if one.by == 'tags' and one.value == 'x':
            assert one.rows == (ids[:, surveyed.run.setup.schema.slots['tags']] == 1).any(1).sum()
    assert found.quality.group_auc.key == 'user' and found.quality.group_auc.groups > 5


def test_attention_is_averaged_over_groups(found, surveyed, source):
    weights = attention.attention_of(surveyed.run.setup, surveyed.run.state, source.columns).weights
    logits = np.concatenate(list(surveyed.run.logits(source.columns)))
    groups = {one.name: one for one in found.attention.groups}
    order, labels = np.argsort(logits), np.asarray(source.columns.labels)
    wanted = {'all rows': labels >= 0, 'label 1': labels == 1}
    for name, rows in wanted.items():
        np.testing.assert_allclose(groups[name].maps, weights[rows].mean(0), atol=1e-5)
        assert groups[name].rows == rows.sum()
    lowest = order[: groups['decile 1 of prediction'].rows]
    np.testing.assert_allclose(groups['decile 1 of prediction'].maps, weights[lowest].mean(0), atol=1e-5)
    assert found.attention.uniform == pytest.approx(0.2)


def test_a_copy_of_a_run_agrees_with_it(found):
    agreement = found.attention.agreement
    assert agreement.runs == ['run_0', 'run_1'] and agreement.of == ['layer 1', 'layer 2', 'mean of layers']
    np.testing.assert_allclose(agreement.correlations, 1, atol=0.02)
    assert found.belief.seeds['attention'] > 0.6  # measured in fewer rows


def test_the_planted_pair_is_found_and_believed(found):
    pairs = found.interactions.pairs
    assert list(pairs) == ['attention', 'rollout', 'gradient', 'intervention', 'shapley'] == found.belief.kinds
    for kind in ('intervention', 'shapley'):
        assert pairs[kind].ranked()['fields'][0].to_list() == ['a', 'b']
    assert len(found.interactions.triples['intervention'].groups) == 10
    best = found.interactions.values[0]
    assert {'a', 'b'} <= set(best.fields) and best.rows >= 2
    losses = {one.fields: one for one in found.belief.permuted}
    assert losses['a', 'b'].low > 0.05 and losses['a', 'b'].alone > losses['a', 'b'].loss  # either field undoes it
    assert set(found.belief.seeds) == set(pairs) and found.belief.seeds['intervention'] > 0.5
    assert found.belief.deletion['intervention'].y[1] > found.belief.deletion['random'].y[1]
    assert any('a and b, costs' in sentence for sentence in found.belief.sentences)
    assert any('(2 runs, mean' in sentence for sentence in found.belief.sentences)


def test_single_rows_have_their_values_and_scores(found, surveyed, source):
    logits = np.concatenate(list(surveyed.run.logits(source.columns)))
    assert len(found.rows) == 6
    for row in found.rows:
        assert row.logit == logits[row.number] and row.label == source.columns.labels[row.number]
        assert row.probability == pytest.approx(1 / (1 + np.exp(-row.logit)))
        assert int(row.values[0]) == source.columns.ids[row.number, 0] - 1
        assert row.attention.shape == (2, 2, 5, 5) and row.field_effects.shape == (5,)
        sizes = [abs(effect) for _, _, effect in row.pairs]
        assert sizes == sorted(sizes, reverse=True) and len(sizes) == 10


def test_conditions_and_rows_are_kept_to(surveyed, source):
    raw = source._replace(name='new.csv', texts=lambda number: [f'row {number}'] * 5, training=None)
    asked = Choice(where=('a=2',), rows=(3, 0), shown_rows=4, scores=500)
    found = survey.findings_of(surveyed, raw, asked)
    ids = np.asarray(source.columns.ids)
    assert found.run.where == 'rows where a is 2' and found.run.rows == (ids[:, 0] == 3).sum()
    names = [one.name for one in found.attention.groups]
    assert names[:3] == ['rows where a is 2', 'all rows of new.csv', 'label 0, where a is 2']
    assert found.attention.groups[1].rows == len(source.columns)
    assert [row.number for row in found.rows[:2]] == [3, 0] and len(found.rows) == 4
    assert found.rows[0].values == ['row 3'] * 5 and all(ids[row.number, 0] == 3 for row in found.rows[2:])
    assert found.belief.seeds is None and 'rarest id of the row' not in {one.by for one in found.quality.segments}


@pytest.mark.slow
def test_rows_without_labels_have_no_quality(folder):
    few = pl.read_csv(folder / 'log.csv', infer_schema=False).select(FIELDS).head(40)
    found = autoint_jax.load(folder / 'run_0', data_dir=folder / 'data').findings(few)
    assert (
        found.run.source == 'rows'
        and found.quality is None
        and found.belief.permuted == []
        and {row.label for row in found.rows} == {None}
    )
    assert len(found.attention.groups) == 11 and len(found.rows) == 40


@pytest.mark.parametrize(
    'choice, sentence',
    [
        (Choice(where=('a=9',)), "field 'a' has no value '9'"),
        (Choice(where=('a=1', 'a=2')), 'test has no rows where a is 1 and a is 2, and a report needs two'),
        (Choice(rows=(100_000,)), 'row 100000 is not in test: it has rows 0 to'),
        (Choice(segment_by=('size',), scores=50), "'size' is not a field with ids"),
        (Choice(group_by='tags', scores=50), "'tags' is not a categorical field.*choose one of a, b, user"),
    ],
)
def test_mistakes_are_one_sentence(surveyed, source, choice, sentence):
    with pytest.raises(UsageError, match=sentence):
        survey.findings_of(surveyed, source, choice)


def test_runs_that_cannot_be_compared_are_refused_at_once(folder, surveyed, tmp_path):
    check_others(surveyed, [folder / 'run_1'])
    with pytest.raises(UsageError, match='run_0 is the run itself: compare it with runs of other seeds'):
        check_others(surveyed, [folder / 'run_1', folder / 'run_0'])
    with pytest.raises(UsageError, match='is not a run folder'):
        check_others(surveyed, [tmp_path])
    shutil.copy(folder / 'run_1' / 'run.json', tmp_path)
    text = (tmp_path / 'run.json').read_text()
    (tmp_path / 'run.json').write_text(text.replace('"num_heads": 2', '"num_heads": 1'))
    with pytest.raises(UsageError, match='holds a run of another model than'):
        check_others(surveyed, [tmp_path])
    (tmp_path / 'run.json').write_text(text.replace(surveyed.run.data.hash, 'f' * 64))
    with pytest.raises(UsageError, match='was trained on other data than'):
        check_others(surveyed, [tmp_path])


def test_raw_rows_are_shown_as_they_stand_in_their_file(folder, surveyed):
    (folder / 'new.csv').write_text('size,b,user,tags,a\n0.12345678,3,nobody,y;x,1\noops,1,5,x,1\n,,7,,2\n')
    found = input_source(surveyed, str(folder / 'new.csv'), 0.5, SilentPreparation())
    assert len(found.columns) == 2 and np.isnan(found.columns.labels).all()  # the second row cannot be parsed
    assert found.texts(0) == ['1', '3', 'y;x', 'nobody', '0.12345678']
    assert found.texts(1) == ['2', '(missing)', '(missing)', '7', '(missing)']
    texts = ValueTexts(surveyed.run.setup.schema, surveyed.run.data.vocabularies())
    assert texts.row(found.columns, 0) == ['1', '3', 'y | x', '(unknown)', '0.123457']


def test_rows_are_parted_by_how_often_ids_occur(surveyed, source):
    schema, columns = surveyed.run.setup.schema, source.columns
    times = quality._rarest(schema, quality._counts(schema, source.training), np.asarray(columns.ids))
    training, slots = np.asarray(source.training.ids), schema.slots
    for row in range(0, len(columns), 7):
        counts = []
        for name in ('a', 'b', 'tags', 'user'):
            for number in np.asarray(columns.ids)[row, slots[name]]:
                if number or name != 'tags':
                    counts.append((training[:, slots[name]] == number).sum() if number else 0)
        assert times[row] == min(counts)


def test_draws_are_bounded():
    assert rows_for(1000, 10, 5, 50) == 50 and rows_for(1000, 100, 5, 50) == 10 and rows_for(1000, 10**6, 5, 50) == 5
    numbers = np.arange(100, 200)
    few = drawn(numbers, 10, 0)
    assert len(few) == 10 and (np.diff(few) > 0).all() and drawn(numbers, 100, 0) is numbers
