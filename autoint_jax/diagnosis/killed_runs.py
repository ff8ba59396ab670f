"""Kills runs at random moments, resumes each until it ends, and counts what became of them.

Each start is a fork of this process. It has imported everything and touched no device, so a fork starts at once.
"""

import dataclasses
import functools
import os
import pathlib
import random
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jax

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.exits import STOPPED, TERMINATED, reported, terminate
from autoint_jax.training.checkpoints.checkpoints import UNFINISHED
from autoint_jax.training.loop import fit
from autoint_jax.training.processes import group
from autoint_jax.training.processes.joining import joined
from autoint_jax.training.processes.launchers import Launch
from autoint_jax.training.progress import Bar, Silent

FOLDERS = 'checkpoints', 'checkpoints_between'
POLL_SECONDS = 0.002
HANG_SECONDS = 120.0  # after which processes that share a run end if one of them hangs
SIGKILL, SIGTERM = 'SIGKILL', 'SIGTERM'


@dataclasses.dataclass(frozen=True)
class Kill:
    """One kill that is planned.

    Attributes:
      signal: 'SIGKILL' or 'SIGTERM'.
      in_save: whether to wait until a checkpoint is being written.
      seconds: time from the start of the process, or from the first sight of the unfinished checkpoint.
    """

    signal: str
    in_save: bool
    seconds: float


@dataclasses.dataclass
class Fate:
    """What happened to one run.

    Attributes:
      run: its number.
      sigkill, sigterm: how often each signal ended it.
      saved_first: how often it saved itself at SIGTERM, before it ended.
      in_save: how often it was killed while a checkpoint was being written.
      starts: the number of its starts.
      failures: exit statuses that neither a signal nor success explains.
      ending: 'same', 'different', 'repeated' or 'lost'.
    """

    run: int
    sigkill: int = 0
    sigterm: int = 0
    saved_first: int = 0
    in_save: int = 0
    starts: int = 0
    failures: list[int] = dataclasses.field(default_factory=list)
    ending: str = ''


def plan(rng: random.Random, most: int, seconds: float) -> list[Kill]:
    """Returns the kills of a run, 1 to `most` of them: half by each signal, a third while a checkpoint is written.

    Args:
      rng: the source of chance.
      most: the largest number of kills.
      seconds: the time that a run takes alone.
    """
    kills = []
    for _ in range(rng.randint(1, most)):
        in_save = rng.random() < 1 / 3
        kills.append(
            Kill(rng.choice([SIGKILL, SIGTERM]), in_save, rng.uniform(0, 0.02) if in_save else rng.uniform(0, seconds))
        )
    return kills


def survive(run: int, kills: Sequence[Kill], start: Callable[[], int], folder: pathlib.Path, limit: float) -> Fate:
    """Starts a run, kills it as planned, and goes on with it until it ends. Returns its fate, without its ending.

    Args:
      run: the number of the run.
      kills: the kills, one for each start; a last start is left alone.
      start: starts the run in a process and returns the process id.
      folder: the run folder.
      limit: the most seconds of a start; then it is killed and counted as a failure.
    """
    fate = Fate(run)
    for kill in [*kills, None]:
        status, in_save = _watched(start(), kill, folder, limit)
        fate.starts += 1
        if status == 0:
            break
        if kill is not None and status == -signal.SIGKILL and kill.signal == SIGKILL:
            fate.sigkill += 1
            fate.in_save += in_save
        elif kill is not None and status in (STOPPED, TERMINATED, -signal.SIGTERM) and kill.signal == SIGTERM:
            fate.sigterm += 1
            fate.saved_first += status == STOPPED
            fate.in_save += in_save
        else:
            fate.failures.append(status)
    return fate


def _watched(process: int, kill: Kill | None, folder: pathlib.Path, limit: float) -> tuple[int, bool]:
    """Waits for a process, and kills it as planned. Returns its exit status, and whether it was saving then."""
    began, seen, in_save = time.monotonic(), None, False
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), in_save
        now = time.monotonic()
        if now - began > limit:
            os.kill(process, signal.SIGKILL)
            kill = None
        if kill is not None:
            if kill.in_save and seen is None and _saving(folder):
                seen = now
            since = seen if kill.in_save else began
            if since is not None and now - since >= kill.seconds:
                in_save = _saving(folder)
                os.kill(process, getattr(signal, kill.signal))
                kill = None
        time.sleep(POLL_SECONDS)


def _saving(folder: pathlib.Path) -> bool:
    """Whether there is an unfinished checkpoint in a run folder."""
    return any(any(folder.glob(f'{name}/*{UNFINISHED}*')) for name in FOLDERS)


def forked(work: Callable[[], None], log: pathlib.Path, devices: int) -> int:
    """Runs `work` as a command in a fork, with so many CPU devices and its output in a file. Returns the process id."""
    process = os.fork()
    if process:
        return process
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    _command(work, devices)


def _command(work: Callable[[], None], devices: int) -> NoReturn:
    """Does `work` as the commands of this project do, and ends the process with their exit status."""
    status: Any = 1
    try:
        signal.signal(signal.SIGTERM, terminate)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        jax.config.update('jax_num_cpu_devices', devices)
        reported(lambda argv: work())(['train'])
    except SystemExit as ended:
        status = ended.code
    finally:
        os._exit(status)


def forked_together(
    work: Callable[[Launch | None], None], log: pathlib.Path, devices: int, processes: int
) -> list[int]:
    """Runs `work` in forks that share a run, as `forked` does. Returns their process ids.

    Args:
      work: called in each fork with its place among the processes; None if it is alone.
      log: the file of their output.
      devices: the number of CPU devices of all forks together, a multiple of `processes`.
      processes: the number of forks.
    """
    if processes == 1:
        return [forked(lambda: work(None), log, devices)]
    with socket.create_server(('localhost', 0)) as found:
        coordinator = f'localhost:{found.getsockname()[1]}'
    places = [Launch(coordinator, processes, number, None) for number in range(processes)]
    return [forked(functools.partial(work, place), log, devices // processes) for place in places]


def end(processes: list[int], grace_seconds: float) -> None:
    """Waits until some forks end by themselves; after so many seconds it kills them. The list is empty then."""
    until = time.monotonic() + grace_seconds
    while processes:
        process = processes.pop()
        while os.waitpid(process, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
            time.sleep(POLL_SECONDS)


def train(config: Config, data: PreparedData, folder: pathlib.Path, place: Launch | None) -> None:
    """Trains a run or goes on with it, as scripts/train.py does, alone or at its place among several processes."""
    with joined(place, HANG_SECONDS):
        fit(config, data, folder, Bar(config.training.epochs) if group.is_first() else Silent())


def counts(fates: Sequence[Fate]) -> dict[str, int]:
    """Returns the counts of all runs: kills by kind, starts, failures, and endings."""
    total = {
        name: sum(getattr(fate, name) for fate in fates)
        for name in ('sigkill', 'sigterm', 'saved_first', 'in_save', 'starts')
    }
    return {
        'runs': len(fates),
        'killed': sum(fate.sigkill + fate.sigterm > 0 for fate in fates),
        'kills': total['sigkill'] + total['sigterm'],
        **total,
        'resumed': sum(fate.starts - 1 for fate in fates),
        'failures': sum(len(fate.failures) for fate in fates),
        **{name: sum(fate.ending == name for fate in fates) for name in ('same', 'lost', 'repeated', 'different')},
    }
