"""The page that compares runs."""

import math
from collections.abc import Sequence

import numpy as np

from autoint_jax.comparison.courses import by_figure, coordinates, learning_curves
from autoint_jax.comparison.figures import Compared, Spread, Test, compared
from autoint_jax.comparison.settings import NOT_READ, Setting, numbered, shared_metrics, shown
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.evaluation.paired import LEVEL
from autoint_jax.report.blocks import CAUTION, VERDICT, Block, Chart, Page, Section, Table, Text
from autoint_jax.report.dots import Dot, dots
from autoint_jax.report.ranks import critical_difference
from autoint_jax.units import counted

FEW_SEEDS = 5  # fewer blocks are named as few
MOST_COLUMNS = 6  # settings that have a column each; more have a line each


def comparison_page(settings: Sequence[Setting], first: str, name: str) -> Page:
    """Returns the page that compares settings.

    Args:
      settings: at least one; with all runs of at least two.
      first: the metric that chooses the best setting; all runs have it.
      name: of what is compared, for the title.
    """
    names = [*dict.fromkeys([first, *shared_metrics(settings)])]
    settings = numbered([settings[place] for place in by_figure(settings, compared(settings, first))])
    found = [compared(settings, metric) for metric in names if METRICS[metric].better is not None]
    runs = [run for setting in settings for run in setting.runs]
    data = list(dict.fromkeys(f'{run.config.data.dataset}/{run.config.data.recipe}' for run in runs))
    sections = [
        Section('figures', 'Figures', _figures(settings, found)),
        Section('tests', 'Is the best setting better by more than chance?', _tests(settings, found)),
        Section('ranks', 'Ranks over seeds', _ranks(settings, found)),
        Section('options', 'What differs', _options(settings)),
        Section('learning', 'Learning curves', learning_curves(settings, found[0])),
    ]
    if len(runs) > 2 and settings[0].options:
        sections.append(Section('coordinates', 'Options and figures of all runs', coordinates(settings, found[0])))
    facts = [
        ('data', ', '.join(data)),
        ('settings', str(len(settings))),
        ('runs', str(len(runs))),
        ('seeds', ', '.join(map(str, sorted({run.config.seed for run in runs})))),
        ('chosen by', f'validation {METRICS[first].title}'),
    ]
    return Page(f'Comparison of {name}', _lead(settings, found[0]), facts, sections)


def _lead(settings: Sequence[Setting], of: Compared) -> str:
    """Returns the answer in a sentence or two."""
    metric, best = METRICS[of.metric], settings[of.best]
    figure = _spread(of.test[of.best], of.metric)
    if len(settings) == 1:
        return (
            f'There is one setting, {best.name}, with {counted(len(best.runs), "seed")}: test {metric.title} {figure}.'
        )
    start = f'{best.name} has the best validation {metric.title}; its test {metric.title} is {figure}'
    tested = [test for test in of.others if not math.isnan(test.t)]
    if not tested:
        return f'{start}. No two settings share two seeds, so whether the difference is chance cannot be said.'
    better = [test for test in tested if test.t < 1 - LEVEL and _is_better(test, of.metric)]
    return (
        f'{start}. It is better than {len(better)} of {len(of.others)} others by more than chance (paired t-test over '
        'seeds, p below 0.05 after Holm).'
    )


def _is_better(test: Test, metric: str) -> bool:
    return METRICS[metric].rank(test.tests.difference.value) < 0


def _figures(settings: Sequence[Setting], found: Sequence[Compared]) -> list[Block]:
    heads = ['setting', 'seeds']
    for of in found:
        heads += [f'{METRICS[of.metric].title}, validation', f'{METRICS[of.metric].title}, test']
    rows: list[list[str | int]] = []
    for place in range(len(settings)):
        row: list[str | int] = [settings[place].name, len(settings[place].runs)]
        for of in found:
            row += [_spread(of.valid[place], of.metric), _spread(of.test[place], of.metric)]
        rows.append(row)
    metric = METRICS[found[0].metric]
    values = [
        Dot(setting.label, run.result.test[found[0].metric], note=f'{setting.name}, seed {run.config.seed}')
        for setting in settings
        for run in setting.runs
    ]
    return [
        Text(
            f'The best validation {metric.title} comes first. Test figures choose nothing. Behind ± is the sample '
            'standard deviation over seeds.'
        ),
        Table('table_of_figures', heads, rows, 'Means over seeds.', frozenset(range(1, len(heads)))),
        Chart(
            'test_figures',
            dots(values, f'test {metric.title}', zero=False),
            f'A dot is a run. Each line is a setting, with all of its seeds ({metric.better} is better).',
            f'Test {metric.title} of every run, a line for each of {len(settings)} settings.',
        ),
    ]


def _tests(settings: Sequence[Setting], found: Sequence[Compared]) -> list[Block]:
    if len(settings) < 2:
        return [Text('There is one setting, so there is nothing to test.')]
    few = min(test.tests.blocks for of in found for test in of.others)
    if max(test.tests.blocks for test in found[0].others) < 2:
        return [
            Text(
                'The best setting shares at most one seed with each other setting, so nothing can be said about '
                'chance: train each setting with the same seeds, at least five.',
                CAUTION,
            )
        ]
    blocks: list[Block] = [
        Text(
            'Two runs with the same seed see their rows in the same order, so settings are compared seed by seed. '
            'Below are the differences of test figures: the best setting minus the other. p is two-sided and adjusted '
            'by Holm for the number of settings. Before that, Wilcoxon needs at least six seeds for a p below 0.05.'
        )
    ]
    if few < FEW_SEEDS:
        blocks.append(
            Text(
                f'Some pairs of settings share only {few} seed{"s" * (few != 1)}. With so few, an interval is wide and '
                'a test finds little: train more seeds before you conclude that settings are equal.',
                CAUTION,
            )
        )
    for of in found:
        metric = METRICS[of.metric]
        rows: list[list[str | int]] = [
            [
                settings[test.setting].name,
                test.tests.blocks,
                _difference(test, of.metric),
                _interval(test, of.metric),
                _p(test.t),
                _p(test.wilcoxon),
            ]
            for test in of.others
        ]
        blocks.append(
            Table(
                f'tests_of_{of.metric}',
                ['other setting', 'seeds in both', 'difference', '95 % interval', 'p, t-test', 'p, Wilcoxon'],
                rows,
                f'{metric.title}: {settings[of.best].name} minus each other setting ({metric.better} is better).',
                frozenset(range(1, 6)),
            )
        )
    return blocks


def _ranks(settings: Sequence[Setting], found: Sequence[Compared]) -> list[Block]:
    of = found[0]
    if of.ranks is None:
        return [
            Text(
                f'A diagram of ranks needs at least three settings and two seeds that all of them have: there are '
                f'{len(settings)} settings and {len(of.blocks)} such seeds.'
            )
        ]
    title = METRICS[of.metric].title
    names, ranks = [setting.label for setting in settings], of.ranks.ranks.tolist()
    p = 'all figures are the same' if math.isnan(of.ranks.p) else f"Friedman's test has p {_p(of.ranks.p)}"
    caption = (
        f'Mean ranks of test {title} over {counted(len(of.blocks), "seed")}; {p}. Settings under one bar do not differ '
        f'significantly by this test: their ranks are nearer than the critical difference of Nemenyi at 0.05, '
        f'{of.ranks.critical_difference:.2f} (Demšar, JMLR 2006). It compares all pairs, by ranks alone, so with few '
        'seeds it finds less than the paired tests above. Seeds stand for the data sets of that paper, so it says '
        'nothing about other data.'
    )
    spec = critical_difference(names, ranks, of.ranks.critical_difference, of.ranks.groups)
    listed = ', '.join(f'{names[place]} {ranks[place]:.2f}' for place in np.argsort(ranks, kind='stable'))
    return [Chart('critical_difference', spec, caption, f'Mean ranks, the best first: {listed}.')]


def _options(settings: Sequence[Setting]) -> list[Block]:
    options = list(settings[0].options)
    if not options:
        return [Text('The runs differ in their seeds alone.')]
    if len(settings) <= MOST_COLUMNS:
        heads = ['option', *(setting.name for setting in settings)]
        rows = [[option, *(shown(setting.options[option]) for setting in settings)] for option in options]
    else:
        heads = ['setting', *options]
        rows = [[setting.name, *map(shown, setting.options.values())] for setting in settings]
    return [
        Text(f'The settings differ in {len(options)} option{"s" * (len(options) > 1)}; all others are equal.', VERDICT),
        Table('table_of_options', heads, rows, f'Values of each setting; {NOT_READ} if its model does not read it.'),
    ]


def _spread(spread: Spread, metric: str) -> str:
    mean = METRICS[metric].shown(spread.mean)
    return mean if spread.deviation is None else f'{mean} ± {METRICS[metric].shown(spread.deviation)}'


def _difference(test: Test, metric: str) -> str:
    value = test.tests.difference.value
    return 'none in common' if math.isnan(value) else f'{value:+.{METRICS[metric].digits}f}'


def _interval(test: Test, metric: str) -> str:
    low, high = test.tests.difference.low, test.tests.difference.high
    digits = METRICS[metric].digits
    return 'one seed only' if math.isnan(low) else f'{low:+.{digits}f} to {high:+.{digits}f}'


def _p(p: float) -> str:
    return 'no test' if math.isnan(p) else '< 0.0001' if p < 1e-4 else f'{p:.3g}'
