"""What a person sees while a run trains."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.console import Console
from autoint_jax.errors import shown
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import in_order, line

# A person who hears nothing for so long is told what goes on.
QUIET_SECONDS = 8.0


class Reporter(Protocol):
    """Told of a run's progress."""

    def doing(self, what: str) -> None:
        """What goes on from now on, and may take its time: 'compiling the steps'."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """`done` of at most `total` steps are taken, the latest at `rate` rows per second."""

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        """`copy` tells copies of a run apart; it is empty for a run alone. What this raises ends training; the evaluation is saved."""

    def say(self, sentence: str) -> None: ...

    def close(self) -> None:
        """Ends what is shown of a run; another may follow."""


class Heartbeat:
    """Says what goes on, from a thread of its own, whenever nothing has been said for QUIET_SECONDS."""

    def __init__(self, say: Callable[[str], None]):
        self._say, self._what, self._began, self._said = say, '', 0.0, 0.0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def doing(self, what: str) -> None:
        """What goes on from now on; what went on before has ended."""
        with self._changed:
            self._what, self._began = what, time.monotonic()
            if self._thread is None:
                self._said = self._began
                self._thread = threading.Thread(target=self._watch, daemon=True, name='heartbeat')
                self._thread.start()

    def heard(self) -> None:
        """Something was said or shown."""
        with self._changed:
            self._said = time.monotonic()

    def quiet_until(self) -> float:
        """When the next sentence is due, by the clock of `time.monotonic`."""
        return self._said + QUIET_SECONDS

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
                self._said, sentence = now, f'{self._what} ({now - self._began:.0f} s)'
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self._say(sentence)  # without the lock: whoever prints tells of it


class Bar:
    """A progress bar with the time left, and one line an evaluation. Where output is no terminal, the lines only.

    What takes long without any is said by a `Heartbeat`: compiling, evaluating, the steps themselves where no bar shows them.
    """

    def __init__(self):
        self._beat = Heartbeat(self.say)
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn('training'),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn('{task.fields[rate]}', markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = None

    def steps(self, done: int, total: int, rate: float) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task('', total=total, completed=done, rate='')
        self._progress.update(self._task, completed=done, rate=f'{rate:,.0f} rows/s')
        self._beat.doing(f'training, step {done:,} of {total:,}, {rate:,.0f} rows/s, since the last steps')
        if self._console.is_terminal:
            self._beat.heard()

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
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
