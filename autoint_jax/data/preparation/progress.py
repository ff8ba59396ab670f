"""The progress of a preparation, as the user sees it."""

import time
from typing import Protocol

import rich.progress
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.console import Console
from autoint_jax.heartbeat import PIPE_SECONDS, QUIET_SECONDS, Heartbeat
from autoint_jax.terminal import shown
from autoint_jax.units import counted, shown_seconds


class PreparationProgress(Protocol):
    """A listener that is told of the passes over the data, one after the other."""

    def begin(self, name: str, total: int) -> None:
        """Begins a pass of `total` units (bytes, rows or fields)."""

    def advance(self, units: int, rows: int = 0) -> None:
        """`units` more are done; `rows` rows in all so far, or 0 if the pass does not count rows."""

    def end(self, rows: int) -> None:
        """Ends the pass; it had so many rows."""

    def say(self, sentence: str) -> None:
        """Shows a sentence to the user."""


class SilentPreparation:
    """A listener that shows nothing."""

    def begin(self, name: str, total: int) -> None: ...

    def advance(self, units: int, rows: int = 0) -> None: ...

    def end(self, rows: int) -> None: ...

    def say(self, sentence: str) -> None: ...


class PreparationBar:
    """A bar for each pass, with its speed and the time left, and a line at its end. It is a context manager.

    In a pipe or file there is no bar. There a line every `heartbeat.PIPE_SECONDS` says how far the pass is, or what
    ended last and how long ago.
    """

    def __init__(self, *, stderr: bool = False):
        """`stderr`: show everything on standard error."""
        self._console = Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._progress = rich.progress.Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn('{task.fields[rate]}', markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._beat = Heartbeat(self.say, QUIET_SECONDS if self._console.is_terminal else PIPE_SECONDS)
        self._task, self._name, self._began, self._done, self._total = rich.progress.TaskID(0), '', 0.0, 0, 0

    def __enter__(self) -> 'PreparationBar':
        if self._console.is_terminal:
            self._progress.start()
        self._beat.doing('opening the files')
        return self

    def __exit__(self, *error: object) -> None:
        self._beat.close()
        if self._console.is_terminal:
            self._progress.stop()

    def begin(self, name: str, total: int) -> None:
        self._name, self._began, self._done, self._total = shown(name), time.monotonic(), 0, total
        self._task = self._progress.add_task(self._name, total=total, rate='')
        self._beat.doing(self._name)

    def advance(self, units: int, rows: int = 0) -> None:
        self._done += units
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = f'{rows / seconds:,.0f} rows/s' if rows else ''
        self._progress.update(self._task, advance=units, rate=rate)
        if self._console.is_terminal:  # the bar shows it
            self._beat.heard()
        if 0 < self._done <= self._total:
            left = shown_seconds(seconds / self._done * (self._total - self._done))
            sentence = f'{self._name}: {self._done / self._total:.0%}{", " if rate else ""}{rate}, {left} left'
            self._beat.doing(sentence, timed=False)

    def end(self, rows: int) -> None:
        seconds = max(time.monotonic() - self._began, 1e-9)
        self._progress.remove_task(self._task)
        self.say(f'{self._name}: {counted(rows, "row")} in {seconds:,.1f} s, {rows / seconds:,.0f} rows/s')
        self._beat.doing(f'working on what follows {self._name}')

    def say(self, sentence: str) -> None:
        self._console.print(shown(sentence), markup=False)
        self._beat.heard()
