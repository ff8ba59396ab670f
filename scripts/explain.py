"""Draws what attention learned: field-by-field heat maps as PNG, averaged over a split and for single rows.

    python scripts/explain.py --run_dir=runs/movielens_100k_autoint-0123456789ab
    python scripts/explain.py --run_dir=... --split=valid --rows=0,17,42
    python scripts/explain.py --run_dir=... --fields=Gender,Genre,Age
    python scripts/explain.py --run_dir=... --export_crosses=5 --crosses=best.yaml

Row f of a map says how much field f attends to every field. Each row sums to 1, or in DESTINE to 2, because it has
pairwise and unary weights. --export_crosses draws nothing: it writes the pairs of fields that interact most, for models
of every kind. Figures go to RUN_DIR/attention. They show all fields; if there are more than 48, they show
those that get most attention.
"""

import contextlib
import functools
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import data_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

_SPLIT = flags.DEFINE_string('split', 'test', f'Split to explain: {", ".join(SPLITS)}.')
_ROWS = flags.DEFINE_list('rows', ['0'], 'Rows of the split to draw one by one, counted from 0.')
_FIELDS = flags.DEFINE_list('fields', [], 'Fields to draw; by default all, or those that are attended to most.')
_OUTPUT_DIR = flags.DEFINE_string('output_dir', None, 'Folder for the figures; by default RUN_DIR/attention.')
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
_EXPORT_CROSSES = flags.DEFINE_integer(
    'export_crosses',
    None,
    'Write the so many strongest pairs of fields by intervention, on validation rows, as crossed fields that '
    'prepare_data.py --crosses adds to data, and stop.',
)
_CROSSES = flags.DEFINE_string('crosses', None, 'File for the crosses; by default RUN_DIR/crosses_K.yaml.')
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np

from autoint_jax.explain import attention, excerpt, heatmaps
from autoint_jax.explain.labels import labels
from autoint_jax.explain.rows import probabilities, row_numbers
from autoint_jax.heartbeat import Heartbeat
from autoint_jax.interface import crosses
from autoint_jax.training.trained import open_run


def main(argv: list[str]) -> None:
    run_dir = run_flags.run_dir()
    compilation_flags.start_cache()
    run = open_run(run_dir, _DATA_DIR.value, run_flags.STEP.value)
    if _EXPORT_CROSSES.value is not None:
        path = _CROSSES.value and pathlib.Path(_CROSSES.value)
        data_flags.verified(run.data)
        print(f'wrote {crosses.export_crosses(run_dir, run, _EXPORT_CROSSES.value, path or None)}')
        return
    if _CROSSES.value is not None:
        raise UsageError('--crosses names the file that --export_crosses=K writes: give both, or neither')
    columns, names = data_flags.verified(run.data).split(_SPLIT.value), run.setup.schema.names
    folder = pathlib.Path(_OUTPUT_DIR.value or run_dir / 'attention')
    if not len(columns):
        raise UsageError(f'the {_SPLIT.value} split of {run.data.folder} has no rows: choose another --split')
    rows = row_numbers(_ROWS.value, len(columns))
    excerpt.check(names, _FIELDS.value)

    print(f'averaging attention over {len(columns):,} {_SPLIT.value} rows', flush=True)
    with contextlib.closing(Heartbeat(functools.partial(print, flush=True))) as beat:
        average = attention.averaged(
            run.setup, run.state, columns, lambda done: beat.doing(f'averaging attention, {done:,} rows done')
        )
    mean = average.mean((0, 1))
    shown, sentence = excerpt.drawn_fields(mean, names, _FIELDS.value)
    if sentence:
        print(f'{sentence}; --fields=NAME,NAME draws others')
    drawn, within = [names[field] for field in shown], np.ix_(shown, shown)
    written = [folder / f'{_SPLIT.value}_average.png', folder / f'{_SPLIT.value}_average_mean.png']
    title = f'attention averaged over {len(columns):,} {_SPLIT.value} rows'
    heatmaps.save_grid(average[..., within[0], within[1]], drawn, title, written[0])
    heatmaps.save_mean(average[..., within[0], within[1]], drawn, title, written[1])
    for row in rows:
        single = attention.of_rows(run.setup, run.state, columns, [row])
        written.append(folder / f'{_SPLIT.value}_row_{row}.png')
        title = f'{_SPLIT.value} row {row}: label {int(columns.labels[row])}'
        heatmaps.save_grid(
            single.attention[0][..., within[0], within[1]],
            drawn,
            f'{title}, predicted probability {probabilities(single.logits)[0]:.2f}',
            written[-1],
        )
    print('\n'.join(f'wrote {path}' for path in written))
    print('strongest pairs (mean of layers and heads):')
    called = labels(names)
    for flat in np.argsort(-mean, axis=None)[:5]:
        field, attended = np.unravel_index(flat, mean.shape)
        print(f'  {called[field]} attends to {called[attended]}: {mean[field, attended]:.3f}')


if __name__ == '__main__':
    command.run(main)
