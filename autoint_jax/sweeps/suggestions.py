"""Suggestions of a search: files that say which values of options Optuna suggested for a trial.

Each trial of a search has a suggestion.json in its folder. It holds all that was suggested for the trial, so the trials
of a search are known without its study, which can be lost.
"""

import json
import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.search_space import Choices, Search
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial

SUGGESTION = 'suggestion.json'
IDENTITY = 'search.json'
# This file exists if the search found no further trial in its space.
EXHAUSTED = 'exhausted'
# Keys and types of a suggestion: its number, the value of each option, and the parameters as Optuna knows them.
FORM = {'number': int, 'values': dict, 'params': dict}
MEND = 'restore it, or move the folder of its trial away; the search then suggests another trial in its place'


def search_of(sweep: Sweep) -> Search:
    """Returns the search of a sweep. Raises ValueError if the sweep lists its trials."""
    if sweep.search is None:
        raise ValueError(f'the sweep {sweep.name} lists its trials and has no search')
    return sweep.search


def suggestions(sweep: Sweep, folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads all suggestions, in the order in which they were made.

    Raises UsageError if the folder holds another search.
    """
    check_folder(sweep, folder)
    found = [stored.read_json(path, FORM, mend=MEND) for path in (folder / 'trials').glob(f'*/{SUGGESTION}')]
    return sorted(found, key=lambda suggestion: suggestion['number'])


def suggested_trials(sweep: Sweep, folder: pathlib.Path) -> list[Trial]:
    """Returns the trials that the search has suggested so far, in order.

    Raises:
      UsageError: the folder holds another search, or a suggestion that the sweep cannot train.
    """
    found = []
    for suggestion in suggestions(sweep, folder):
        try:
            found.append(sweep.trial(suggestion['values']))
        except UsageError as error:
            raise UsageError(
                f'{folder}/trials holds the suggestion number {suggestion["number"]} that this sweep cannot train '
                f'({error}): {MEND}'
            ) from None
    return found


def write_suggestion(
    sweep: Sweep, folder: pathlib.Path, trial: Trial, number: int, values: dict[str, Any], params: dict[str, Any]
) -> None:
    """Makes the folder of a suggested trial. The first suggestion also writes which search the sweep's folder holds.

    Args:
      sweep: the sweep.
      folder: the folder of the sweep.
      trial: the suggested trial.
      number: the number of suggestions before this one.
      values: the suggested value of each option.
      params: the suggested values as Optuna knows them.
    """
    path = suggestion_path(folder, trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not number:
        stored.write_json(folder / IDENTITY, _identity(sweep))
    stored.write_json(path, {'number': number, 'values': values, 'params': params})


def suggestion_path(folder: pathlib.Path, trial: Trial) -> pathlib.Path:
    """Returns the path of a trial's suggestion in the folder of a sweep."""
    return folder / 'trials' / trial.id / SUGGESTION


def check_folder(sweep: Sweep, folder: pathlib.Path) -> None:
    """Raises UsageError if the folder of the sweep holds another search."""
    stored_identity = trials.written(folder / IDENTITY)
    if stored_identity and stored_identity != _identity(sweep):
        parts = [part for part, value in _identity(sweep).items() if stored_identity.get(part) != value]
        raise UsageError(
            f'{folder} holds a search with another {" and ".join(parts)}, whose figures say nothing about this '
            'one: give the sweep file another name'
        )


def _identity(sweep: Sweep) -> dict[str, Any]:
    """Returns the parts that make two searches the same. Number of trials, sampler and pruner may change."""
    identity = {
        'base': fingerprint(sweep.config),
        'objective': sweep.objective,
        'space': {
            option: part.choices if isinstance(part, Choices) else [part.low, part.high, part.log]
            for option, part in search_of(sweep).space.items()
        },
    }
    return json.loads(json.dumps(identity))  # tuples become lists, as in the file
