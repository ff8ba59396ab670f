"""Importance and interactions of a run equal loops over its predictions, and planted pairs come first."""

import itertools
import random

import numpy as np
import polars as pl
import pytest

import autoint_jax
from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.declaration.crosses import load_crosses
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.errors import UsageError
from autoint_jax.interface.crosses import export_crosses, strong_pairs
from autoint_jax.training.trained import open_run

FIELDS = ['a', 'b', 'c', 'd', 'size']
DECLARATION = """
files: log.csv
label: y
split: {column: {name: part, train: [a], valid: [b], test: [c]}}
fields: [{name: a}, {name: b}, {name: c}, {name: d}, {name: size, kind: numeric}]
"""
OPTIONS = {'model.embedding_dim': 4, 'training.batch_size': 256, 'training.epochs': 4, 'optimizer.learning_rate': 0.05}


@pytest.fixture(scope='module')
def folder(tmp_path_factory, quick_compilation):
    """Prepared rows in which the signs of a and b together decide."""
    folder, rng = tmp_path_factory.mktemp('log'), random.Random(5)
    rows = []
    for _ in range(2400):
        a, b, c, d = (rng.randrange(4) for _ in range(4))
        likely = 0.85 if (a % 2) == (b % 2) else 0.15
        rows.append(f'{a},{b},{c},{d},{rng.random():.3f},{int(rng.random() < likely)},{rng.choice("aaabc")}\n')
    (folder / 'log.csv').write_text('a,b,c,d,size,y,part\n' + ''.join(rows))
    (folder / 'log.yaml').write_text(DECLARATION)
    registry.prepare_own(folder / 'log.yaml', None, folder / 'data', registry.Options(0.0))
    return folder


def trained(folder, model, **options):
    return autoint_jax.train(
        {'model.name': model, **OPTIONS, **options}, 'log', data_dir=folder / 'data', run_dir=folder / model, quiet=True
    )


@pytest.fixture(scope='module')
def run(folder):
    return trained(folder, 'fm')


@pytest.fixture(scope='module')
def rows(folder):
    return pl.read_csv(folder / 'log.csv', infer_schema=False).select(FIELDS)


@pytest.mark.parametrize('order', [1, 2, 3])
def test_effects_equal_loops_over_predictions(run, rows, order):
    """With one background row, of each row alone and of all in the mean."""
    background, few = rows.slice(100, 1), rows.head(4)
    made, places = [], {}
    for row, size in itertools.product(range(4), range(6)):
        for kept in itertools.combinations(range(5), size):
            own, other = few.row(row), background.row(0)
            places[row, kept] = len(made)
            made.append([own[field] if field in kept else other[field] for field in range(5)])
    logits = run.predict(pl.DataFrame(made, FIELDS, orient='row'))['logit'].to_numpy().astype(np.float64)

    def difference(row, group, context):
        parts = [part for size in range(order + 1) for part in itertools.combinations(group, size)]
        return sum(
            (-1) ** (order - len(part)) * logits[places[row, tuple(sorted({*part, *context}))]] for part in parts
        )

    found = run.interactions(few, order=order, background=background)
    groups = list(itertools.combinations(range(5), order))
    assert found.groups == [tuple(FIELDS[field] for field in group) for group in groups] and found.rows == 4
    for number, group in enumerate(groups):
        others = set(range(5)) - set(group)
        both = [[difference(row, group, context) for context in (others, set())] for row in range(4)]
        assert found.strength[number] == pytest.approx(np.square(both).mean(), abs=1e-9)
        assert found.effect[number] == pytest.approx(np.mean(both), abs=1e-9)
    assert order == 3 or found.strength.max() > 0.01


@pytest.mark.slow
def test_the_planted_pair_is_first(folder, run):
    models = [
        run,
        trained(folder, 'autoint', **{'model.num_layers': 1, 'model.head_dim': 4, 'execution.form': 'heads'}),
    ]
    for one in models:
        for kind in ('intervention', 'shapley'):
            found = one.interactions(split='train', kind=kind, most_rows=500).ranked()
            assert found['fields'][0].to_list() == ['a', 'b'] and found['low'][0] > found['high'][1]
        importance = one.importance(split='test').ranked()
        assert {*importance['fields'].list.first()[:2]} == {'a', 'b'}
    for kind in ('attention', 'rollout', 'gradient'):
        found = models[1].interactions(split='test', kind=kind)
        assert len(found.groups) == 10 and (found.low <= found.strength).all() and (found.strength <= found.high).all()
        assert np.isnan(found.effect).all() and found.strength.min() >= 0


def test_a_model_without_interactions_has_none(folder, rows):
    linear = autoint_jax.train(
        {'model.name': 'lr', 'training.batch_size': 256, 'training.epochs': 1, 'optimizer.learning_rate': 0.05},
        'log',
        data_dir=folder / 'data',
        run_dir=folder / 'lr',
        quiet=True,
    )
    for kind in ('intervention', 'shapley'):
        assert linear.interactions(rows.head(50), kind=kind).strength.max() < 1e-10
        assert linear.importance(rows.head(50), kind=kind).strength.max() > 1e-5
    with pytest.raises(UsageError, match="model 'lr' .* has no attention over fields"):
        linear.interactions(rows.head(5), kind='rollout')


def test_draws_depend_on_the_seed_alone(run, rows):
    one = run.interactions(rows, most_rows=50, seed=1, backgrounds=3, fields=['a', 'b', 'size'])
    again = run.interactions(rows, most_rows=50, seed=1, backgrounds=3, fields=['a', 'b', 'size'])
    other = run.interactions(rows, most_rows=50, seed=2, backgrounds=3, fields=['a', 'b', 'size'])
    assert one.groups == [('a', 'b'), ('a', 'size'), ('b', 'size')] and one.rows == 50
    np.testing.assert_array_equal(one.strength, again.strength)
    assert (one.strength != other.strength).any()


MISTAKES = {
    'an unknown kind': ({'kind': 'interventon'}, "unknown kind 'interventon' .*did you mean 'intervention'"),
    'an unknown field': ({'fields': ['sise']}, "no field 'sise' .*did you mean 'size'"),
    'too many fields in a group': ({'order': 4}, 'order=4 must be at least 1 and at most 3'),
    'more than the fields': ({'order': 3, 'fields': ['a', 'b']}, 'order=3 must be at least 1 and at most 2'),
    'attention of three': ({'order': 3, 'kind': 'rollout'}, "kind='rollout' is about pairs"),
    'no rows': ({'most_rows': 0}, 'most_rows=0 must be at least 1'),
    'odd samples': ({'samples': 3}, 'samples=3 must be an even number'),
    'both': ({'split': 'test'}, 'either rows or split'),
}


@pytest.mark.parametrize('options, sentence', MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_sentence(run, rows, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        run.interactions(rows.head(5), **options)


def test_one_row_needs_a_background(run, rows):
    with pytest.raises(UsageError, match='one row has no other row beside it: pass rows as background'):
        run.importance(rows.head(1))
    assert run.importance(rows.head(1), background=rows).rows == 1


def test_exported_crosses_are_the_strongest_pairs(folder, run, tmp_path):
    opened = open_run(run.folder, str(folder / 'data'), None)
    path = export_crosses(run.folder, opened, 1, tmp_path / 'best.yaml')
    assert load_crosses(path).plans == (CrossPlan('a x b', ('a', 'b'), min_count=5),)
    with pytest.raises(UsageError, match='best.yaml exists already: move it away, or name another file by --crosses'):
        export_crosses(run.folder, opened, 1, path)
    for count in (0, 11):
        with pytest.raises(UsageError, match=f'{count} crosses are wanted: name a number from 1 to 10'):
            export_crosses(run.folder, opened, count, None)
    found = run.interactions(split='valid', most_rows=4000).ranked()
    pairs = strong_pairs(opened, 10)
    assert [list(pair.cross.fields) for pair in pairs] == found['fields'].to_list()
    np.testing.assert_array_equal([pair.strength for pair in pairs], found['strength'])


@pytest.mark.slow
def test_an_exported_cross_lets_a_linear_model_learn_the_planted_pair(folder, run, tmp_path):
    path = export_crosses(run.folder, open_run(run.folder, str(folder / 'data'), None), 1, tmp_path / 'best.yaml')
    declared = tmp_path / 'crossed.yaml'
    declared.write_text(DECLARATION.replace('log.csv', str(folder / 'log.csv')) + path.read_text())
    registry.prepare_own(declared, None, tmp_path, registry.Options(0.0))
    options = {'model.name': 'lr', **OPTIONS, 'training.epochs': 3}
    del options['model.embedding_dim']
    auc, logits = {}, {}
    for recipe, data_dir in (('log', folder / 'data'), ('crossed', tmp_path)):
        linear = autoint_jax.train(options, recipe, data_dir=data_dir, run_dir=tmp_path / f'run_{recipe}', quiet=True)
        auc[recipe] = linear.evaluate('test')['auc']
        logits[recipe] = linear.predict(folder / 'log.csv')['logit'].to_numpy()
    assert auc['log'] < 0.6 and auc['crossed'] > 0.8
    raw = pl.read_csv(folder / 'log.csv')
    labels, test = raw['y'].to_numpy(), (raw['part'] == 'c').to_numpy()
    positive, negative = (logits['crossed'][test & (labels == label)] for label in (1, 0))
    ranked = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    assert ranked == pytest.approx(auc['crossed'], abs=1e-6)  # raw rows are crossed as those of the split
    other = open_run(tmp_path / 'run_crossed', str(tmp_path), None)
    assert len(strong_pairs(other, 10)) == 10  # no pair has the crossed field
