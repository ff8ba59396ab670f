"""The Markdown about many shapes of AutoInt, and other models, beside peers."""

import pathlib

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.markdown import table

SHAPES, MODELS = 'shapes of AutoInt', 'models'  # the titles of the records


def comparison_lines(folder: pathlib.Path) -> list[str]:
    """Returns tables of the records of a folder; [] without such records."""
    return lines_of(folder, '*.json', _shapes) + lines_of(folder, '*.json', _models)


def worst_and_best(folder: pathlib.Path) -> list[str]:
    """Returns list entries with the least and the largest ratio to the fastest peer; [] without such records."""
    found: dict[str, dict[str, float]] = {}

    def collect(record: Record, path: pathlib.Path) -> list[str]:
        if record['benchmark'] in (SHAPES, MODELS):
            for name, case in record['cases'].items():
                if case['of_fastest_peer']:
                    of_title = found.setdefault(record['benchmark'], {})
                    of_title[f'{name}, {record["shape"]}' if 'shape' in record else name] = case['of_fastest_peer']
        return []

    lines_of(folder, '*.json', collect)
    return [f'- {what}: {_ends(found[title])}.' for title, what in _WORDS.items() if title in found]


_WORDS = {
    SHAPES: 'Training steps of AutoInt with other numbers of fields, layers and heads, beside PyTorch',
    MODELS: 'Training steps of other models, beside PyTorch',
}


def _ends(ratios: dict[str, float]) -> str:
    worst, best = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    return f'{ratios[worst]:.1f} times as fast at worst (`{worst}`) and {ratios[best]:.1f} times at best (`{best}`)'


def _shapes(record: Record, path: pathlib.Path) -> list[str]:
    if record['benchmark'] != SHAPES:
        return []
    rows = [
        [
            f'`{name}`',
            f'{case["fields"]}, {case["features"]:,}',
            f'{case["embedding_dim"]}, {case["layers"]}, {case["heads"]} x {case["head_dim"]}',
            f'{case["batch"]:,}',
            *_figures(case),
        ]
        for name, case in record['cases'].items()
    ]
    titles = [
        'AutoInt',
        'fields, features',
        'd, layers, heads',
        'batch',
        'rows/s',
        'fastest peer',
        'ratio',
        'of the peak',
    ]
    return ['', f'Training steps of AutoInt with other sizes (`{path}`):', '', *table(titles, rows)]


def _models(record: Record, path: pathlib.Path) -> list[str]:
    if record['benchmark'] != MODELS:
        return []
    rows = [[f'`{name}`', *_figures(case)] for name, case in record['cases'].items()]
    titles = [f'shape {record["shape"]}, batch {record["batch"]:,}', 'rows/s', 'fastest peer', 'ratio', 'of the peak']
    what = 'Training steps of other models; the share of the peak counts operations as XLA does'
    return ['', f'{what} (`{path}`):', '', *table(titles, rows)]


def _figures(case: dict) -> list[str]:
    beside = case['of_fastest_peer']
    return [
        f'{case["median"]:,.0f}',
        f'{case["median"] / beside:,.0f}' if beside else '',
        f'{beside:.2f}' if beside else '',
        f'{case["share_of_peak"]:.2f}',
    ]
