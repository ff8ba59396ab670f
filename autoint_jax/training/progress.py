"""The lines and the bar that show the progress of a run."""

import time
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.console import Console
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import in_order, line
from autoint_jax.heartbeat import PIPE_SECONDS, QUIET_SECONDS, Heartbeat
from autoint_jax.terminal import shown
from autoint_jax.units import shown_seconds


class Reporter(Protocol):
    """The interface by which training reports its progress."""

    def doing(self, what: str) -> None:
        """Begins an activity that may take long, such as 'compiling the steps'; it ends when the next one begins."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """Reports that `done` of at most `total` steps are taken, the latest at `rate` rows per second."""

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        """Reports an evaluation, which is saved already.

        `copy` tells copies of a run apart; it is empty for a run alone. An exception that this raises ends training.
        """

    def say(self, sentence: str) -> None:
        """Reports a sentence."""

    def close(self) -> None:
        """Ends the display of a run; another run may follow."""


class Silent:
    """A reporter that shows nothing, for processes beside the first one of a run."""

    def doing(self, what: str) -> None:
        pass

    def steps(self, done: int, total: int, rate: float) -> None:
        pass

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        pass

    def say(self, sentence: str) -> None:
        pass

    def close(self) -> None:
        pass


class Bar:
    """A progress bar with the time left, and a line for each evaluation.

    In a pipe or file there is no bar. There a line every PIPE_SECONDS has the epoch, rows/s and the time left. A
    `Heartbeat` says what goes on if it takes long, such as compiling and evaluating.
    """

    def __init__(self, epochs: int | None = None):
        """Args:
        epochs: of the run, so that lines can say the epoch.
        """
        self._epochs = epochs
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._beat = Heartbeat(self.say, QUIET_SECONDS if self._console.is_terminal else PIPE_SECONDS)
        self._progress = Progress(
            TextColumn('training'),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn('{task.fields[rate]}', markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._first: tuple[int, float] | None = None  # the first steps that were reported, and when

    def steps(self, done: int, total: int, rate: float) -> None:
        if self._first is None:
            self._first = done, time.monotonic()
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task('', total=total, completed=done, rate='')
        self._progress.update(self._task, completed=done, rate=f'{rate:,.0f} rows/s')
        self._beat.doing(self._line(done, total, rate), timed=False)
        if self._console.is_terminal:
            self._beat.heard()

    def _line(self, done: int, total: int, rate: float) -> str:
        epoch = f'epoch {done / total * self._epochs:.2f} of {self._epochs}, ' if self._epochs else ''
        first, then = self._first or (done, time.monotonic())
        left = (
            f', at most {shown_seconds((time.monotonic() - then) / (done - first) * (total - done))} left'
            if done > first
            else ''
        )
        return f'training: {epoch}step {done:,} of {total:,}, {rate:,.0f} rows/s{left}'

    def doing(self, what: str) -> None:
        self._beat.doing(what)

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        valid = in_order(evaluation.valid)
        valid = {'logloss': valid.pop('logloss'), **valid}  # beside that of the training split
        self.say(
            f'{copy}{"  " if copy else ""}epoch {evaluation.epoch:6.2f}  step {evaluation.step:7d}  '
            f'train logloss {evaluation.train_logloss:.4f}  valid {line(valid, between="  valid ")}'
            f'{"  best" if best else ""}'
        )

    def say(self, sentence: str) -> None:
        self._console.print(shown(sentence))
        self._beat.heard()

    def close(self) -> None:
        self._beat.close()
        self._progress.stop()
        self._first = None
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
