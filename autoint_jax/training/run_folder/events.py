"""TensorBoard events of a run: its hyper-parameters, its evaluations so far, each once, as in metrics.jsonl, and its
test figures.
"""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Mapping, Sequence

from autoint_jax import packages
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.evaluation.evaluation import Evaluation

if WRITTEN := packages.is_installed('tensorboardX'):
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import hparams, scalar

RATE = 'train_rows_per_second'  # not in metrics.jsonl, because runs with the same figures differ in it
# Hyper-parameters that every run has; of the other options it has those that differ from their defaults.
ALWAYS = (
    'data.dataset',
    'data.recipe',
    'model.name',
    'optimizer.tables',
    'optimizer.learning_rate',
    'training.batch_size',
    'seed',
)


def hyper_parameters(config: Config) -> dict[str, bool | float | str]:
    """Returns the options of a run, {dotted path: value}, as TensorBoard's table of hyper-parameters takes them."""
    found = {}
    for leaf in configuration.leaves():
        value = configuration.value(config, leaf.path)
        if leaf.path in ALWAYS or value != leaf.default:
            found[leaf.path] = ','.join(map(str, value)) if isinstance(value, tuple) else value
    return found


def not_written() -> str:
    """Returns a sentence that says why runs write no events; '' if they write them."""
    return '' if WRITTEN else 'no TensorBoard events are written, because the package tensorboardX is not installed'


class Events:
    """The event file of a run. It does nothing where tensorboardX is not installed.

    Every start writes all events so far to a file of its own, which replaces older files.
    """

    def __init__(self, folder: pathlib.Path):
        """Args:
        folder: of the event files; made when the first evaluation is written.
        """
        self._folder = folder
        self._writer: EventsWriter | None = None
        self._parameters: Summary | None = None

    def restart(
        self, config: Config, evaluations: Sequence[Evaluation], times: Sequence[float], rates: Sequence[float | None]
    ) -> None:
        """Makes the events those of a run that goes on: what a killed process left is replaced.

        Args:
          config: of the run.
          evaluations: so far.
          times: when each was made, seconds since 1970.
          rates: rows/s of training before each; None where it is unknown.
        """
        if not WRITTEN:
            return
        _, self._parameters, _ = hparams(hyper_parameters(config), {})
        older = list(self._folder.glob('events.out.tfevents.*'))
        for evaluation, moment, rate in zip(evaluations, times, rates, strict=True):
            self._evaluated(evaluation, moment, rate)
        if self._writer is not None:
            self._writer.flush()
        for path in older:
            path.unlink()

    def add(self, evaluation: Evaluation, moment: float, rate: float | None) -> None:
        """Adds an evaluation; it is on disk when this returns."""
        if WRITTEN:
            self._evaluated(evaluation, moment, rate).flush()

    def test(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds the metrics of the test split, of the state after `step`; they are on disk when this returns."""
        if not WRITTEN:
            return
        writer = self._opened(step)
        for name, value in figures.items():
            _write(writer, time.time(), step, scalar(f'test_{name}', value))
        writer.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self, first_step: int) -> EventsWriter:
        """Returns the writer of this start's file, which is begun if it is not open.

        A viewer that has read older files forgets what they said of `first_step` and after it.
        """
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f'.{os.getpid()}.{time.time_ns()}'  # starts within a second have files of their own
            self._writer = EventsWriter(str(self._folder / 'events'), name)
            start = SessionLog(status=SessionLog.START)
            self._writer.write_event(Event(wall_time=time.time(), step=first_step, session_log=start))
            _write(self._writer, time.time(), first_step, self._parameters)
        return self._writer

    def _evaluated(self, evaluation: Evaluation, moment: float, rate: float | None) -> EventsWriter:
        writer = self._opened(evaluation.step)
        for name, value in (evaluation.line() | {RATE: rate}).items():
            if isinstance(value, float):
                _write(writer, moment, evaluation.step, scalar(name, value))
        return writer


def _write(writer: EventsWriter, moment: float, step: int, summary: Summary | None) -> None:
    writer.write_event(Event(wall_time=moment, step=step, summary=summary))
