"""Trials of a sweep. Each has one configuration and one folder.

The files in the folder decide its state, which is stored nowhere.

TRIALS/ID/        a run folder, as scripts/train.py makes it: run.json, metrics.jsonl, checkpoints/, result.json
    record.json   the record of the run, if the folder of records already had one; then nothing is trained
    pruned.json   when and why the search ended the trial early
    failure.json  the error that the trial raised
    claims/       which process trains the trial
    progress.json how many steps the trial has taken, and its rows per second
    log.txt       the output of the trial, over all its starts
"""

import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax import stored, stored_records
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation, of_line
from autoint_jax.evaluation.metrics import ALWAYS
from autoint_jax.sweeps import claims
from autoint_jax.training.run_folder.result import Result

PENDING, RUNNING, DONE, FAILED, PRUNED = STATES = ('pending', 'running', 'done', 'failed', 'pruned')
LOG = 'log.txt'
_FIGURES = dict.fromkeys(ALWAYS, stored.finite)
# Keys and types that sweeps read in results and evaluations.
RESULT = {'valid': _FIGURES, 'test': _FIGURES}
EVALUATION = {
    'step': int,
    'epoch': stored.finite,
    'train_logloss': float,
    **{f'valid_{name}': float for name in ALWAYS},
}
MEND = 'restore it, or move the folder of its trial away to train the trial again'
# A trial has failed if its process died so many times since its last evaluation.
MAX_DEATHS = 5


class Trial(NamedTuple):
    """A trial is one run of a sweep.

    Attributes:
      id: NAME-FINGERPRINT, made from the configuration as the name of any run.
      config: the configuration of the run.
    """

    id: str
    config: Config


def final_state(folder: pathlib.Path) -> str | None:
    """Returns 'done', 'failed' or 'pruned'; None if the trial has not ended."""
    if (folder / 'result.json').exists() or (folder / 'record.json').exists():
        return DONE
    if (folder / 'pruned.json').exists():
        return PRUNED
    return FAILED if (folder / 'failure.json').exists() else None


def state(folder: pathlib.Path, stale_seconds: float) -> tuple[str, claims.Holder | None]:
    """Returns one of STATES, and the process that holds the trial if it is running."""
    if (final := final_state(folder)) is not None:
        return final, None
    held = claims.holder(folder / 'claims', stale_seconds)
    return (RUNNING, held) if held is not None and held.live else (PENDING, None)


def evaluations(folder: pathlib.Path) -> list[Evaluation]:
    """Returns the evaluations of a trial so far, or those of its record. Raises UsageError if they are damaged."""
    path = folder / 'metrics.jsonl'
    if not path.exists():
        record = folder / 'record.json'
        lines = written(record).get('evaluations', [])
        return [of_line(line) for line in stored.checked(lines, [EVALUATION], f'{record}: evaluations', mend=MEND)]
    return [
        of_line(
            stored.checked(
                stored.parsed_json(line, f'{path} line {number}', mend=MEND),
                EVALUATION,
                f'{path} line {number}',
                mend=MEND,
            )
        )
        for number, line in enumerate(stored.read_text(path, mend=MEND).splitlines(), start=1)
    ]


def data_hash(folder: pathlib.Path) -> str | None:
    """Returns the hash of the data that a trial is trained on; None if it has not begun."""
    return (written(folder / 'record.json') or written(folder / 'run.json')).get('data_hash')


def result(folder: pathlib.Path, splits: Sequence[str] = ('valid', 'test')) -> Result:
    """Returns the result of a trial that is done, as `fit` returns it.

    Args:
      folder: the folder of the trial.
      splits: the splits whose figures it must have.

    Raises:
      UsageError: the result is damaged, lacks a figure, or belongs to another run than the name of the folder says.
    """
    path = folder / ('record.json' if (folder / 'record.json').exists() else 'result.json')
    found = stored_records.read_record(path, Result, mend=MEND)
    figures = {split: getattr(found, split) for split in splits}
    stored.checked(figures, {split: RESULT[split] for split in splits}, str(path), mend=MEND)
    fingerprint = folder.name.rpartition('-')[2]
    if found.fingerprint != fingerprint:
        raise UsageError(f'{path} is the result of another run, {found.fingerprint}: {MEND}')
    return found


def written(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON file of a trial's folder; {} if it does not exist. Raises UsageError if it is damaged."""
    return stored.read_json_if_there(path, mend=MEND) or {}


def fail(folder: pathlib.Path, error: str, held: dict[str, Any]) -> None:
    """Records that a trial failed.

    Args:
      folder: the folder of the trial.
      error: the error, one line.
      held: {'host': ..., 'pid': ...} of the process that trained it.
    """
    stored.write_json(folder / 'failure.json', {'error': error, **held, 'time': utc()})


def too_many_deaths(folder: pathlib.Path) -> str | None:
    """Returns a message if MAX_DEATHS workers died on this trial since its last evaluation, else None.

    Its holder calls this.

    A trial that runs out of memory kills its process each time. Without a limit this would go on for ever.
    """
    died = deaths(folder, held=True)
    return (
        f'its process died {died} times since evaluation {len(evaluations(folder))} without an error: '
        'perhaps memory ran out'
        if died >= MAX_DEATHS
        else None
    )


def deaths(folder: pathlib.Path, *, held: bool) -> int:
    """Returns how many processes died while they held the trial, since its last evaluation.

    Args:
      folder: the folder of the trial.
      held: whether the calling process holds the trial.
    """
    now = len(evaluations(folder))
    return sum(note.get('evaluations') == now for note in claims.unreleased(folder / 'claims')) - held


def retry(folder: pathlib.Path) -> None:
    """Makes a failed trial pending again. Its training continues from its last checkpoint."""
    claims.forget(folder / 'claims')
    (folder / 'failure.json').unlink(missing_ok=True)


def log_tail(folder: pathlib.Path, lines: int) -> list[str]:
    """Returns the last lines of a trial's log."""
    try:
        with open(folder / LOG, 'rb') as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 65536))
            return file.read().decode(errors='replace').splitlines()[-lines:]
    except FileNotFoundError:
        return []


def utc() -> str:
    """Returns the present time in UTC, such as '2019-11-03T09:00:00Z'."""
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
