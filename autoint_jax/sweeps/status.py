"""The states of a sweep's trials as lines for people."""

import collections
import os
import pathlib
import statistics
from typing import Any, NamedTuple

from autoint_jax.evaluation.metrics import in_order, line
from autoint_jax.sweeps import suggestions, trials
from autoint_jax.sweeps.claims import Holder
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trials import Trial
from autoint_jax.terminal import shown

LOG_LINES = 12


class Status(NamedTuple):
    """The status of a sweep.

    Attributes:
      counts: {state: number of trials}.
      running: a line for each running trial.
      failed: for each failed trial its error and the end of its log.
      notes: other lines.
    """

    counts: dict[str, int]
    running: list[str]
    failed: list[str]
    notes: list[str]


def status(folder: SweepFolder) -> Status:
    """Returns the status of a sweep. Raises UsageError if its folder holds another search."""
    states = {trial: folder.state(trial) for trial in folder.trials()}
    counts = collections.Counter(state for state, _ in states.values())
    running = [(trial, holder) for trial, (state, holder) in states.items() if state == trials.RUNNING]
    failed = [failure(folder.of(trial)) for trial, (state, _) in states.items() if state == trials.FAILED]
    return Status(
        {state: counts[state] for state in trials.STATES},
        [_line(folder, trial, holder) for trial, holder in running],
        failed,
        _notes(folder, states, counts),
    )


def failure(folder: pathlib.Path) -> str:
    """Returns lines with the error of a failed trial, the end of its log, and its folder."""
    failure_record = trials.written(folder / 'failure.json')
    host, time, error = (failure_record.get(key) for key in ('host', 'time', 'error'))
    return '\n'.join(
        [
            shown(f'{folder.name} failed on {host}, {time}: {error}'),
            *(f'    {shown(line)}' for line in trials.log_tail(folder, LOG_LINES)),
            f'    in {os.path.relpath(folder)}',
        ]
    )


def _line(folder: SweepFolder, trial: Trial, holder: Holder | None) -> str:
    """Returns a line with the progress of a running trial, its best validation figures so far, and its process."""
    path = folder.of(trial)
    found, progress = trials.evaluations(path), trials.written(path / 'progress.json')
    epochs = trial.config.training.epochs
    best = min(
        found,
        key=lambda evaluation: folder.sweep.better_first(evaluation.valid[folder.sweep.metric.name]),
        default=None,
    )
    return '  '.join(
        [
            trial.id,
            f'epoch {_fraction_done(path) * epochs:6.1f} of {epochs}',
            f'{_number(progress, "rows_per_second"):10,.0f} rows/s',
            f'valid {line(in_order(best.valid))}' if best else 'not evaluated yet',
            f'on {shown(holder.host)}, pid {shown(holder.pid)}' if holder else '',
        ]
    )


def _fraction_done(folder: pathlib.Path) -> float:
    """Returns the fraction of its steps that a trial has taken."""
    progress = trials.written(folder / 'progress.json')
    steps = _number(progress, 'steps')
    return _number(progress, 'step') / steps if steps > 0 else 0.0


def _number(progress: dict[str, Any], name: str) -> float:
    value = progress.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def _notes(
    folder: SweepFolder, states: dict[Trial, tuple[str, Holder | None]], counts: collections.Counter
) -> list[str]:
    notes = []
    search = folder.sweep.search
    if search is not None:
        exhausted = ' and found no other in its space' if (folder.path / suggestions.EXHAUSTED).exists() else ''
        notes.append(f'the search has suggested {len(states)} of {search.trials} trials{exhausted}')
    left = (
        counts[trials.PENDING]
        + counts[trials.RUNNING]
        + (max(0, search.trials - len(states)) if search is not None else 0)
    )
    # Trials in one program count as one, because the training seconds of a trial are its part of those of its program.
    at_a_time = len(
        {
            (holder.host, holder.pid)
            for state, holder in states.values()
            if state == trials.RUNNING and holder is not None
        }
    )
    if counts[trials.DONE] and at_a_time:
        mean = statistics.fmean(
            trials.result(folder.of(trial)).train_seconds
            for trial, (state, _) in states.items()
            if state == trials.DONE
        )
        taken = sum(_fraction_done(folder.of(trial)) for trial, (state, _) in states.items() if state == trials.RUNNING)
        notes.append(
            f'a trial trains for {duration(mean)}: {duration((left - taken) * mean / at_a_time)} are left '
            f'with {at_a_time} worker{"s" if at_a_time > 1 else ""}'
        )
    if unlisted := folder.unlisted():
        notes.append(
            f'{len(unlisted)} trials in the folder are not in the sweep file, and workers ignore them: '
            f'{", ".join(map(shown, unlisted))}'
        )
    return notes


def duration(seconds: float) -> str:
    """Returns seconds as text, such as '40 s', '12 min' or '3.5 h'."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 6000 else f'{seconds / 3600:.1f} h'
