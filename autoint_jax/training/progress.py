"""What a person sees while a run trains."""

from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.errors import shown
from autoint_jax.evaluation.metrics import shown_auc


class Reporter(Protocol):
    """Told of a run's progress."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """`done` of at most `total` steps are taken, the latest at `rate` rows per second."""

    def evaluated(self, evaluation: dict[str, Any], *, best: bool, copy: str) -> None:
        """`copy` tells copies of a run apart; it is empty for a run alone. What this raises ends training; the evaluation is saved."""

    def say(self, sentence: str) -> None: ...

    def close(self) -> None:
        """Ends what is shown of a run; another may follow."""


class Bar:
    """A progress bar with the time left, and one line an evaluation. Where output is no terminal, the lines only."""

    def __init__(self):
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._progress = Progress(TextColumn('training'), BarColumn(), TaskProgressColumn(), TextColumn('{task.fields[rate]}', markup=False),
                                  TimeRemainingColumn(), console=self._console, transient=True)
        self._task = None

    def steps(self, done: int, total: int, rate: float) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task('', total=total, completed=done, rate='')
        self._progress.update(self._task, completed=done, rate=f'{rate:,.0f} rows/s')

    def evaluated(self, evaluation: dict[str, Any], *, best: bool, copy: str) -> None:
        self.say(f'{copy}{"  " if copy else ""}epoch {evaluation["epoch"]:6.2f}  step {evaluation["step"]:7d}  '
                 f'train logloss {evaluation["train_logloss"]:.4f}  valid logloss {evaluation["valid_logloss"]:.4f}  '
                 f'valid AUC {shown_auc(evaluation["valid_auc"], 4)}{"  best" if best else ""}')

    def say(self, sentence: str) -> None:
        self._console.print(shown(sentence))

    def close(self) -> None:
        self._progress.stop()
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
