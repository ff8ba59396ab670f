"""A search by Optuna, which suggests trials and says which ones to prune. The trials' folders hold what became of them.

The study of Optuna is a journal in the folder of the sweep. It can be lost, because suggestion.json in a trial's folder
holds what was suggested. Each process brings the study up to date with these folders before it asks for a trial. So a
trial whose process was killed is neither lost nor suggested again: it is pending, with its values, as any other trial.
Suggestions depend on the seed, the number of trials before them and the figures of those trials. So a search with one
worker can be repeated exactly.
"""

import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import suggestions, trials
from autoint_jax.sweeps.locks import FolderLock
from autoint_jax.sweeps.search_space import Choices, Range, Search
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial

JOURNAL = 'optuna.log'
# A search ends early after so many suggestions in a row that were made before or that are no valid configuration.
VAIN_SUGGESTIONS = 100
# Files of locks. A process holds the first while it suggests trials or reports them, and the second while it appends to
# the journal. Both files stay.
ASKING_LOCK, JOURNAL_LOCK = 'asking.lock', f'{JOURNAL}.flock'
# Errors that Optuna raises when it reads a damaged journal.
JOURNAL_ERRORS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
_ENDED = {trials.DONE: TrialState.COMPLETE, trials.PRUNED: TrialState.PRUNED, trials.FAILED: TrialState.FAIL}


class Study:
    """The study of a search, which a worker has opened.

    Raises:
      UsageError: the folder holds another search, or the journal is damaged.
    """

    def __init__(self, sweep: Sweep, folder: pathlib.Path):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sweep, self._folder, self._search = sweep, folder, suggestions.search_of(sweep)
        suggestions.check_folder(sweep, folder)
        self._distributions = {option: _distribution(part) for option, part in self._search.space.items()}
        self._study = _opened(sweep, self._search, folder)
        self._asking = FolderLock(folder / ASKING_LOCK)  # one process at a time suggests trials or reports them

    def ask(self) -> bool:
        """Suggests one more trial and makes its folder. Returns False if the search has all its trials."""
        if self._complete():
            return False
        with self._asking:
            made = self._caught_up()
            return not self._complete() and self._ask(len(made))

    def catch_up(self) -> None:
        """Reports to the study how trials have ended."""
        with self._asking:
            self._caught_up()

    def _complete(self) -> bool:
        return (
            len(suggestions.suggestions(self._sweep, self._folder)) >= self._search.trials
            or (self._folder / suggestions.EXHAUSTED).exists()
        )

    def _ask(self, number: int) -> bool:
        for attempt in range(VAIN_SUGGESTIONS):
            self._study.sampler = self._sampler(number, attempt)
            asked = self._study.ask(self._distributions)
            values = {option: self._value(option, asked.params[option]) for option in self._distributions}
            trial = self._trial(values)
            if trial is None or suggestions.suggestion_path(self._folder, trial).exists():
                self._study.tell(asked, state=TrialState.FAIL)
                continue
            suggestions.write_suggestion(self._sweep, self._folder, trial, number, values, asked.params)
            asked.set_user_attr('trial', trial.id)
            return True
        (self._folder / suggestions.EXHAUSTED).touch()
        return False

    def pruning(self, trial: Trial) -> Callable[[], bool]:
        """Returns a function that reports the new evaluations of a trial and returns whether to prune the trial."""
        folder = self._folder / 'trials' / trial.id

        def should_prune() -> bool:
            found = [frozen for frozen in self._running() if frozen.user_attrs.get('trial') == trial.id]
            if not found:  # the suggesting process has not reported it yet, or the study counts it as failed
                return False
            running = optuna.trial.Trial(self._study, found[0]._trial_id)
            for step, evaluation in enumerate(trials.evaluations(folder), start=1):
                if step not in found[0].intermediate_values:
                    running.report(evaluation.valid[self._sweep.metric.name], step)
            return running.should_prune()

        return should_prune

    def _caught_up(self) -> list[dict[str, Any]]:
        """Reports to the study all suggestions and how their trials have ended. Returns the suggestions."""
        made = suggestions.suggestions(self._sweep, self._folder)
        known: dict[str, FrozenTrial] = {}
        for frozen in self._study.get_trials(deepcopy=False):
            if 'trial' in frozen.user_attrs:
                known[frozen.user_attrs['trial']] = frozen
            elif frozen.state == TrialState.RUNNING:  # the process that asked for it was killed
                self._study.tell(frozen.number, state=TrialState.FAIL)
        for suggestion in made:
            name = self._sweep.trial(suggestion['values']).id
            folder = self._folder / 'trials' / name
            ended, stored = _ENDED.get(trials.final_state(folder) or trials.PENDING), known.get(name)
            if stored is not None and stored.state == TrialState.RUNNING and ended is not None:
                self._study.tell(
                    stored.number, self._objective(folder) if ended == TrialState.COMPLETE else None, state=ended
                )
            elif stored is None or (
                stored.state == TrialState.FAIL and ended in (TrialState.COMPLETE, TrialState.PRUNED)
            ):
                self._study.add_trial(
                    create_trial(
                        state=ended or TrialState.RUNNING,
                        params=suggestion['params'],
                        distributions=self._distributions,
                        value=self._objective(folder) if ended == TrialState.COMPLETE else None,
                        user_attrs={'trial': name},
                        intermediate_values={
                            step: evaluation.valid[self._sweep.metric.name]
                            for step, evaluation in enumerate(trials.evaluations(folder), start=1)
                        },
                    )
                )
        return made

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _trial(self, values: dict[str, Any]) -> Trial | None:
        try:
            return self._sweep.trial(values)
        except UsageError:  # these options exclude each other; the caller suggests again
            return None

    def _value(self, option: str, value: Any) -> Any:
        part = self._search.space[option]
        return part.names()[value] if isinstance(part, Choices) else value

    def _objective(self, folder: pathlib.Path) -> float:
        metric = self._sweep.metric
        value = trials.result(folder).valid[metric.name]
        if math.isnan(value):
            raise UsageError(
                f'{folder} has no {self._sweep.objective} ({metric.undefined}), which the search needs: '
                'choose another objective'
            )
        return value

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        search = self._search
        seed = int(np.random.SeedSequence((search.seed, number, attempt)).generate_state(1)[0])
        if search.sampler == 'random':
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup_trials)


def _opened(sweep: Sweep, search: Search, folder: pathlib.Path) -> optuna.Study:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    # Optuna's own locks can be broken after 30 seconds, even if their holder is only slow.
    lock = FolderLock(folder / JOURNAL_LOCK)
    optuna_lock: Any = lock  # not of Optuna's class, but with its two methods: acquire and release
    _cut_half_line(path, lock)
    try:
        return optuna.create_study(
            study_name=sweep.name,
            storage=JournalStorage(JournalFileBackend(str(path), optuna_lock)),
            load_if_exists=True,
            pruner=_pruner(search, sweep.config.training),
            direction='maximize' if sweep.metric.higher_is_better else 'minimize',
        )
    except JOURNAL_ERRORS as error:
        raise UsageError(
            f'{path} is damaged ({type(error).__name__}: {error}): delete it, and the search goes on from the folders '
            'of its trials'
        ) from None


def _cut_half_line(path: pathlib.Path, lock: FolderLock) -> None:
    """Removes an incomplete last line, which a full disk leaves in a journal. `catch_up` reports its content again."""
    if not path.exists():
        return
    with lock, open(path, 'rb+') as file:  # no process writes meanwhile
        file.truncate(file.read().rfind(b'\n') + 1)


def _pruner(search: Search, training: TrainingConfig) -> optuna.pruners.BasePruner:
    if search.pruner == 'median':
        steps = search.warmup_evaluations + 1  # Optuna counts the steps of a trial from 1
        return optuna.pruners.MedianPruner(n_startup_trials=search.startup_trials, n_warmup_steps=steps)
    if search.pruner == 'hyperband':
        return optuna.pruners.HyperbandPruner(
            min_resource=search.warmup_evaluations, max_resource=training.epochs * training.evaluations_per_epoch
        )
    return optuna.pruners.NopPruner()


def _distribution(part: Range | Choices) -> BaseDistribution:
    if isinstance(part, Choices):
        return CategoricalDistribution(tuple(part.names()))
    if isinstance(part.low, int) and isinstance(part.high, int):
        return IntDistribution(part.low, part.high, log=part.log)
    return FloatDistribution(part.low, part.high, log=part.log)
