"""Figure 7: pairs of fields in attention, the runs it needs, and rows by their values."""

import json

import numpy as np
import pytest
from sweep_cases import write_record

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.explain.pairs import rank_correlations, ranked_pairs
from autoint_jax.explain.rows import rows_with
from autoint_jax.reproduction.paper import attention
from autoint_jax.training.progress import Bar

NAMES = ['a', 'b', 'c', 'd', 'e']


def drawn(seed):
    """Attention of 2 layers and 3 heads over NAMES, rows summing to 1."""
    weights = np.random.default_rng(seed).random((2, 3, 5, 5))
    return weights / weights.sum(-1, keepdims=True)


def test_pairs_are_ranked_by_the_mean_of_both_directions():
    weights = drawn(0).mean((0, 1))
    found = ranked_pairs(weights, NAMES)
    ordered = sorted((weights[f, g] for f in range(5) for g in range(5) if f != g), reverse=True)
    naive = sorted(
        ((weights[f, g] + weights[g, f]) / 2, NAMES[f], NAMES[g]) for f in range(5) for g in range(f + 1, 5)
    )[::-1]
    assert [pair.fields for pair in found] == [(one, other) for _, one, other in naive]
    assert [pair.rank for pair in found] == list(range(1, 11))
    for pair, (strength, one, other) in zip(found, naive, strict=True):
        f, g = NAMES.index(one), NAMES.index(other)
        assert pair.strength == pytest.approx(strength) and (pair.forward, pair.backward) == (
            weights[f, g],
            weights[g, f],
        )
        assert (pair.forward_rank, pair.backward_rank) == (
            ordered.index(weights[f, g]) + 1,
            ordered.index(weights[g, f]) + 1,
        )
    assert {pair.rank for pair in ranked_pairs(np.full((5, 5), 0.2), NAMES)} == {10}  # even attention favours no pair


def test_rank_correlations_are_spearmans_without_the_diagonal():
    one, other, third = (drawn(seed).mean((0, 1)) for seed in range(3))
    apart = [(f, g) for f in range(5) for g in range(5) if f != g]
    ranks = [np.argsort(np.argsort([weights[at] for at in apart])) for weights in (one, other, third)]
    naive = [1 - 6 * np.sum((ranks[a] - ranks[b]) ** 2) / (20 * (20**2 - 1)) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert rank_correlations([one, other, third]) == pytest.approx(naive)
    assert rank_correlations([one]) == []
    np.fill_diagonal(other := one.copy(), 0.9)
    assert rank_correlations([one, other]) == pytest.approx([1])


def test_a_claim_passes_only_if_every_seed_bears_it_out(tmp_path):
    strong, weak = drawn(0), drawn(0)
    strong[..., 3, 0] += 2  # a and d, far the strongest
    weak[..., 0, 3] = weak[..., 3, 0] = 0  # and the weakest
    twice = attention.judged([strong, strong], NAMES, [('d', 'a')])
    verdicts = {tuple(row['fields']): row['verdict'] for row in twice}
    assert verdicts.pop(('a', 'd')) == 'PASS' and set(verdicts.values()) == {None} and twice[0]['fields'] == ['a', 'd']
    assert attention.judged([strong], NAMES, [('a', 'd')])[0]['verdict'] == attention.ONE_SEED
    differing = {tuple(row['fields']): row for row in attention.judged([strong, weak], NAMES, [('a', 'd')])}['a', 'd']
    assert differing['rank'] == 1 and differing['ranks_of_seeds'] == ['1', '10'] and differing['verdict'] == 'FAIL'
    fourth = twice[3]['fields']  # of ten, not among the strongest third
    assert attention.judged([strong, strong], NAMES, [fourth])[3]['verdict'] == 'FAIL'
    assert attention.agreement([strong])['verdict'] == attention.ONE_SEED
    assert attention.agreement([strong, strong]) == {'rank_correlations': [pytest.approx(1)], 'verdict': 'PASS'}
    assert attention.agreement([strong, drawn(5)])['verdict'] == 'FAIL'
    attention.write_weights(tmp_path / 'weights.csv', [strong, weak], NAMES)
    lines = (tmp_path / 'weights.csv').read_text().splitlines()
    assert len(lines) == 1 + 2 * 2 * 3 * 25 and f'1,2,3,e,b,{weak[1, 2, 4, 1]:.6f}' in lines


def test_rows_are_found_by_their_values(data_dir):
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    columns, known = data.split('train'), data.vocabularies()
    genders = [known['Gender'].values[row[0] - 1] for row in columns.ids]
    genres = [{known['Genre'].values[at - 1] for at in row[-6:] if at} for row in columns.ids]
    wanted = next(one for one, gender in zip(genres, genders, strict=True) if gender == 'M' and len(one) == 2)
    naive = [row for row in range(len(columns)) if genders[row] == 'M' and genres[row] == wanted]
    assert rows_with(data, columns, {'Gender': {'M'}, 'Genre': wanted}).tolist() == naive
    assert 3 < len(naive) < sum(wanted <= one for one in genres)
    assert (
        len(rows_with(data, columns, {'Gender': {'M'}, 'Genre': wanted | {'Thriller'}})) == 0
    )  # not a genre of this data
    with pytest.raises(UsageError, match="no field 'RequestTime' with values"):
        rows_with(data, columns, {'RequestTime': {'0'}})


@pytest.mark.usefixtures('quick_compilation')
def test_a_run_is_trained_where_only_its_record_is_left(data_dir, tmp_path):
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    config = configuration.load(CONFIGS / 'movielens_1m_lr.toml')
    config = configuration.replace(config, {'training.epochs': 1})
    record = write_record(tmp_path / 'results', 'lr', config, data.hash, 0.8)
    stored.write_json(record, json.loads(record.read_text()) | {'of': 'an earlier commit'})

    def trained():
        (folder,) = attention.trained_seeds(
            'lr', config, 1, data, runs_dir=tmp_path / 'runs', results_dir=tmp_path / 'results', reporter=Bar()
        )
        assert folder == tmp_path / 'runs' / record.stem and list((folder / 'checkpoints').iterdir())
        return (folder / 'result.json').stat().st_mtime_ns

    assert trained() == trained()  # once
    assert json.loads(record.read_text())['of'] == 'an earlier commit'
    record.unlink()
    trained()
    assert json.loads(record.read_text())['test'].keys() == {'auc', 'logloss'}


@pytest.mark.slow
def test_the_experiment_draws_maps_and_one_seed_proves_nothing(command, data_dir, tmp_path):
    done = command(
        'experiments/figure7_attention.py',
        '--quick',
        '--seeds=1',
        '--rows=2',
        '--split=valid',
        f'--data_dir={data_dir}',
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / 'runs' / 'quick' / 'results'
    assert {path.name for path in results.glob('*.png')} == {
        f'figure7_attention_movielens_1m_{part}.png' for part in ('mean', 'heads', 'row_2')
    }
    record = json.loads((results / 'figure7_attention_movielens_1m.json').read_text())
    assert {' '.join(row['fields']): row['verdict'] for row in record['rows'] if row['verdict']} == dict.fromkeys(
        ('Gender Genre', 'Age Genre', 'ReleaseTime RequestTime'), 'ONE SEED'
    )
    assert len(record['rows']) == 21 and record['verdict'] == record['agreement']['verdict'] == 'ONE SEED'
    assert record['drawn'][0]['row'] == 2 and record['split'] == 'valid'
    lines = attention.attention_lines(results)
    assert sum(line.endswith('| ONE SEED |') for line in lines) == 3 and lines[-1].endswith('movielens_1m_mean.png)')
