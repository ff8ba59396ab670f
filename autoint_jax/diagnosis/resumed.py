"""Checks that a run that is killed and resumed ends with the same digits as a run that is left alone."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.diagnosis.checks import BAD, OK, Check
from autoint_jax.diagnosis.planned import schema_of
from autoint_jax.diagnosis.programs import random_rows
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.loop import fit

ROWS = {'train': 2048, 'valid': 512, 'test': 512}
EPOCHS, BATCH = 3, 64
KILLED_AFTER = 2 * ROWS['train'] // BATCH  # steps: after the second epoch, before its checkpoint
WAIT_SECONDS, CHILD_SECONDS = 60, 180
PACKAGE_PARENT = pathlib.Path(__file__).parents[2]
CHILD = 'import sys; from autoint_jax.diagnosis import resumed; resumed.train_until_killed(sys.argv[1])'


class Quiet:
    """A reporter that keeps what a run says.

    Attributes:
      said: the sentences.
    """

    def __init__(self) -> None:
        self.said: list[str] = []

    def doing(self, what: str) -> None:
        """Does nothing."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """Does nothing."""

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        """Does nothing."""

    def say(self, sentence: str) -> None:
        """Keeps a sentence."""
        self.said.append(sentence)

    def close(self) -> None:
        """Does nothing."""


class Killer(Quiet):
    """A reporter that kills this process with SIGKILL after KILLED_AFTER steps, when a checkpoint is on the disk."""

    def __init__(self, folder: pathlib.Path):
        super().__init__()
        self._checkpoints = CheckpointReader(folder / 'checkpoints')

    def steps(self, done: int, total: int, rate: float) -> None:
        """Kills this process if it is time."""
        if done >= KILLED_AFTER:
            deadline = time.monotonic() + WAIT_SECONDS
            while not self._checkpoints.steps() and time.monotonic() < deadline:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)


def _config() -> Config:
    return replace(
        Config(),
        {
            'model.num_layers': 1,
            'model.attention_dropout': 0.1,
            'optimizer.tables': 'deferred_adam',
            'training.batch_size': BATCH,
            'training.epochs': EPOCHS,
            'execution.deterministic': True,
        },
    )


def _data(folder: pathlib.Path) -> PreparedData:
    """Writes the same rows as prepared data, each time."""
    schema = schema_of([7, 101, 1009])
    splits = {split: random_rows(schema, rows, seed) for seed, (split, rows) in enumerate(ROWS.items())}
    description = {'dataset': 'made_up', 'recipe': 'random'}
    return write_prepared(folder, schema=schema, vocabularies={}, splits=splits, description=description)


def train_until_killed(folder: str) -> NoReturn:
    """Trains FOLDER/killed and kills this process on the way. Ends it with status 1 if the run came to its end."""
    run_dir = pathlib.Path(folder) / 'killed'
    fit(_config(), _data(pathlib.Path(folder) / 'data_of_child'), run_dir, Killer(run_dir))
    sys.exit(1)


def check(folder: pathlib.Path) -> Check:
    """Kills a run in a process of its own, resumes it here, and compares it with the same run left alone.

    Args:
      folder: an empty folder for runs and data.
    """
    environment = os.environ | {
        'PYTHONPATH': os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get('PYTHONPATH')])),
        'XLA_PYTHON_CLIENT_PREALLOCATE': 'false',  # this process may hold most of the device's memory
    }
    command = [sys.executable, '-c', CHILD, str(folder)]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)
    except subprocess.TimeoutExpired:
        return Check(BAD, f'a run that was to be killed took no {KILLED_AFTER} steps in {CHILD_SECONDS} s')
    if child.returncode != -signal.SIGKILL:
        reason = (child.stderr.strip().splitlines() or [f'status {child.returncode}'])[-1][:200]
        return Check(BAD, f'a run that was to be killed failed before: {reason}')
    data, resumed = _data(folder / 'data'), Quiet()
    fit(_config(), data, folder / 'killed', resumed)
    fit(_config(), data, folder / 'alone', Quiet())
    return judged(resumed.said, _figures(folder / 'killed'), _figures(folder / 'alone'))


def judged(said: list[str], killed: list[dict[str, Any]], alone: list[dict[str, Any]]) -> Check:
    """Returns a check that is BAD if figures differ, or if the run did not go on from a checkpoint.

    Args:
      said: the sentences of the resumed run.
      killed: the figures of its evaluations and of its test.
      alone: those of the run left alone.
    """
    text = f'a run killed after {KILLED_AFTER} of {EPOCHS * KILLED_AFTER // 2} steps and resumed'
    if not any(sentence.startswith('going on from step') for sentence in said):
        return Check(BAD, f'{text}: no checkpoint was found, so it began again')
    if killed != alone:
        return Check(BAD, f'{text}: its figures differ from those of the run left alone: {killed[-1]}, {alone[-1]}')
    return Check(OK, f'{text}: all figures are those of the run left alone, to the last digit')


def _figures(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the figures of every evaluation of a run, and those of its test."""
    lines = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return [*lines, json.loads((folder / 'result.json').read_text())['test']]
