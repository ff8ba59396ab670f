"""The log of a trial, and the reporter that writes to it.

The reporter also writes progress to the folder of the trial, and it may end the trial.
"""

import contextlib
import os
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from autoint_jax import stored
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.sweeps import trials
from autoint_jax.training.progress import Bar
from autoint_jax.training.setbacks import stops_early

# progress.json is written at most once in so many seconds.
PROGRESS_SECONDS = 5.0


@contextlib.contextmanager
def printed_to(folder: pathlib.Path) -> Iterator[None]:
    """Within this context, Python's output is appended to the log of a trial."""
    with open(folder / trials.LOG, 'a') as log, contextlib.redirect_stdout(log):
        yield


@contextlib.contextmanager
def output_to(path: pathlib.Path) -> Iterator[None]:
    """Within this context, all output of the process is appended to a file, even that of compiled code and crashes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with open(path, 'a', buffering=1) as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            for number, _ in kept:
                os.dup2(log.fileno(), number)
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


class Pruned(Exception):
    """Raised if the search ends the trial that is training."""


class TrialReporter:
    """A reporter that writes the progress of a trial to its folder and its log.

    It ends the trial if the worker stops or the search prunes the trial. An error that it raises ends `fit` as an
    interruption does: what was recorded and saved remains.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        training: TrainingConfig,
        stopping: threading.Event,
        should_prune: Callable[[], bool] | None,
    ):
        """Makes the reporter of a trial.

        Args:
          folder: the folder of the trial.
          training: the options of the trial that say when it ends by itself.
          stopping: an event that is set when the worker stops.
          should_prune: says after each evaluation whether to prune the trial; None never prunes.
        """
        self._lines, self._folder, self._training = Bar(), folder, training
        self._stopping, self._should_prune = stopping, should_prune
        self._written = -PROGRESS_SECONDS

    def doing(self, what: str) -> None:
        """Does nothing, because nobody waits for a log."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """Writes progress.json now and then. Raises KeyboardInterrupt if the worker stops."""
        if self._stopping.is_set():  # a library may have caught the interruption
            raise KeyboardInterrupt
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self._written = time.monotonic()
            stored.write_json(self._folder / 'progress.json', {'step': done, 'steps': total, 'rows_per_second': rate})

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        """Writes an evaluation to the log. Raises Pruned if the search ends the trial."""
        with printed_to(self._folder):
            self._lines.evaluated(evaluation, best=best, copy=copy)
        if self._should_prune is not None and self._should_prune() and not self._ended(evaluation):
            raise Pruned(f'after epoch {evaluation.epoch:g}')

    def _ended(self, evaluation: Evaluation) -> bool:
        """Returns whether the trial ends by itself with this evaluation.

        Then its best evaluation counts, and it is not pruned.
        """
        evaluations = trials.evaluations(self._folder)
        return evaluation.epoch >= self._training.epochs or stops_early(self._training, evaluations)

    def say(self, sentence: str) -> None:
        """Writes a sentence to the log."""
        with printed_to(self._folder):
            self._lines.say(sentence)

    def close(self) -> None:
        """Ends the log lines of the trial."""
        self._lines.close()
