"""The headline results of the README, from the records: beside the paper, peers and other models, and costs."""

import pathlib

from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.comparisons import worst_and_best
from autoint_jax.reproduction.speed import KINDS, fastest_peer

# {file of a record: (model, its name)} for the rows of the paper's tables that the front page shows.
PAPER_ROWS = {
    'table2_effectiveness_movielens_1m.json': ('autoint', 'AutoInt'),
    'table5_joint_movielens_1m.json': ('autoint_plus', 'AutoInt+'),
}
SHAPES = {'ml1m': 'MovieLens-1M', 'criteo': 'Criteo'}


def headline_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown: AutoInt and AutoInt+ beside the paper, speed beside peers, the first model of each leaderboard,
    and the cost of copies and tables.

    Raises UsageError if a record cannot be read or has another form than expected.
    """
    rows = [line for name in PAPER_ROWS for line in lines_of(results_dir, name, _paper_row)]
    if rows:
        titles = ['| MovieLens-1M, test split | AUC | paper | logloss | paper | seeds |', '|---|---|---|---|---|---|']
        rows = [*titles, *rows]
    folder = results_dir / 'benchmarks'
    leaders = lines_of(results_dir, 'leaderboard_*.json', _leader)
    return rows + _beside_peers(folder) + ['', *worst_and_best(folder)] + leaders + _costs(results_dir)


def _paper_row(record: Record, path: pathlib.Path) -> list[str]:
    model, title = PAPER_ROWS[path.name]
    (row,) = [row for row in record['rows'] if row['model'] == model]
    return [
        f'| {title} | {row["auc"]:.4f} ± {row["auc_deviation"]:.4f} | {row["paper_auc"]:.4f} | '
        f'{row["logloss"]:.4f} ± {row["logloss_deviation"]:.4f} | {row["paper_logloss"]:.4f} | {row["seeds"]} |'
    ]


def _beside_peers(folder: pathlib.Path) -> list[str]:
    """Returns a table with a row for each kind of work and a column for each shape of data."""
    ratios: dict[str, dict[str, list[float]]] = {}
    machines: list[str] = []

    def collect(record: Record, path: pathlib.Path) -> list[str]:
        if record['benchmark'] in KINDS and record['ratios']:
            of_shape = ratios.setdefault(KINDS[record['benchmark']], {}).setdefault(record['shape'], [])
            of_shape.append(fastest_peer(record).ratio)
            machines.append(f'{record["machine"]["cores"]} CPU cores')
        return []

    lines_of(folder, '*.json', collect)
    if not ratios:
        return []
    return [
        '',
        f'| rows per second, times those of the fastest peer (PyTorch), {machines[0]} | '
        + ' | '.join(f"{title}'s shape" for title in SHAPES.values())
        + ' |',
        '|---|' + '---|' * len(SHAPES),
        *(
            f'| {kind} | ' + ' | '.join(_range(of_kind.get(shape, [])) for shape in SHAPES) + ' |'
            for kind, of_kind in ratios.items()
        ),
    ]


def _range(values: list[float]) -> str:
    """Returns a range as text: '2.2 to 2.3', or '2.6' for one value, or '-' for none."""
    shown = [f'{value:.1f}' for value in (min(values), max(values))] if values else ['-']
    return ' to '.join(dict.fromkeys(shown))


def _leader(record: Record, path: pathlib.Path) -> list[str]:
    first, *others = record['rows']
    beside = [
        f', that of `{row["model"]}` {row["test_logloss"]:.4f}'
        for row in others
        if row['model'] == record.get('beside')
    ]
    return [
        f'- Of {len(record["rows"])} models with equal budgets on `{record["dataset"]}`, validation rows choose '
        f'`{first["model"]}`; its test logloss is {first["test_logloss"]:.4f}{"".join(beside)} '
        '([docs/leaderboard.md](docs/leaderboard.md)).'
    ]


def _costs(results_dir: pathlib.Path) -> list[str]:
    """Returns list entries about copies and about the size of tables."""
    return [
        *lines_of(results_dir, 'replica_cost_movielens_1m.json', _cost_of_copies),
        *lines_of(results_dir / 'benchmarks', 'table_growth.json', _cost_of_tables),
    ]


def _cost_of_copies(record: Record, path: pathlib.Path) -> list[str]:
    return [
        f'- {record["copies"]} seeds of AutoInt train in one program, each at '
        f'{record["ratios"]["epoch"] / record["copies"]:.2f} of the cost of a run alone, on '
        f'{record["machine"]["cores"]} CPU cores.'
    ]


def _cost_of_tables(record: Record, path: pathlib.Path) -> list[str]:
    sizes = sorted(map(int, record['milliseconds']))
    return [
        f'- A training step with deferred Adam, which follows dense Adam, takes {record["ratio"]:.1f} times as long '
        f'with a table of {sizes[-1]:,} rows as with one of {sizes[0]:,}.'
    ]
