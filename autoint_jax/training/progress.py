"""The lines and the bar that show the progress of a run."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.console import Console
from autoint_jax.errors import shown
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import in_order, line
from autoint_jax.units import shown_seconds

# After so many seconds without a line, another line says what goes on: on a terminal, and in a pipe or file.
QUIET_SECONDS, PIPE_SECONDS = 8.0, 20.0


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


class Heartbeat:
    """Says what goes on, from its own thread, whenever nothing has been said for some seconds.

    Attributes:
      quiet_seconds: how long nothing may be said.
    """

    def __init__(self, say: Callable[[str], None], quiet_seconds: float | None = None):
        """Args:
        say: called with a sentence, from the thread.
        quiet_seconds: how long nothing may be said; QUIET_SECONDS by default.
        """
        self.quiet_seconds = QUIET_SECONDS if quiet_seconds is None else quiet_seconds
        self._say, self._began, self._said = say, 0.0, 0.0
        self._sentence: Callable[[float], str] = lambda seconds: ''
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def doing(self, what: str, *, timed: bool = True) -> None:
        """Begins an activity and ends the one before; its sentence has the seconds since then if `timed`."""
        with self._changed:
            self._sentence = lambda seconds: f'{what} ({seconds:.0f} s)' if timed else what
            self._began = time.monotonic()
            if self._thread is None:
                self._said = self._began
                self._thread = threading.Thread(target=self._watch, daemon=True, name='heartbeat')
                self._thread.start()

    def heard(self) -> None:
        """Notes that something was said or shown."""
        with self._changed:
            self._said = time.monotonic()

    def quiet_until(self) -> float:
        """Returns when the next sentence is due, by the clock of `time.monotonic`."""
        return self._said + self.quiet_seconds

    def close(self) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._thread is None:
                    return
                now = time.monotonic()
                if now < self.quiet_until():
                    self._changed.wait(self.quiet_until() - now)
                    continue
                self._said, sentence = now, self._sentence(now - self._began)
            with contextlib.suppress(OSError, ValueError):  # nobody reads the output any more
                self._say(sentence)  # without the lock, because printing calls `heard`


class Bar:
    """A progress bar with the time left, and a line for each evaluation.

    In a pipe or file there is no bar. There a line every PIPE_SECONDS has the epoch, rows/s and the time left. A `Heartbeat`
    says what goes on if it takes long, such as compiling and evaluating.
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
