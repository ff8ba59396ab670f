"""The progress of a preparation, as the user sees it."""

import time
from typing import Protocol

import rich.progress
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autoint_jax.console import Console
from autoint_jax.errors import shown


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
    """A bar for each pass, with its speed and the time left, and a line at its end. It is a context manager."""

    def __init__(self):
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self._progress = rich.progress.Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn('{task.fields[rate]}', markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task, self._name, self._began = rich.progress.TaskID(0), '', 0.0

    def __enter__(self) -> 'PreparationBar':
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def begin(self, name: str, total: int) -> None:
        self._name, self._began = shown(name), time.monotonic()
        self._task = self._progress.add_task(self._name, total=total, rate='')

    def advance(self, units: int, rows: int = 0) -> None:
        seconds = max(time.monotonic() - self._began, 1e-9)
        self._progress.update(self._task, advance=units, rate=f'{rows / seconds:,.0f} rows/s' if rows else '')

    def end(self, rows: int) -> None:
        seconds = max(time.monotonic() - self._began, 1e-9)
        self._progress.remove_task(self._task)
        self._console.print(f'{self._name}: {rows:,} rows in {seconds:,.1f} s, {rows / seconds:,.0f} rows/s')

    def say(self, sentence: str) -> None:
        self._console.print(shown(sentence), markup=False)
