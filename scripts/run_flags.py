"""The flags of commands that read a trained run: `--run_dir=FOLDER`, and `--step=N` for one of its checkpoints."""

import os
import pathlib

from absl import flags

from autoint_jax.errors import UsageError

RUNS = pathlib.Path('runs')  # the default folder of runs of scripts/train.py
SHOWN = 5  # the most runs that the error names

_RUN_DIR = flags.DEFINE_string('run_dir', None, 'Run folder, as scripts/train.py printed it.')
STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint; by default the best one.')


def run_dir() -> pathlib.Path:
    """Returns the chosen run folder. If none is chosen, raises a UsageError that names the latest runs."""
    if _RUN_DIR.value is not None:
        return pathlib.Path(_RUN_DIR.value)
    there = sorted(RUNS.glob('*/run.json'), key=os.path.getmtime, reverse=True)
    if not there:
        raise UsageError(
            f'say which run: --run_dir=FOLDER; there is no run in {RUNS}/ here, and scripts/train.py makes one'
        )
    named = ', '.join(f'--run_dir={path.parent}' for path in there[:SHOWN])
    more = f' and {len(there) - SHOWN} older ones' if len(there) > SHOWN else ''
    raise UsageError(f'say which run, such as the latest: {named}{more}')
