"""The folder of a sweep, which workers on all hosts share.

It holds a copy of the sweep file and a folder for each trial.
"""

import pathlib

from autoint_jax import stored
from autoint_jax.sweeps import claims, suggestions, trials
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial


class SweepFolder:
    """A sweep and its folder, which may not exist yet.

    Attributes:
      sweep: the sweep that the sweep file declares.
      path: the path of the folder.
      stale_seconds: if the process of a running trial gives no sign of life for so many seconds, the trial is pending
        again.
    """

    def __init__(self, sweep: Sweep, path: pathlib.Path, stale_seconds: float):
        self.sweep, self.path, self.stale_seconds = sweep, path, stale_seconds

    def of(self, trial: Trial) -> pathlib.Path:
        """Returns the folder of a trial."""
        return self.path / 'trials' / trial.id

    def trials(self) -> list[Trial]:
        """Returns the trials that the file lists, or those that its search has suggested so far.

        Raises:
          UsageError: the folder holds another search.
        """
        if self.sweep.search is None:
            return list(self.sweep.trials)
        return suggestions.suggested_trials(self.sweep, self.path)

    def state(self, trial: Trial) -> tuple[str, claims.Holder | None]:
        """Returns the state of a trial, and the process that holds it if it is running."""
        return trials.state(self.of(trial), self.stale_seconds)

    def ended(self) -> int:
        """Returns the number of trials that are done, failed or pruned."""
        return sum(trials.final_state(self.of(trial)) is not None for trial in self.trials())

    def unlisted(self) -> list[str]:
        """Returns the ids of trials in the folder that the sweep file no longer lists. Workers do not touch them."""
        listed = {trial.id for trial in self.trials()}
        return sorted(path.name for path in (self.path / 'trials').glob('*') if path.name not in listed)

    def keep_file(self) -> None:
        """Writes a copy of the sweep file as it is now.

        Trials that were added since are new; removed ones are unlisted.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        stored.write_text(self.path / 'sweep.toml', self.sweep.text)
