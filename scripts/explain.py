"""Draws what attention learned: field-by-field heat maps as PNG, averaged over a split and for single rows.

    python scripts/explain.py --run_dir=runs/movielens_100k_autoint-0123456789ab
    python scripts/explain.py --run_dir=... --split=valid --rows=0,17,42

Row f of a map says how much field f attends to every field; each row sums to 1 (in DESTINE to 2: pairwise and unary weights).
Figures go to RUN_DIR/attention.
"""

import pathlib

import compilation_flags
import numpy as np
from absl import app, flags

from autoint_jax.data.prepared import SPLITS
from autoint_jax.errors import UsageError, reported
from autoint_jax.explain import attention, heatmaps
from autoint_jax.training.trained import open_run

_RUN_DIR = flags.DEFINE_string('run_dir', None, 'Run folder, as scripts/train.py printed it.')
_SPLIT = flags.DEFINE_string('split', 'test', f'Split to explain: {", ".join(SPLITS)}.')
_ROWS = flags.DEFINE_list('rows', ['0'], 'Rows of the split to draw one by one, counted from 0.')
_STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint; by default the best one.')
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
flags.adopt_module_key_flags(compilation_flags)


def main(argv: list[str]) -> None:
    if _RUN_DIR.value is None:
        raise UsageError('say which run: --run_dir=FOLDER')
    if not all(row.isdigit() for row in _ROWS.value):
        raise UsageError(f'--rows={",".join(_ROWS.value)} is no list of row numbers such as 0,17,42')
    compilation_flags.start_cache()
    run_dir, rows = pathlib.Path(_RUN_DIR.value), [int(row) for row in _ROWS.value]
    run = open_run(run_dir, _DATA_DIR.value, _STEP.value)
    columns, names, folder = run.data.split(_SPLIT.value), run.made.schema.names, run_dir / 'attention'

    single = attention.of_rows(run.made, run.state, columns, rows)
    average = attention.averaged(run.made, run.state, columns)
    written = [folder / f'{_SPLIT.value}_average.png', folder / f'{_SPLIT.value}_average_mean.png']
    title = f'attention averaged over {len(columns):,} {_SPLIT.value} rows'
    heatmaps.save_grid(average, names, title, written[0])
    heatmaps.save_mean(average, names, title, written[1])
    for row, logit, weights in zip(rows, single.logits, single.attention, strict=True):
        written.append(folder / f'{_SPLIT.value}_row_{row}.png')
        heatmaps.save_grid(weights, names, f'{_SPLIT.value} row {row}: label {int(columns.labels[row])}, '
                           f'predicted probability {1 / (1 + np.exp(-logit)):.2f}', written[-1])
    print('\n'.join(f'wrote {path}' for path in written))
    mean = average.mean((0, 1))
    print('strongest pairs (mean of layers and heads):')
    for flat in np.argsort(-mean, axis=None)[:5]:
        field, attended = np.unravel_index(flat, mean.shape)
        print(f'  {names[field]} attends to {names[attended]}: {mean[field, attended]:.3f}')


if __name__ == '__main__':
    app.run(reported(main))
