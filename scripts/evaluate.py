"""Scores a split with the best (or another) checkpoint of a run and prints AUC and logloss.

python scripts/evaluate.py --run_dir=runs/movielens_100k_autoint-0123456789ab --split=valid
"""

import contextlib
import functools

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import data_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

_SPLIT = flags.DEFINE_string('split', 'test', f'Split to score: {", ".join(SPLITS)}.')
_STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint; by default the best one.')
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.evaluation import metrics
from autoint_jax.training.progress import Heartbeat
from autoint_jax.training.trained import open_run


def main(argv: list[str]) -> None:
    run_dir = run_flags.run_dir()
    compilation_flags.start_cache()
    run = open_run(run_dir, _DATA_DIR.value, _STEP.value)
    columns = data_flags.verified(run.data).split(_SPLIT.value)
    if not len(columns):
        raise UsageError(f'the {_SPLIT.value} split of {run.data.folder} has no rows')
    with contextlib.closing(Heartbeat(functools.partial(print, flush=True))) as beat:
        beat.doing(f'evaluating on {len(columns):,} rows')
        figures = run.figures(columns)
    print(
        f'{_SPLIT.value}: {len(columns):,} rows, step {int(run.state.step)}, '
        f'AUC {metrics.shown_auc(figures["auc"], 6)}, logloss {figures["logloss"]:.6f}'
    )


if __name__ == '__main__':
    command.run(main)
