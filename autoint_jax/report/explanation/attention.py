"""The section about attention: the maps of all layers and heads, and a panel that shows each of them for some rows."""

from collections.abc import Sequence

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from autoint_jax.explain.findings import Agreement, AttentionFindings, Findings
from autoint_jax.report import dots, matrices, packed
from autoint_jax.report.blocks import CAUTION, VERDICT, Block, Chart, Panel, Section, Text
from autoint_jax.report.explanation import words
from autoint_jax.units import counted

# Fields whose maps a page holds, bytes of the page for the maps of groups of rows, and cells of the small maps.
MOST_FIELDS, MOST_BYTES, MOST_CELLS = 100, 1_800_000, 10_000
NEARLY_UNIFORM = 0.35  # a map within this share of the uniform weight says little


def section(findings: Findings, labels: Sequence[str]) -> Section | None:
    """Returns the section, or None if the model has no attention; `labels` are the names of the fields in pictures."""
    found = findings.attention
    if found is None:
        return None
    shown = attended(found)
    names = [labels[field] for field in shown]
    within = np.ix_(shown, shown)
    average = found.groups[0].maps
    blocks: list[Block] = [
        Text(
            'Attention is what the model was built to show: in each layer and head, every field gives each field a '
            f'weight, and the weights of a field have a common sum. If it made no difference between fields, every '
            f'weight would be {words.number(found.uniform)}. Colours therefore show the difference from this number.'
        ),
        *_range(found),
        _small_maps(average[..., within[0], within[1]], found, names),
        _panel(findings, found, shown, names),
    ]
    if found.agreement is not None:
        blocks += _agreement(found)
    return Section('attention', 'What attention shows', blocks)


def attended(found: AttentionFindings) -> np.ndarray:
    """Returns the numbers of the fields that the page shows: all, or the MOST_FIELDS that get most attention."""
    got = found.groups[0].maps.mean((0, 1)).sum(0)
    return np.sort(np.argsort(-got, kind='stable')[:MOST_FIELDS])


def clustered(weights: np.ndarray) -> list[int]:
    """Returns an order of the fields of a map [f, g] in which fields that exchange much attention stand together."""
    count = len(weights)
    if count < 3:
        return list(range(count))
    near = (weights + weights.T) / 2
    apart = np.maximum(near.max() - near, 0.0)
    np.fill_diagonal(apart, 0.0)
    joined = hierarchy.average(squareform(apart, checks=False))
    return hierarchy.leaves_list(joined).tolist()


def _range(found: AttentionFindings) -> list[Block]:
    """Returns what the range of the mean weights says."""
    mean = found.groups[0].maps.mean((0, 1))
    low, high = float(mean.min()), float(mean.max())
    text = (
        f'Averaged over layers, heads and {counted(found.groups[0].rows, "row")}, the weights lie between '
        f'{words.number(low)} and {words.number(high)}, where uniform is {words.number(found.uniform)}.'
    )
    if max(high / found.uniform - 1, 1 - low / found.uniform) < NEARLY_UNIFORM:
        return [Text(f'{text} This is nearly uniform: the average map singles out no pair of fields by much.', CAUTION)]
    return [Text(text, VERDICT)]


def _small_maps(average: np.ndarray, found: AttentionFindings, names: list[str]) -> Chart:
    """Returns a map for each layer and head, or their mean if these would be too many."""
    layers, heads, count = average.shape[:3]
    if layers * heads * count**2 <= MOST_CELLS:
        weights = list(average.swapaxes(0, 1).reshape(-1, count, count))
        titles = [f'{layer}, head {head + 1}' for head in range(heads) for layer in found.layers]
        of = 'Each layer and head'
    else:
        weights, titles, of = [average.mean((0, 1))], ['mean of layers and heads'], 'The mean of layers and heads'
    columns = min(layers if len(weights) > 1 else 1, 4)
    place = 'The field on the left attends to the field on top or below.'
    if not matrices.named(count, columns):
        place = 'Rows are fields that attend, columns are attended; both stand in the order of the data.'
    return Chart(
        'attention_maps',
        matrices.maps(weights, titles, names, found.uniform, columns=columns, title='weight'),
        f'{of}, averaged over {counted(found.groups[0].rows, "row")}. {place} All maps share one scale, '
        'so that a pale map is one that hardly differs from uniform. A map shows where weight goes; whether the '
        'prediction depends on it is asked in the last section.',
        f'Maps of attention, {counted(len(weights), "map")} of {counted(count, "field")}.',
    )


def _panel(findings: Findings, found: AttentionFindings, shown: np.ndarray, names: list[str]) -> Panel:
    """Returns the panel, with as many groups of rows as the page has room for."""
    within = np.ix_(shown, shown)
    groups = found.groups
    each = packed.packed_bytes(groups[0].maps[..., within[0], within[1]].size)
    kept = groups[: max(1, MOST_BYTES // each)]
    maps = np.stack([one.maps[..., within[0], within[1]] for one in kept])
    left = [
        f'The page holds {len(kept)} of {len(groups)} groups of rows; the others are in numbers/attention.parquet.'
        if len(kept) < len(groups)
        else '',
        f'It holds {len(shown)} of {len(findings.fields)} fields, those that get most attention.'
        if len(shown) < len(findings.fields)
        else '',
    ]
    caption = (
        'Mean attention of groups of rows. Choose a layer, a head and rows; move over the cells with the mouse, or '
        f'with the arrow keys, to read the weights. They were computed by the {findings.run.form} form of the layers, '
        'which writes them out; the logits are those of the form that was trained.'
    )
    data = {
        'names': names,
        'layers': found.layers,
        'uniform': found.uniform,
        'groups': [{'name': one.name, 'rows': one.rows} for one in kept],
        'maps': packed.array(maps),
        'clustered': clustered(maps[0].mean((0, 1))),
    }
    return Panel('attention_panel', 'attention', data, ' '.join(filter(None, [caption, *left])))


def _agreement(found: AttentionFindings) -> list[Block]:
    """Returns how much the maps of several runs agree."""
    agreement = found.agreement
    assert agreement is not None
    count = len(agreement.runs)
    apart = ~np.eye(count, dtype=bool)
    of_mean = agreement.correlations[-1][apart]
    text = (
        f'The maps of {count} runs that differ in the seed only have rank correlations between '
        f'{words.number(float(of_mean.min()), 2)} and {words.number(float(of_mean.max()), 2)}, over the weights '
        'between different fields. At 1 all runs would rank the pairs alike; at 0 a map is an accident of its seed.'
    )
    titles = [f'seed run {number + 1}' for number in range(count)]
    titles[0] = 'this run'
    chart = Chart(
        'attention_agreement',
        matrices.correlations(agreement.correlations[-1], titles),
        f'Rank correlation of the mean maps of these runs: {words.listed(agreement.runs)}.',
        'Rank correlations of attention between runs.',
    )
    return [Text(text, VERDICT if of_mean.min() > 0.7 else CAUTION), chart, _by_layer(agreement)]


def _by_layer(agreement: Agreement) -> Chart:
    """Returns how much the maps of several runs agree in each layer."""
    upper = np.triu_indices(len(agreement.runs), 1)
    values = []
    for name, matrix in zip(agreement.of, agreement.correlations, strict=True):
        own = matrix[upper]
        if np.isfinite(own).all():
            values.append(dots.Dot(name, float(own.mean()), float(own.min()), float(own.max())))
    return Chart(
        'agreement_by_layer',
        dots.dots(values, 'rank correlation between two runs'),
        'The same in each layer, over the mean of its heads, because heads of different runs do not correspond: the '
        'mean over every two runs, with the lowest and the highest of them.',
        'Rank correlations of attention between runs, layer by layer.',
    )
