"""Scores a split with the best (or another) checkpoint of a run and prints its metrics.

    python scripts/evaluate.py --run_dir=runs/movielens_100k_autoint-0123456789ab --split=valid
    python scripts/evaluate.py --run_dir=FOLDER --metrics=pr_auc,group_auc,calibration --group_by=UserID
    python scripts/evaluate.py --run_dir=FOLDER --predictions=scores.parquet

By default the metrics are those of the run's evaluations, with AUC and logloss always among them. Rows are streamed
from disk if they do not fit in memory. --predictions also writes the row number, label and logit of each row.
"""

import contextlib
import functools

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import data_flags
import process_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import metrics
from autoint_jax.evaluation.metric import GROUPS

_SPLIT = flags.DEFINE_string('split', 'test', f'Split to score: {", ".join(SPLITS)}.')
_METRICS = flags.DEFINE_list(
    'metrics', None, f'Metrics, of {", ".join(metrics.METRICS)}; by default those of the run, training.metrics.'
)
_GROUP_BY = flags.DEFINE_string(
    'group_by',
    None,
    'Categorical field, such as UserID, whose value groups rows for group metrics; by default that of the run, '
    'training.group_by.',
)
_PREDICTIONS = flags.DEFINE_string(
    'predictions',
    None,
    'File for the scores of the rows, ending in .parquet or .csv, with the columns row, label and logit.',
)
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(process_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.measures import Measures, measures
from autoint_jax.heartbeat import Heartbeat
from autoint_jax.training.processes import group
from autoint_jax.training.trained import TrainedRun, open_run
from autoint_jax.units import counted


def main(argv: list[str]) -> None:
    with process_flags.joined():
        _main()


def _main() -> None:
    run_dir = run_flags.run_dir()
    metrics.chosen(_METRICS.value or ())  # an unknown name is refused before the run is read
    if _PREDICTIONS.value is not None:
        from autoint_jax.scoring.output import STANDARD, check_output  # imports Polars

        if _PREDICTIONS.value == STANDARD:
            raise UsageError('--predictions=- is no file: name one that ends in .parquet or .csv')
        check_output(_PREDICTIONS.value, 'predictions')
    compilation_flags.start_cache()
    run = open_run(run_dir, _DATA_DIR.value, run_flags.STEP.value)
    measured = _measures(run)
    columns = data_flags.verified(run.data).split(_SPLIT.value)
    if not len(columns):
        raise UsageError(f'the {_SPLIT.value} split of {run.data.folder} has no rows: name another --split')
    with contextlib.closing(Heartbeat(functools.partial(print, flush=True))) as beat:
        if group.is_first():
            beat.doing(f'evaluating on {counted(len(columns), "row")}')
        if _PREDICTIONS.value is None:
            figures = run.figures(columns, measured)
        else:
            figures = _written(run, columns, measured, _PREDICTIONS.value)
    if group.is_first():
        print(
            f'{_SPLIT.value}: {counted(len(columns), "row")}, step {int(run.state.step)}, '
            f'{metrics.line(figures, more_digits=2)}'
        )


def _written(run: TrainedRun, columns: Columns, measured: Measures, name: str) -> dict[str, float]:
    """Writes the scores of a split to a file, and returns the figures of the split."""
    from autoint_jax.scoring.split_scores import write_split  # imports Polars, which evaluation does not need

    return write_split(run, columns, measured, name)


def _measures(run: TrainedRun) -> Measures:
    """Returns the measures that the flags ask for. Without a flag, the run's own choice counts. Raises UsageError."""
    training = run.setup.config.training
    names = metrics.chosen(training.evaluated if _METRICS.value is None else _METRICS.value)
    if _GROUP_BY.value and metrics.needed(names) != GROUPS:
        raise UsageError(
            f'--group_by={_GROUP_BY.value} groups rows for group metrics, and there is none among {", ".join(names)}: '
            'name one in --metrics, such as group_auc'
        )
    return measures(names, training.group_by if _GROUP_BY.value is None else _GROUP_BY.value, run.setup.schema)


if __name__ == '__main__':
    command.run(main)
