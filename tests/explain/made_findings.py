"""Made-up findings, of any number of fields and rows, for tests of what shows them."""

import itertools

import numpy as np

from autoint_jax.evaluation.quality import CalibrationBins, Curve, GroupAuc, Interval, Quality, Segment
from autoint_jax.explain.effects import Effects
from autoint_jax.explain.findings import (
    Agreement,
    AttentionFindings,
    AttentionGroup,
    Belief,
    Findings,
    Interactions,
    Permuted,
    Row,
    RunFacts,
    ValueGroup,
)

KINDS = ('attention', 'rollout', 'gradient', 'intervention', 'shapley')
SIGNED = ('intervention', 'shapley')
EVIL = '<img src=x onerror=alert(1)>'


def made_findings(
    fields: int = 7,
    rows: int = 12,
    *,
    layers: int = 2,
    heads: int = 2,
    attention: bool = True,
    labels: bool = True,
    others: int = 2,
    evil: bool = False,
    seed: int = 0,
) -> Findings:
    """Returns findings that are drawn at random.

    Args:
      fields, rows, layers, heads: numbers of them.
      attention: whether the model has attention.
      labels: whether the rows have labels.
      others: number of other runs.
      evil: whether the first field and its values have the name EVIL.
      seed: of the draws.
    """
    rng = np.random.default_rng((77, seed))
    names = [f'Field {number + 1}' for number in range(fields)]
    if evil:
        names[0] = EVIL
    runs = [f'made_{number}' for number in range(others + 1)]
    kinds = KINDS if attention else SIGNED
    return Findings(
        RunFacts(
            runs[0],
            'autoint' if attention else 'fm',
            'made',
            'own',
            'test',
            f"rows where {names[0]} is 'v1'" if evil else '',
            5000,
            'einsum' if attention else '',
            list(range(others + 1)),
            runs[1:],
        ),
        names,
        _quality(rng, names, runs, evil) if labels else None,
        _attention(rng, fields, layers, heads, runs) if attention else None,
        Interactions(
            {kind: _effects(rng, names, 1, kind) for kind in SIGNED},
            {kind: _effects(rng, names, 2, kind) for kind in kinds},
            {'intervention': _effects(rng, names[: min(fields, 8)], 3, 'intervention')},
            _values(rng, names, evil),
        ),
        [_row(rng, number, names, (layers, heads) if attention else None, labels, evil) for number in range(rows)],
        _belief(rng, names, kinds, labels, others),
    )


def _maps(rng, layers, heads, fields):
    weights = rng.dirichlet(np.full(fields, 40.0), (layers, heads, fields))
    return weights.astype(np.float32)


def _attention(rng, fields, layers, heads, runs):
    groups = [('all rows', 5000), ('label 0', 3000), ('label 1', 2000)]
    groups += [(f'decile {number + 1} of prediction', 500) for number in range(10)]
    of = [f'layer {number + 1}' for number in range(layers)] + ['mean of layers']
    correlations = rng.uniform(0.1, 0.9, (len(of), len(runs), len(runs)))
    correlations = (correlations + correlations.transpose(0, 2, 1)) / 2
    correlations[:, np.arange(len(runs)), np.arange(len(runs))] = 1.0
    return AttentionFindings(
        of[:-1],
        1 / fields,
        [AttentionGroup(name, rows, _maps(rng, layers, heads, fields)) for name, rows in groups],
        Agreement(runs, of, correlations) if len(runs) > 1 else None,
    )


def _effects(rng, names, order, kind):
    groups = list(itertools.combinations(names, order))
    strength = rng.exponential(0.1, len(groups))
    effect = rng.normal(0, 0.1, len(groups)) if kind in SIGNED else np.full(len(groups), np.nan)
    return Effects(groups, strength, 0.8 * strength, 1.2 * strength, effect, 5000)


def _values(rng, names, evil):
    found = []
    for number, fields in enumerate(itertools.islice(itertools.combinations(names, 2), 15)):
        strength = 1 / (number + 1)
        values = (EVIL if evil else f'v{number % 4}', f'v{number % 3}')
        found.append(ValueGroup(fields, values, 400 - 20 * number, strength, 0.7 * strength, 1.3 * strength, 0.1))
    return found


def _quality(rng, names, runs, evil):
    at = np.linspace(0, 1, 101)
    predicted = np.geomspace(0.001, 0.9, 15)
    observed = np.clip(predicted * rng.uniform(0.8, 1.2, 15), 0, 1)
    segments = [
        Segment(by, value, 500, 200, 0.4, 0.41, 0.75, 0.6, 0.71, 0.79)
        for by, values in (
            (names[0], [EVIL if evil else 'v0', 'v1', 'v2']),
            ('decile of prediction', [f'{number + 1}' for number in range(10)]),
            ('rarest id of the row', ['unknown or never in training', '1 to 9 times', '10 times and more']),
        )
        for value in values
    ]
    segments.append(Segment(names[0], 'v3', 3, 0, 0.0, 0.2, float('nan'), 0.3, float('nan'), float('nan')))
    learning = {
        run: [
            {
                'step': 10 * epoch,
                'epoch': float(epoch),
                'train_logloss': 0.6 - 0.02 * epoch,
                'valid_auc': 0.7 + 0.01 * epoch,
                'valid_logloss': 0.61 - 0.015 * epoch,
            }
            for epoch in range(1, 6)
        ]
        for run in runs
    }
    return Quality(
        {
            'auc': Interval(0.81, 0.80, 0.82),
            'logloss': Interval(0.45, 0.44, 0.46),
            'pr_auc': Interval(0.6, 0.58, 0.62),
            'normalized_entropy': Interval(0.8, 0.79, 0.81),
            'calibration': Interval(1.01, 0.99, 1.03),
            'calibration_error': Interval(0.012, 0.008, 0.02),
        },
        Curve(at, np.sqrt(at)),
        Curve(at, 1 - 0.6 * at),
        CalibrationBins(predicted, observed, 0.9 * observed, np.minimum(1.1 * observed, 1.0), np.full(15, 333)),
        learning,
        segments,
        GroupAuc(names[-1], 0.71, 0.69, 120, 0.93),
    )


def _row(rng, number, names, shape, labels, evil):
    logit = float(rng.normal())
    pairs = [(f, g, float(rng.normal(0, 0.1))) for f, g in itertools.combinations(range(len(names)), 2)]
    values = [f'v{rng.integers(0, 5)}' for _ in names]
    if evil:
        values[0] = EVIL
    return Row(
        17 * number,
        int(rng.integers(0, 2)) if labels else None,
        values,
        float(1 / (1 + np.exp(-logit))),
        logit,
        None if shape is None else _maps(rng, *shape, len(names)),
        rng.normal(0, 0.3, len(names)),
        sorted(pairs, key=lambda pair: -abs(pair[2])),
    )


def _belief(rng, names, kinds, labels, others):
    steps = np.arange(len(names) + 1.0)
    curve = Curve(steps, 1 - np.exp(-steps))
    correlations = rng.uniform(-0.2, 0.9, (len(kinds), len(kinds)))
    correlations = (correlations + correlations.T) / 2
    np.fill_diagonal(correlations, 1.0)
    pairs = list(itertools.islice(itertools.combinations(names, 2), 6))
    return Belief(
        dict.fromkeys((*kinds, 'random'), curve),
        {kind: Curve(steps, curve.y[::-1]) for kind in (*kinds, 'random')},
        [Permuted(pair, 0.05, 0.04, 0.06, 0.03) for pair in pairs] if labels else [],
        list(kinds),
        correlations,
        {kind: float(rng.uniform(0.2, 0.95)) for kind in kinds} if others else None,
        [
            'Attention ranks pairs otherwise than interventions do (rank correlation 0.12): '
            'do not read the map as importance.'
        ],
    )
