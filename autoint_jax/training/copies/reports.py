"""What copies of a run report: all to one reporter, each under its name, or each to a reporter of its own."""

from collections.abc import Sequence

from autoint_jax.training.copies.options import copy_name
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run


class CopiesReports:
    """The reports of copies of a run."""

    def __init__(self, runs: Sequence[Run], varying: Sequence[str], together: Reporter, own: Sequence[Reporter]):
        """Args:
        runs: the runs, each a copy.
        varying: the options in which they differ, which make their names.
        together: told about the program, and about the copies if `own` is empty.
        own: a reporter for each run, or none.
        """
        self._runs, self._together, self._own = runs, together, own
        self._names = [copy_name(run.setup.config, varying) for run in runs]

    def doing(self, what: str) -> None:
        """Reports an activity of the program that may take long."""
        self._together.doing(what)

    def say(self, copy: int, sentence: str) -> None:
        """Reports a sentence about a copy."""
        if self._own:
            self._own[copy].say(sentence)
        else:
            self._together.say(f'{self._names[copy]}  {sentence}')

    def evaluations(self) -> None:
        """Reports the last evaluation of each copy, unless that has been done."""
        for copy, run in enumerate(self._runs):
            if self._own:
                run.report(self._own[copy])
            else:
                run.report(self._together, self._names[copy])

    def steps(self, training: Sequence[int], rate: float) -> None:
        """Reports steps of some copies, each of which takes `rate` rows per second."""
        step, last = max(self._runs[copy].progress.step for copy in training), self._runs[0].schedule.last_step
        if self._own:
            for copy in training:
                self._own[copy].steps(step, last, rate)
        else:
            self._together.steps(step, last, len(training) * rate)
