"""Search by Optuna: it suggests trials and says which to prune; what became of them is read from their folders.

The study is a journal in the sweep's folder. It can be lost: a trial's folder holds what was suggested (suggestion.json),
and every process that asks for a trial first brings the study up to date with the folders. A trial whose process was
killed is therefore neither lost nor suggested again: it is pending, with its values, as any trial is. Suggestions depend
on the seed, the number of trials before and their figures, so that a search by one worker is repeated exactly.
"""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.locks import FolderLock
from autoint_jax.sweeps.search_space import Choices, Range
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder import records

JOURNAL = 'optuna.log'
SUGGESTION = 'suggestion.json'
IDENTITY = 'search.json'
EXHAUSTED = 'exhausted'  # a file that says that no other trial was found
# So many suggestions in a row that were made before, or that make no valid configuration, end a search early.
VAIN_SUGGESTIONS = 100
# Files of locks: of who suggests trials or tells of them, and of who appends to the journal. They stay, one of each.
ASKING_LOCK, JOURNAL_LOCK = 'asking.lock', f'{JOURNAL}.flock'
# What a suggestion has, beside a value for each option.
FORM = {'number': int, 'values': dict, 'params': dict}
MEND = 'restore it, or move the folder of its trial away, after which the search suggests another one in its place'
_ENDED = {trials.DONE: TrialState.COMPLETE, trials.PRUNED: TrialState.PRUNED, trials.FAILED: TrialState.FAIL}


def suggested(sweep: Sweep, folder: pathlib.Path) -> list[Trial]:
    """The trials suggested so far, in order. Raises UsageError where the folder holds another search."""
    found = []
    for read in _suggestions(sweep, folder):
        try:
            found.append(sweep.trial(read['values']))
        except UsageError as error:
            raise UsageError(
                f'{folder}/trials holds the suggestion number {read["number"]} that this sweep cannot train ({error}): '
                f'{MEND}'
            ) from None
    return found


class Study:
    """The study of a sweep, opened by a worker.

    Raises UsageError where the folder holds another search, or a damaged journal.
    """

    def __init__(self, sweep: Sweep, folder: pathlib.Path):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sweep, self._folder = sweep, folder
        _check_folder(sweep, folder)
        self._distributions = {option: _distribution(part) for option, part in sweep.search.space.items()}
        self._study = _opened(sweep, folder)
        self._asking = FolderLock(folder / ASKING_LOCK)  # of all processes one suggests trials or tells of them

    def ask(self) -> bool:
        """Suggests one more trial and makes its folder. False where the search has all its trials."""
        if self._complete():
            return False
        with self._asking:
            made = self._caught_up()
            return not self._complete() and self._ask(len(made))

    def catch_up(self) -> None:
        """Tells the study what became of trials."""
        with self._asking:
            self._caught_up()

    def _complete(self) -> bool:
        return (
            len(_suggestions(self._sweep, self._folder)) >= self._sweep.search.trials
            or (self._folder / EXHAUSTED).exists()
        )

    def _ask(self, number: int) -> bool:
        for attempt in range(VAIN_SUGGESTIONS):
            self._study.sampler = self._sampler(number, attempt)
            asked = self._study.ask(self._distributions)
            values = {option: self._value(option, asked.params[option]) for option in self._distributions}
            trial = self._trial(values)
            if trial is None or (path := self._folder / 'trials' / trial.id / SUGGESTION).exists():
                self._study.tell(asked, state=TrialState.FAIL)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if not number:
                records.write_json(self._folder / IDENTITY, _identity(self._sweep))
            records.write_json(path, {'number': number, 'values': values, 'params': asked.params})
            asked.set_user_attr('trial', trial.id)
            return True
        (self._folder / EXHAUSTED).touch()
        return False

    def pruning(self, trial: Trial) -> Callable[[], bool]:
        """A function that reports a trial's evaluations that are not reported yet, and returns whether to prune it."""
        folder = self._folder / 'trials' / trial.id

        def should_prune() -> bool:
            found = [frozen for frozen in self._running() if frozen.user_attrs.get('trial') == trial.id]
            if not found:  # its suggester is about to write it, or the study has taken it for failed
                return False
            running = optuna.trial.Trial(self._study, found[0]._trial_id)
            for step, evaluation in enumerate(trials.evaluations(folder), start=1):
                if step not in found[0].intermediate_values:
                    running.report(evaluation[self._sweep.objective], step)
            return running.should_prune()

        return should_prune

    def _caught_up(self) -> list[dict[str, Any]]:
        """All suggestions, the study knowing of each and what became of it."""
        made = _suggestions(self._sweep, self._folder)
        known: dict[str, FrozenTrial] = {}
        for frozen in self._study.get_trials(deepcopy=False):
            if 'trial' in frozen.user_attrs:
                known[frozen.user_attrs['trial']] = frozen
            elif frozen.state == TrialState.RUNNING:  # its asker was killed
                self._study.tell(frozen.number, state=TrialState.FAIL)
        for suggestion in made:
            name = self._trial(suggestion['values']).id
            folder = self._folder / 'trials' / name
            ended, frozen = _ENDED.get(trials.final_state(folder)), known.get(name)
            if frozen is not None and frozen.state == TrialState.RUNNING and ended is not None:
                self._study.tell(
                    frozen.number, self._objective(folder) if ended == TrialState.COMPLETE else None, state=ended
                )
            elif frozen is None or (
                frozen.state == TrialState.FAIL and ended in (TrialState.COMPLETE, TrialState.PRUNED)
            ):
                self._study.add_trial(
                    create_trial(
                        state=ended or TrialState.RUNNING,
                        params=suggestion['params'],
                        distributions=self._distributions,
                        value=self._objective(folder) if ended == TrialState.COMPLETE else None,
                        user_attrs={'trial': name},
                        intermediate_values={
                            step: evaluation[self._sweep.objective]
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
        except UsageError:  # options that exclude each other: suggested anew
            return None

    def _value(self, option: str, value: Any) -> Any:
        part = self._sweep.search.space[option]
        return part.names()[value] if isinstance(part, Choices) else value

    def _objective(self, folder: pathlib.Path) -> float:
        return trials.result(folder)['valid'][self._sweep.objective.removeprefix('valid_')]

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        search = self._sweep.search
        seed = int(np.random.SeedSequence((search.seed, number, attempt)).generate_state(1)[0])
        if search.sampler == 'random':
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup_trials)


def _suggestions(sweep: Sweep, folder: pathlib.Path) -> list[dict[str, Any]]:
    _check_folder(sweep, folder)
    found = [stored.read_json(path, FORM, mend=MEND) for path in (folder / 'trials').glob(f'*/{SUGGESTION}')]
    return sorted(found, key=lambda suggestion: suggestion['number'])


def _check_folder(sweep: Sweep, folder: pathlib.Path) -> None:
    theirs = trials.written(folder / IDENTITY)
    if theirs and theirs != _identity(sweep):
        parts = [part for part, value in _identity(sweep).items() if theirs.get(part) != value]
        raise UsageError(
            f'{folder} holds a search with another {" and ".join(parts)}, whose figures say nothing about this '
            'one: give the sweep file another name'
        )


def _identity(sweep: Sweep) -> dict[str, Any]:
    """What makes two searches the same; the number of trials, sampler and pruner may change on the way."""
    return json.loads(
        json.dumps(
            {
                'base': configuration.fingerprint(sweep.config),
                'objective': sweep.objective,
                'space': {
                    option: part.choices if isinstance(part, Choices) else [part.low, part.high, part.log]
                    for option, part in sweep.search.space.items()
                },
            }
        )
    )


def _opened(sweep: Sweep, folder: pathlib.Path) -> optuna.Study:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    lock = FolderLock(
        folder / JOURNAL_LOCK
    )  # others break Optuna's own locks after 30 seconds, though their holder may only be slow
    _cut_half_line(path, lock)
    try:
        return optuna.create_study(
            study_name=sweep.name,
            storage=JournalStorage(JournalFileBackend(str(path), lock)),
            load_if_exists=True,
            pruner=_pruner(sweep),
            direction='minimize' if sweep.objective == 'valid_logloss' else 'maximize',
        )
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
    ) as error:  # Optuna trips over a line
        raise UsageError(
            f'{path} is damaged ({type(error).__name__}: {error}): delete it, the search goes on from the folders of its trials'
        ) from None


def _cut_half_line(path: pathlib.Path, lock: FolderLock) -> None:
    """Cuts what a full disk let through of a journal's last line, to which the next one would be appended.

    What it said is told again by `catch_up`.
    """
    if not path.exists():
        return
    with lock, open(path, 'rb+') as file:  # nobody is writing
        file.truncate(file.read().rfind(b'\n') + 1)


def _pruner(sweep: Sweep) -> optuna.pruners.BasePruner:
    search = sweep.search
    if search.pruner == 'median':
        return optuna.pruners.MedianPruner(
            n_startup_trials=search.startup_trials, n_warmup_steps=search.warmup_evaluations + 1
        )  # steps count from 1
    if search.pruner == 'hyperband':
        training = sweep.config.training
        return optuna.pruners.HyperbandPruner(
            min_resource=search.warmup_evaluations, max_resource=training.epochs * training.evaluations_per_epoch
        )
    return optuna.pruners.NopPruner()


def _distribution(part: Range | Choices) -> BaseDistribution:
    if isinstance(part, Choices):
        return CategoricalDistribution(tuple(part.names()))
    kind = IntDistribution if isinstance(part.low, int) else FloatDistribution
    return kind(part.low, part.high, log=part.log)
