"""The folder of a sweep, which workers of all hosts share: sweep.toml, a copy of the file, and a folder for each trial."""

import pathlib

from autoint_jax.sweeps import claims, trials
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial


class SweepFolder:
    """A sweep and its folder, which need not exist yet.

    Attributes:
      sweep: what its file says.
      path: of the folder.
      stale_seconds: a running trial that gave no sign of life for so long is pending.
    """

    def __init__(self, sweep: Sweep, path: pathlib.Path, stale_seconds: float):
        self.sweep, self.path, self.stale_seconds = sweep, path, stale_seconds

    def of(self, trial: Trial) -> pathlib.Path:
        return self.path / 'trials' / trial.id

    def trials(self) -> list[Trial]:
        """Those of the file, or those that its search has suggested so far.

        Raises UsageError where the folder holds another search.
        """
        if self.sweep.search is None:
            return list(self.sweep.trials)
        from autoint_jax.sweeps.search import suggested  # Optuna takes a second, and lists need none

        return suggested(self.sweep, self.path)

    def state(self, trial: Trial) -> tuple[str, claims.Holder | None]:
        return trials.state(self.of(trial), self.stale_seconds)

    def ended(self) -> int:
        """How many trials are done, failed or pruned."""
        return sum(trials.final_state(self.of(trial)) is not None for trial in self.trials())

    def unlisted(self) -> list[str]:
        """Trials of the folder that the file no longer has. They are left alone."""
        listed = {trial.id for trial in self.trials()}
        return sorted(path.name for path in (self.path / 'trials').glob('*') if path.name not in listed)

    def keep_file(self) -> None:
        """Keeps a copy of the sweep file, as it is now: trials that it gained since are new, those that it lost are unlisted."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / 'sweep.toml').write_text(self.sweep.text)
