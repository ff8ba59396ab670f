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
# {data set: (rows, positive rows) of its splits, as the logs of BARS count them}. Other data is not judged.
ROWS = {
    'frappe_x1': {'train': (202_027, 67_604), 'valid': (57_722, 19_063), 'test': (28_860, 9_536)},
    'criteo_x1': {'train': (33_003_326, 8_456_369), 'valid': (8_250_124, 2_114_300), 'test': (4_587_167, 1_174_769)},
    'avazu_x1': {'train': (28_300_276, 4_953_382), 'valid': (4_042_897, 678_699), 'test': (8_085_794, 1_232_985)},
    'criteo_x4': {'train': (36_672_493, 9_396_350), 'valid': (4_584_062, 1_174_544), 'test': (4_584_062, 1_174_544)},
    'avazu_x4': {'train': (32_343_172, 5_492_052), 'valid': (4_042_897, 686_507), 'test': (4_042_898, 686_507)},
}


def other_rows(dataset: str, splits: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a sentence that says why prepared rows are not judged; '' if they are the rows of BARS.

    Args:
      dataset: a data set of FIGURES.
      splits: the entry of the manifest, {split: {'rows', 'positives', ...}}.
    """
    for name, (rows, positives) in ROWS[dataset].items():
        ours = splits[name]
        if (ours['rows'], ours['positives']) != (rows, positives):
            return (
                f'the {name} split of {dataset} has {rows:,} rows, {positives:,} of them positive, and here are '
                f'{ours["rows"]:,} and {ours["positives"]:,}: nothing is judged'
            )
    return ''


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
    return [row['model'], *figures, str(row['seeds']), row['verdict']]


COLUMNS = ['model', 'AUC', 'BARS', 'difference', 'logloss', 'BARS', 'difference', 'seeds', 'verdict']
