"""TensorBoard events of a run: its evaluations so far, each once, as in metrics.jsonl."""

import os
import pathlib
import time
from collections.abc import Sequence

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar

from autoint_jax.evaluation.evaluation import Evaluation


class Events:
    """The event file of a run. Every start writes the evaluations there are to a file of its own, which replaces older ones."""

    def __init__(self, folder: pathlib.Path):
        """Args:
        folder: of the event files; made when the first evaluation is written.
        """
        self._folder, self._writer = folder, None

    def restart(self, evaluations: Sequence[Evaluation], times: Sequence[float]) -> None:
        """Makes the events those of a run that goes on: what a killed process left is replaced.

        Args:
          evaluations: so far.
          times: when each was made, seconds since 1970.
        """
        older = list(self._folder.glob('events.out.tfevents.*'))
        if evaluations:
            self._open(evaluations[0].step)
            for evaluation, moment in zip(evaluations, times, strict=True):
                self._write(evaluation, moment)
            self._writer.flush()
        for path in older:
            path.unlink()

    def add(self, evaluation: Evaluation, moment: float) -> None:
        """Adds an evaluation; it is on disk when this returns."""
        if self._writer is None:
            self._open(evaluation.step)
        self._write(evaluation, moment)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self, first_step: int) -> None:
        """A viewer that has read older files forgets what they said of `first_step` and after it."""
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f'.{os.getpid()}.{time.time_ns()}'  # starts within a second have files of their own
        self._writer = EventsWriter(str(self._folder / 'events'), name)
        self._writer.write_event(
            Event(wall_time=time.time(), step=first_step, session_log=SessionLog(status=SessionLog.START))
        )

    def _write(self, evaluation: Evaluation, moment: float) -> None:
        for name, value in evaluation.line().items():
            if isinstance(value, float):
                self._writer.write_event(Event(wall_time=moment, step=evaluation.step, summary=scalar(name, value)))
