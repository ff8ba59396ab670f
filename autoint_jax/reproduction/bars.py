"""The figures of BARS (reczoo/BARS) for AutoInt and AutoInt+, and the verdict on ours beside them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from autoint_jax.records import comparison
from autoint_jax.records.comparison import Measured

TOLERANCE = 0.001  # of the mean AUC and logloss: BARS ran one seed
CRITERION = f'AUC at most {TOLERANCE} below that of BARS, logloss at most {TOLERANCE} above it, in the mean over seeds'


class Figures(NamedTuple):
    """Test figures that BARS publishes, of one seed."""

    auc: float
    logloss: float


# {data set: {model: figures}}; experiments/configs/DATASET_MODEL_bars.toml has the settings.
FIGURES = {
    'frappe_x1': {'autoint': Figures(0.983085, 0.163684), 'autoint_plus': Figures(0.984812, 0.149007)},
    'criteo_x1': {'autoint': Figures(0.812593, 0.439238), 'autoint_plus': Figures(0.813939, 0.437892)},
    'avazu_x1': {'autoint': Figures(0.762373, 0.367835), 'autoint_plus': Figures(0.764524, 0.366815)},
    'criteo_x4': {'autoint': Figures(0.811918, 0.439914), 'autoint_plus': Figures(0.813240, 0.439023)},
    'avazu_x4': {'autoint': Figures(0.789103, 0.374519)},
}
# {data set: rows of its three splits together}. Other rows are not judged.
ROWS = {
    'frappe_x1': 288_609,
    'criteo_x1': 45_840_617,
    'avazu_x1': 40_428_967,
    'criteo_x4': 45_840_617,
    'avazu_x4': 40_428_967,
}


def other_rows(dataset: str, rows: int) -> str:
    """Returns a sentence that says why so many prepared rows are not judged; '' if they are the rows of BARS."""
    if rows == ROWS[dataset]:
        return ''
    return f'{dataset} has {ROWS[dataset]:,} rows, and here are {rows:,}: nothing is judged'


def row(dataset: str, model: str, ours: Mapping[str, Measured]) -> dict[str, Any]:
    """Returns the row of a model in the table: our figures, those of BARS, and the verdict."""
    theirs = FIGURES[dataset][model]
    differences = {name: ours[name].mean - getattr(theirs, name) for name in Figures._fields}
    passed = differences['auc'] >= -TOLERANCE and differences['logloss'] <= TOLERANCE
    return {
        'model': model,
        **{name: ours[name].mean for name in Figures._fields},
        **{f'{name}_deviation': ours[name].deviation for name in Figures._fields},
        **{f'{name}_of_bars': getattr(theirs, name) for name in Figures._fields},
        **{f'{name}_difference': difference for name, difference in differences.items()},
        'seeds': ours['auc'].size,
        'verdict': comparison.verdict(passed),
    }


def cells(row: Mapping[str, Any], ours: Mapping[str, Measured]) -> list[str]:
    """Returns the cells of a row for the printed table, in the order of COLUMNS."""
    figures = [
        cell
        for name in Figures._fields
        for cell in (str(ours[name]), f'{row[f"{name}_of_bars"]:.4f}', f'{row[f"{name}_difference"]:+.4f}')
    ]
    return [row['model'], *figures, row['verdict']]


COLUMNS = ['model', 'AUC', 'BARS', 'difference', 'logloss', 'BARS', 'difference', 'verdict']
