"""The course of a leaderboard: model after model, its search, the choice of its setting, and the final runs.

All runs are trials of sweeps, so a process can be killed at any time, and several processes may do the same leaderboard
at once. What is complete is not trained again, also if only the records in RESULTS_DIR are left of it.
"""

import math
import pathlib
from collections.abc import Callable

from autoint_jax.leaderboard import record
from autoint_jax.leaderboard.board import OBJECTIVE, Board
from autoint_jax.leaderboard.pace import Pace, make_pace
from autoint_jax.leaderboard.standings import chosen_trial, is_complete, runs_left
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trial_training import Train, TrainTogether, train_together, train_trial
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask, check_data, record_missing
from autoint_jax.units import counted, shown_seconds

SEARCHED = 'searched'  # the folder of records of all trials, in that of the leaderboard


def run(
    board: Board,
    *,
    data_dir: str,
    results_dir: pathlib.Path,
    say: Callable[[str], None],
    publish: Callable[[], object],
    train: Train = train_trial,
    together: TrainTogether = train_together,
) -> None:
    """Trains what a leaderboard lacks. Call it in the main thread of a process.

    Args:
      board: the leaderboard.
      data_dir: the folder of prepared data.
      results_dir: the folder of records of the final runs.
      say: is told what is taken from records, the expected time, and each model that is done.
      publish: writes the table and the page; is called before the training, and after each model that is done.
      train: trains one trial.
      together: trains several trials in one program.

    Raises:
      UsageError: the folder or the record holds another leaderboard, or a record is of other data.
      KeyboardInterrupt: the process is interrupted.
      OSError: the disk is full.
    """

    def complete(folder: SweepFolder, records: pathlib.Path) -> None:
        """Trains the runs of a sweep that have not ended, and writes records that are missing."""
        task = WorkerTask(folder, data_dir, records, wait=True, compilation_cache='', together=True, workers=1)
        check_data(task)
        if not is_complete(folder):
            work(task, folder.sweep.name, train, together, lambda: record.write(board, results_dir))
        with record.locked(board, results_dir):  # processes that write one file at once disturb each other
            record_missing(task)

    with record.locked(board, results_dir):
        record.checked(board, results_dir)
        board.keep()
        for line in record.take(board, results_dir):
            say(line)
    record.write(board, results_dir)
    left = [model for model in board.asked if runs_left(board, model)]
    if left:  # the table may lack models that are complete, and the next one can take hours
        publish()
        say(f'measuring the speed of {counted(len(left), "model")}, some seconds for each')
    pace = make_pace(board, left)
    say(pace.sentence(board))
    for model in board.asked:
        search = board.search_of(model)
        complete(search, board.folder / SEARCHED)
        chosen = chosen_trial(search)
        if chosen is not None:
            complete(board.final_of(model, chosen.config), results_dir)
        pace.finished(model)
        if model in left:
            say(_done_sentence(board, model, pace))
            publish()


def _done_sentence(board: Board, model: str, pace: Pace) -> str:
    """Returns a line about a model that is done: its choice, its failures, and the time that is left."""
    search = board.search_of(model)
    failed = [trial for trial in search.trials() if trials.final_state(search.of(trial)) == trials.FAILED]
    said = f'; {len(failed)} of them failed' if failed else ''
    chosen = chosen_trial(search)
    if chosen is None:
        parts = [f'{model} is left out: none of {board.budget.trials} trials has a validation logloss']
    else:
        loss = trials.result(search.of(chosen), ['valid']).valid[OBJECTIVE.removeprefix('valid_')]
        parts = [f'{model} is done: the best of {board.budget.trials} trials has validation logloss {loss:.4f}{said}']
    count = len(pace.expected) - len(pace.done)
    if count and math.isfinite(pace.left()):
        parts.append(f'{count} model{"s are" if count > 1 else " is"} left, about {shown_seconds(pace.left())}')
    return '. '.join(parts)
