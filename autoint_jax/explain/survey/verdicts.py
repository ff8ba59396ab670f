"""Sentences that say how far each kind of evidence can be believed, by what the checks found.

Every sentence gives the figures that it rests on. Interventions change the input and look at the output, so they say
what the model computes; the other kinds are measured by them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from autoint_jax.explain.effects import Effects
from autoint_jax.explain.findings import AttentionFindings, Permuted
from autoint_jax.explain.strengths import INTERVENTION
from autoint_jax.explain.survey.replacement_curves import RANDOM, Replaced

# Rank correlations from which two rankings are alike, and from which they have something in common.
ALIKE, SOMETHING = 0.7, 0.4
DEVIATIONS = 1.96
# Weights whose largest is at most so many times the smallest are nearly uniform.
NEARLY_UNIFORM = 2.0
NAMES = {
    'attention': 'Attention',
    'rollout': 'Rollout',
    'gradient': 'Gradient times attention',
    'intervention': 'Interventions',
    'shapley': 'Shapley interaction values',
}


def verb(kind: str, one: str, many: str) -> str:
    """Returns the form of a verb that stands after the name of a kind of evidence."""
    return many if kind in ('intervention', 'shapley') else one


def of_maps(attention: AttentionFindings) -> list[str]:
    """Says whether mean attention is nearly uniform."""
    mean = attention.groups[0].maps.mean((0, 1))
    apart = mean[~np.eye(len(mean), dtype=bool)]
    if not len(apart) or apart.min() <= 0:
        return []
    weights = (
        f'its weights lie between {apart.min():.3f} and {apart.max():.3f}, where {attention.uniform:.3f} is uniform'
    )
    if apart.max() <= NEARLY_UNIFORM * apart.min():
        return [f'Mean attention between different fields is nearly uniform: {weights}.']
    return [f'Mean attention tells fields apart: {weights}.']


def of_correlations(kinds: Sequence[str], correlations: np.ndarray) -> list[str]:
    """Says of each kind of evidence whether it ranks pairs as interventions do."""
    if INTERVENTION not in kinds:
        return []
    found = []
    for kind, value in zip(kinds, correlations[kinds.index(INTERVENTION)], strict=True):
        if kind == INTERVENTION or np.isnan(value):
            continue
        how, name = f'(rank correlation {value:.2f})', NAMES[kind]
        if value >= ALIKE:
            found.append(f'{name} {verb(kind, "ranks", "rank")} pairs as interventions do {how}.')
        elif value >= SOMETHING:
            found.append(
                f'{name} {verb(kind, "ranks", "rank")} pairs only in part as interventions do {how}: check a pair by '
                'interventions before you believe it.'
            )
        else:
            found.append(
                f'{name} {verb(kind, "ranks", "rank")} pairs otherwise than interventions do {how}: do not read '
                f'{verb(kind, "it", "them")} as the strength of interactions.'
            )
    return found


def of_curves(found: Mapping[str, Replaced]) -> list[str]:
    """Says of each kind of evidence whether its order of fields changes the logit faster than a random order."""
    sentences, best = [], found[INTERVENTION].gain.mean() if INTERVENTION in found else np.nan
    for kind, own in found.items():
        if kind == RANDOM or len(own.gain) < 2 or len(own.deletion.x) <= 2:  # a single field is in no order
            continue
        mean, half = own.gain.mean(), DEVIATIONS * own.gain.std(ddof=1) / np.sqrt(len(own.gain))
        figures = f'({mean:+.3f} logits against a random order, ± {half:.3f})'
        name, finds = NAMES[kind], verb(kind, 'finds', 'find')
        if mean < -half:
            sentences.append(f'{name} {verb(kind, "misleads", "mislead")}: fields ranked first matter less {figures}.')
        elif mean <= half:
            sentences.append(
                f'{name} {verb(kind, "does", "do")} not find the fields that matter to a prediction {figures}.'
            )
        elif kind != INTERVENTION and mean < ALIKE * best:
            sentences.append(
                f'{name} {finds} the fields that matter to a prediction only in part {figures}: {mean / best:.0%} of '
                'what interventions find.'
            )
        else:
            sentences.append(f'{name} {finds} the fields that matter to a prediction {figures}.')
    return sentences


def of_permuted(pairs: Mapping[str, Effects], losses: Sequence[Permuted]) -> list[str]:
    """Compares the loss of AUC of each kind's strongest pair with that of the interventions' strongest."""
    of_fields = {frozenset(one.fields): one for one in losses}
    best = {kind: of_fields.get(frozenset(strongest(effects))) for kind, effects in pairs.items() if effects.groups}
    base = best.get(INTERVENTION)
    if base is None:
        return []
    sentences = [
        f'To permute the pair that interventions hold to be the strongest, {_named(base)}, costs {_loss(base)} of AUC; '
        f'its two fields one by one cost {base.alone:.4f} in sum.'
    ]
    for kind, one in best.items():
        if one is None or kind == INTERVENTION:
            continue
        if one is base:
            sentences.append(f'{NAMES[kind]} {verb(kind, "holds", "hold")} the same pair to be the strongest.')
            continue
        start = f'To permute the strongest pair by {_low(kind)}, {_named(one)}, costs {_loss(one)}'
        if one.high < base.low:
            sentences.append(f'{start}: {_low(kind)} {verb(kind, "misleads", "mislead")} about what the model needs.')
        else:
            sentences.append(f'{start}.')
    return sentences


def of_seeds(seeds: Mapping[str, float] | None, runs: int) -> list[str]:
    """Says of each kind of evidence whether runs of other seeds rank pairs alike."""
    found = []
    for kind, value in (seeds or {}).items():
        if np.isnan(value):
            continue
        how = f'({runs} runs, mean rank correlation {value:.2f})'
        start = f'{NAMES[kind]} of one run {verb(kind, "ranks", "rank")} pairs'
        if value >= ALIKE:
            found.append(
                f'{start} as those of the other runs {how}.'.replace('as those', verb(kind, 'as that', 'as those'))
            )
        else:
            less = 'otherwise than' if value < SOMETHING else 'only in part as'
            found.append(
                f'{start} {less} {verb(kind, "that", "those")} of the other runs {how}: a ranking from one run is not '
                'to be believed.'
            )
    return found


def strongest(effects: Effects) -> tuple[str, ...]:
    """Returns the strongest group by the lower end of its interval, so that it is not chosen for its noise."""
    return effects.groups[int(np.argmax(effects.low))]


def _low(kind: str) -> str:
    return NAMES[kind][0].lower() + NAMES[kind][1:] if kind != 'shapley' else NAMES[kind]


def _named(one: Permuted) -> str:
    return ' and '.join(one.fields)


def _loss(one: Permuted) -> str:
    return f'{one.loss:.4f} ({one.low:.4f} to {one.high:.4f})'
