"""Trials of a sweep: a configuration each, in a folder each. Their states follow from the files there, and are written nowhere.

TRIALS/ID/        a run folder, as scripts/train.py makes it: run.json, metrics.jsonl, checkpoints/, result.json
    record.json   the record that results/ had of the run before; then nothing is trained
    pruned.json   when and why the search ended the trial early
    failure.json  what the trial raised
    claims/       which process trains it
    progress.json how far and how fast it is
    log.txt       what it printed, of all its starts
"""

import pathlib
import time
from typing import Any, NamedTuple

from autoint_jax import stored
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import claims
from autoint_jax.training.run_folder import records

PENDING, RUNNING, DONE, FAILED, PRUNED = STATES = ('pending', 'running', 'done', 'failed', 'pruned')
LOG = 'log.txt'
_FIGURES = {'auc': stored.finite, 'logloss': stored.finite}
# What results and evaluations have that sweeps read.
RESULT = {'valid': _FIGURES, 'test': _FIGURES, 'best_epoch': stored.finite, 'train_seconds': stored.finite}
EVALUATION = {'step': int, 'epoch': stored.finite, 'valid_logloss': float, 'valid_auc': float}
MEND = 'restore it, or move the folder of its trial away to have the trial trained again'
# A trial has failed whose process died so often since its last evaluation.
MAX_DEATHS = 5


class Trial(NamedTuple):
    """A run of a sweep. Its id, NAME-FINGERPRINT, is made from the effective configuration, as that of any run is."""

    id: str
    config: Config


def final_state(folder: pathlib.Path) -> str | None:
    """'done', 'failed' or 'pruned'; None of a trial that has not ended."""
    if (folder / 'result.json').exists() or (folder / 'record.json').exists():
        return DONE
    if (folder / 'pruned.json').exists():
        return PRUNED
    return FAILED if (folder / 'failure.json').exists() else None


def state(folder: pathlib.Path, stale_seconds: float) -> tuple[str, claims.Holder | None]:
    """The state of a trial, and who holds it while it is running."""
    if (final := final_state(folder)) is not None:
        return final, None
    held = claims.holder(folder / 'claims', stale_seconds)
    return (RUNNING, held) if held is not None and held.live else (PENDING, None)


def evaluations(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The evaluations of a trial so far."""
    path = folder / 'metrics.jsonl'
    if not path.exists():
        return []
    return [
        stored.checked(
            stored.parsed_json(line, f'{path} line {number}', mend=MEND), EVALUATION, f'{path} line {number}', mend=MEND
        )
        for number, line in enumerate(stored.read_text(path, mend=MEND).splitlines(), start=1)
    ]


def data_hash(folder: pathlib.Path) -> str | None:
    """The hash of the data that a trial was or is trained on; None of one that has not begun."""
    return (written(folder / 'record.json') or written(folder / 'run.json')).get('data_hash')


def result(folder: pathlib.Path) -> dict[str, Any]:
    """The result of a trial that is done, as `fit` returns it.

    Raises UsageError where it is damaged, lacks a figure, or is of another run than the folder is named after.
    """
    path = folder / ('record.json' if (folder / 'record.json').exists() else 'result.json')
    found = stored.read_json(path, RESULT, mend=MEND)
    fingerprint = folder.name.rpartition('-')[2]
    if found.get('fingerprint', fingerprint) != fingerprint:
        raise UsageError(f'{path} is the result of another run, {found["fingerprint"]}: {MEND}')
    return found


def written(path: pathlib.Path) -> dict[str, Any]:
    """A JSON file of a trial's folder; {} where it does not exist. Raises UsageError where it is damaged."""
    return stored.read_json_if_there(path, mend=MEND) or {}


def fail(folder: pathlib.Path, error: str, held: dict[str, Any]) -> None:
    """Records that a trial failed.

    Args:
      folder: of the trial.
      error: one line.
      held: who trained it, host and pid.
    """
    records.write_json(folder / 'failure.json', {'error': error, **held, 'time': utc()})


def too_many_deaths(folder: pathlib.Path) -> str | None:
    """Says so where processes that held the trial died MAX_DEATHS times since its last evaluation. To be asked by its holder.

    That is what running out of memory looks like, and would go on for ever.
    """
    died = deaths(folder, held=True)
    return (
        f'its process died {died} times since evaluation {len(evaluations(folder))}, without a word of why: out of memory?'
        if died >= MAX_DEATHS
        else None
    )


def deaths(folder: pathlib.Path, *, held: bool) -> int:
    """How often a process that held the trial died since its last evaluation; `held` where the one that asks holds it."""
    now = len(evaluations(folder))
    return sum(note.get('evaluations') == now for note in claims.unreleased(folder / 'claims')) - held


def retry(folder: pathlib.Path) -> None:
    """Makes a failed trial pending; it goes on from its last checkpoint."""
    claims.forget(folder / 'claims')
    (folder / 'failure.json').unlink(missing_ok=True)


def log_tail(folder: pathlib.Path, lines: int) -> list[str]:
    """The last lines of a trial's log."""
    try:
        with open(folder / LOG, 'rb') as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 65536))
            return file.read().decode(errors='replace').splitlines()[-lines:]
    except FileNotFoundError:
        return []


def utc() -> str:
    """Now, to be read by people."""
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
