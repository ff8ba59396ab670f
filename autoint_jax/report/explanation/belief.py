"""The section that asks how far the others can be believed."""

from collections.abc import Mapping

import numpy as np

from autoint_jax.evaluation.quality import Curve
from autoint_jax.explain.findings import Belief, Permuted
from autoint_jax.report import curves, dots, matrices
from autoint_jax.report.blocks import VERDICT, Block, Chart, Items, Section, Text
from autoint_jax.report.explanation import kinds, words


def section(belief: Belief, labels: Mapping[str, str]) -> Section:
    """Returns the section; `labels` are the names of the fields in pictures."""
    blocks: list[Block] = [
        Text('A picture of weights is a claim about the model. These are the checks of each claim, and what follows.')
    ]
    if belief.sentences:
        blocks.append(Items(belief.sentences, VERDICT))
    if belief.deletion or belief.insertion:
        blocks.append(_replaced(belief))
    if len(belief.kinds) > 1:
        titles = [kinds.kind(name).title for name in belief.kinds]
        blocks.append(
            Chart(
                'kinds_agree',
                matrices.correlations(belief.correlations, titles),
                'Do the kinds of evidence agree? Rank correlation of the strengths of all pairs by two kinds. Near 0, '
                'one kind says nothing about the order by the other.',
                'Rank correlations between kinds of evidence.',
            )
        )
    if belief.permuted:
        blocks.append(_permuted(belief.permuted, labels))
    if belief.seeds:
        blocks.append(_seeds(belief.seeds))
    return Section('belief', 'Can it be believed?', blocks)


def _replaced(belief: Belief) -> Chart:
    def of(found: Mapping[str, Curve]) -> dict[str, curves.Curve]:
        return {
            'at random' if name == 'random' else kinds.kind(name).title: curves.Curve(found[name].x, found[name].y)
            for name in kinds.in_order(list(found))
        }

    specs = [
        curves.lines(of(found), curves.Axis(across, form='d'), curves.Axis(up, zero=True), title=title)
        for found, title, across, up in (
            (belief.deletion, 'Deletion', 'fields replaced, most important first', 'change of the logit'),
            (belief.insertion, 'Insertion', 'fields put in, most important first', 'distance to the logit'),
        )
        if found
    ]
    return Chart(
        'replaced',
        curves.beside(*specs),
        'Left: the fields of a row are replaced by those of another row, in the order of each kind of evidence; the '
        'mean absolute change of the logit. A kind that finds what matters rises early. Right: fields of the row are '
        'put into another row; a kind that finds what matters falls early. A kind '
        'that is no better than the random order finds nothing.',
        'Deletion and insertion curves for each kind of evidence.',
    )


def _permuted(permuted: list[Permuted], labels: Mapping[str, str]) -> Chart:
    values = []
    for one in permuted:
        called = words.group([labels[name] for name in one.fields])
        values += [
            dots.Dot(called, one.loss, one.low, one.high, 'permuted together'),
            dots.Dot(called, one.alone, series='sum of each alone'),
        ]
    return Chart(
        'permuted',
        dots.dots(values, 'loss of AUC'),
        'What the ranking loses if the values of a pair are permuted over the rows, with 95 % intervals. Where the '
        'pair together costs no more than its fields alone, its interaction adds little to the ranking.',
        'Loss of AUC when pairs are permuted.',
    )


def _seeds(seeds: Mapping[str, float]) -> Chart:
    values = [
        dots.Dot(kinds.kind(name).title, float(seeds[name]))
        for name in kinds.in_order(list(seeds))
        if np.isfinite(seeds[name])
    ]
    return Chart(
        'seeds_agree',
        dots.dots(values, 'mean rank correlation over pairs of runs'),
        'Would another seed say the same? Agreement of runs that differ in the seed only. What changes with the seed '
        'is no property of the data.',
        'Agreement over seeds for each kind of evidence.',
    )
