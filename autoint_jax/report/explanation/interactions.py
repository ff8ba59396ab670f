"""The section about interactions: which fields matter, and which interact, by every kind of evidence."""

from collections.abc import Mapping, Sequence

import numpy as np

from autoint_jax.explain.effects import Effects
from autoint_jax.explain.findings import Findings, ValueGroup
from autoint_jax.report import dots
from autoint_jax.report.blocks import Block, Chart, Items, Panel, Section, Table, Text
from autoint_jax.report.explanation import kinds, words
from autoint_jax.report.names import shortened
from autoint_jax.units import counted

MOST_SINGLES, MOST_PAIRS, MOST_TRIPLES, MOST_VALUES = 40, 2_000, 25, 60


def section(findings: Findings, labels: Mapping[str, str]) -> Section:
    """Returns the section; `labels` are the names of the fields in pictures."""
    found = findings.interactions
    blocks: list[Block] = []
    single = _best(found.singles)
    if single:
        blocks.append(_singles(single, found.singles[single], labels))
    if found.pairs:
        names = kinds.in_order(list(found.pairs))
        blocks += [
            Text(
                'Two fields interact if the effect of one depends on the value of the other. Several kinds of evidence '
                'stand side by side:'
            ),
            Items([f'{kinds.kind(name).title}: {kinds.kind(name).sentence}.' for name in names]),
            _pairs(found.pairs, labels),
        ]
    triple = _best(found.triples)
    if triple:
        blocks.append(_triples(triple, found.triples[triple], labels))
    if found.values:
        blocks.append(_values(found.values))
    return Section('interactions', 'Which fields matter, and which interact', blocks)


def _best(found: Mapping[str, Effects]) -> str:
    """Returns the kind that is shown if only one is: that of interventions, else the first; '' if there is none."""
    return 'intervention' if 'intervention' in found else next(iter(found), '')


def _dots(effects: Effects, labels: Mapping[str, str], most: int) -> list[dots.Dot]:
    """Returns the strongest groups of one or of three fields. Their mean effects are zero: rows replace each other."""
    order = np.argsort(-effects.strength, kind='stable')[:most]
    return [
        dots.Dot(
            words.group([labels[name] for name in effects.groups[place]]),
            float(effects.strength[place]),
            float(effects.low[place]),
            float(effects.high[place]),
        )
        for place in order
    ]


def _singles(kind: str, effects: Effects, labels: Mapping[str, str]) -> Chart:
    shown = _dots(effects, labels, MOST_SINGLES)
    return Chart(
        'singles',
        dots.dots(shown, kinds.kind(kind).unit),
        f'How much each field matters, by {kinds.kind(kind).title.lower()}: the mean squared change of the logit when '
        f'the value is replaced by that of another row, over {counted(effects.rows, "row")}, with 95 % intervals.'
        + _left(len(shown), len(effects.groups), 'fields'),
        'Strength of each field.',
    )


def _pairs(pairs: Mapping[str, Effects], labels: Mapping[str, str]) -> Panel:
    """Returns the panel of pairs; of very many pairs it holds those that some kind of evidence holds to be strong."""
    names = kinds.in_order(list(pairs))
    groups = pairs[names[0]].groups
    # Kinds may list the pairs in different orders.
    places = {name: {group: place for place, group in enumerate(pairs[name].groups)} for name in names}
    ranks = np.empty((len(names), len(groups)))
    for number, name in enumerate(names):
        strength = pairs[name].strength[[places[name][group] for group in groups]]
        ranks[number, np.argsort(-strength, kind='stable')] = np.arange(1, len(groups) + 1)
    kept = np.sort(np.argsort(ranks.min(0), kind='stable')[:MOST_PAIRS])
    rows = [
        {
            'pair': words.group([labels[name] for name in groups[place]]),
            'of': [
                [*_rounded(pairs[name], places[name][groups[place]]), int(ranks[number, place])]
                for number, name in enumerate(names)
            ],
        }
        for place in kept
    ]
    described = [{**kinds.kind(name)._asdict(), 'name': name, 'rows': pairs[name].rows} for name in names]
    caption = (
        'The strength of pairs of fields by each kind of evidence, each on an axis of its own, with 95 % intervals by '
        'resampling rows. Axes of weights do not begin at 0. Order the pairs by one kind and see whether the others '
        'agree. Interventions and Shapley values change the input and look at the output; the others look at weights, '
        'which may be large where nothing depends on them.' + _left(len(rows), len(groups), 'pairs')
    )
    return Panel('pairs', 'pairs', {'kinds': described, 'pairs': rows, 'total': len(groups)}, caption)


def _rounded(effects: Effects, place: int) -> list[float | None]:
    """Returns strength, low, high and effect of a group with six significant digits; None where it is not finite."""
    values = (effects.strength[place], effects.low[place], effects.high[place], effects.effect[place])
    return [float(f'{value:.6g}') if np.isfinite(value) else None for value in values]


def _triples(kind: str, effects: Effects, labels: Mapping[str, str]) -> Chart:
    shown = _dots(effects, labels, MOST_TRIPLES)
    return Chart(
        'triples',
        dots.dots(shown, kinds.kind(kind).unit),
        f'Triples by {kinds.kind(kind).title.lower()}: what the three fields do together beyond what their pairs do, '
        'with 95 % intervals. Compare the axis with that of pairs: triples are usually much weaker.'
        + _left(len(shown), len(effects.groups), 'triples'),
        'Strength of triples of fields.',
    )


def _values(values: Sequence[ValueGroup]) -> Table:
    rows: list[list[str | int]] = [
        [
            ', '.join(
                f'{shortened(name, 24)} = {shortened(value, 32)}'
                for name, value in zip(one.fields, one.values, strict=True)
            ),
            f'{one.rows:,}',
            words.number(one.strength),
            f'{words.number(one.low)} to {words.number(one.high)}',
            words.number(one.effect),
        ]
        for one in values[:MOST_VALUES]
    ]
    caption = (
        'Which values interact, by intervention. They are ranked by the lower end of the interval, so that a value of '
        'a few rows does not win by chance. The effect is how much the logit differs from the sum of the two single '
        'effects.' + _left(len(rows), len(values), 'groups of values')
    )
    heads = ['values', 'rows', 'strength', '95 % interval', 'effect in logits']
    return Table('value_pairs', heads, rows, caption, frozenset({1, 2, 3, 4}))


def _left(shown: int, count: int, noun: str) -> str:
    return f' The {shown:,} strongest of {count:,} {noun} are shown.' if shown < count else ''
