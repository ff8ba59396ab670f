"""Runs that are killed at random, by SIGKILL and SIGTERM, also while they save, beside a run that is never killed.

Claim: whatever kills a run and whenever, the same command goes on with it, and it ends with the same bits.

    python experiments/killed_runs.py
    python experiments/killed_runs.py --quick

Each run trains AutoInt with deferred Adam on generated ratings, is killed one to three times, and is gone on with until
it ends. Some starts read their rows from disk. Then its result, its evaluations and the checksums of its checkpoints
are compared with those of a run that was left alone. The script counts runs that were lost (no result, or evaluations
are missing), repeated (evaluations stand there twice) and different.

--devices=2,1,4 --processes=1,2 gives each start one of these numbers of forced CPU devices, which one or two processes
share, and one of these processes is killed, all at random. With several numbers of devices the sums are ordered
(mesh.ordered_sums), because only then all of them have the same bits, and tables are split over some of the devices.
The run that is left alone has one process with the first number of devices.

--kept_in=FOLDER keeps all runs in a folder. The same command with this folder goes on with the runs that are left, so
that the script itself can be stopped. Runs of another commit, seed or other flags need another folder.

Time on two CPU cores: about ten minutes for 100 runs on one device, less than one with --quick, and an hour for 100
runs with --devices=2,1,4 --processes=1,2. The exit status is 3 if a run is lost, repeated or different. Writes
results/killed_runs.{json,csv}, or killed_on_meshes.{json,csv} if there are several devices or processes; --quick writes
nothing.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import random
import shutil
import tempfile
import time
from typing import Any

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_RUNS = flags.DEFINE_integer('runs', 100, 'Number of runs.', lower_bound=1)
_KILLS = flags.DEFINE_integer('kills', 3, 'The most kills of a run; each has at least one.', lower_bound=1)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the kills.', lower_bound=0)
_DEVICES = flags.DEFINE_list('devices', ['1'], 'Numbers of forced CPU devices; each start takes one of them.')
_PROCESSES = flags.DEFINE_list(
    'processes', ['1'], 'Numbers of processes that share the devices; each start takes one of them.'
)
_AT_ONCE = flags.DEFINE_integer('at_once', 2, 'Number of runs that train at the same time.', lower_bound=1)
_KEPT_IN = flags.DEFINE_string('kept_in', '', 'Folder that keeps the runs, to go on there; by default none does.')
_QUICK = flags.DEFINE_boolean('quick', False, 'Only four short runs, and no record.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import TABLE_DEVICES
from autoint_jax.data.datasets import registry
from autoint_jax.data.generated.movielens import movielens_1m
from autoint_jax.diagnosis import killed_runs, remains
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.training.compilation import cache_compilations

OPTIONS = {
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'model.embedding_dim': 8,
    'model.num_layers': 2,
    'model.head_dim': 4,
    'optimizer.tables': 'deferred_adam',
    'training.batch_size': 128,
    'training.evaluations_per_epoch': 2,
    'execution.slice_rows': 128,
    'execution.checkpoint_seconds': 0.15,
}
ORDERED = {'mesh.ordered_sums': True, 'execution.slice_rows': 32}  # so that all meshes have the same bits
RATINGS, EPOCHS = 20_000, 6
QUICK_RUNS, QUICK_EPOCHS = 4, 3
LIMIT_SECONDS = 1800.0  # of a start; a busy machine takes long
ALONE = 'seconds_alone.json'  # in the folder of the runs
GRACE_SECONDS = 40.0  # for processes that share a run with one that ended; then they are killed, as launchers do
SHOWN_SECONDS = 5.0  # between two lines that count the runs


def main(argv: list[str]) -> int:
    devices, processes = _numbers(_DEVICES), _numbers(_PROCESSES)
    sharing_of = {count: [number for number in processes if count % number == 0] for count in devices}
    if not all(sharing_of.values()):
        raise UsageError(
            f'--processes={",".join(_PROCESSES.value)} holds no number that divides one of '
            f'--devices={",".join(_DEVICES.value)}: add 1'
        )
    runs, epochs = (QUICK_RUNS, QUICK_EPOCHS) if _QUICK.value else (_RUNS.value, EPOCHS)
    meshes = {count: [{}] for count in devices} if len(devices) == 1 else {count: tables_of(count) for count in devices}
    config, began = replace(Config(), OPTIONS | {'training.epochs': epochs}), time.time()
    if len(devices) > 1:
        config = replace(config, ORDERED)
    kept = contextlib.nullcontext(_KEPT_IN.value)
    with kept if _KEPT_IN.value else tempfile.TemporaryDirectory(prefix='killed_runs_') as name:
        folder = pathlib.Path(name).absolute()
        if not (folder / 'raw').exists():
            movielens_1m(folder / 'raw', RATINGS, 0)
        data = registry.prepare('movielens_1m', 'autoint_all_rows', folder / 'raw', folder / 'data')
        cache_compilations(str(folder / 'compiled'))

        others: list[int] = []  # processes beside the one that is killed

        def start(run: str, options: dict[str, Any], count: int, sharing: int, killed: int) -> int:
            """Starts or resumes a run in some processes that share the devices. Returns the one that is killed."""
            killed_runs.end(others, GRACE_SECONDS)
            chosen = replace(config, options)
            started = killed_runs.forked_together(
                functools.partial(killed_runs.train, chosen, data, folder / run), folder / f'{run}.log', count, sharing
            )
            others.extend(process for number, process in enumerate(started) if number != killed)
            return started[killed]

        seconds = _seconds_alone(folder)
        for alone in () if seconds else ('first', 'alone'):  # the first one compiles
            shutil.rmtree(folder / alone, ignore_errors=True)
            started = time.monotonic()
            fate = killed_runs.survive(
                -1, [], functools.partial(start, alone, {}, devices[0], 1, 0), folder / alone, LIMIT_SECONDS
            )
            seconds = time.monotonic() - started
            if fate.failures:
                raise UsageError(f'a run that is left alone failed: {(folder / f"{alone}.log").read_text()[-500:]}')
        (folder / ALONE).write_text(json.dumps(seconds))

        def start_at_random(run: int, rng: random.Random) -> int:
            """Starts or resumes a run.

            Chance says whether it reads its rows from disk, how many devices and processes it has, how many devices
            split the tables, and which process is killed.
            """
            streaming, count = rng.random() < 1 / 3, rng.choice(devices)
            sharing, options = rng.choice(sharing_of[count]), rng.choice(meshes[count])
            return start(str(run), {'execution.streaming': streaming} | options, count, sharing, rng.randrange(sharing))

        def kill_some(first: int) -> None:
            """Kills every so many-th run, from the first one on, and writes its fate."""
            for run in range(first, runs, _AT_ONCE.value):
                if (folder / f'{run}.json').exists():
                    continue
                shutil.rmtree(folder / str(run), ignore_errors=True)  # of a script that was stopped
                rng = random.Random(f'{_SEED.value}/{run}')
                kills = killed_runs.plan(rng, _KILLS.value, seconds)
                fate = killed_runs.survive(
                    run, kills, functools.partial(start_at_random, run, rng), folder / str(run), LIMIT_SECONDS
                )
                killed_runs.end(others, GRACE_SECONDS)
                (folder / f'{run}.json').write_text(json.dumps(dataclasses.asdict(fate)))
                if fate.failures:
                    shutil.copy(folder / f'{run}.log', folder / 'failed.log')

        workers = [
            killed_runs.forked(functools.partial(kill_some, first), folder / 'workers.log', 1)
            for first in range(_AT_ONCE.value)
        ]
        while workers := [worker for worker in workers if os.waitpid(worker, os.WNOHANG) == (0, 0)]:
            time.sleep(SHOWN_SECONDS)
            print(f'{len(list(folder.glob("[0-9]*.json")))} of {runs} runs have ended', flush=True)
        fates = []
        for run in range(runs):
            if not (folder / f'{run}.json').exists():
                raise UsageError(f'run {run} has no record: {(folder / "workers.log").read_text()[-500:]}')
            fates.append(killed_runs.Fate(**json.loads((folder / f'{run}.json').read_text())))
        if (folder / 'failed.log').exists():
            print((folder / 'failed.log').read_text()[-2000:])

        def compare() -> None:
            """Writes how each run ended, from a process of its own, because a fork may not follow JAX's start."""
            whole = remains.remains(folder / 'alone')
            endings = [remains.ending(remains.remains(folder / str(run)), whole) for run in range(runs)]
            (folder / 'endings.json').write_text(json.dumps(endings))

        os.waitpid(killed_runs.forked(compare, folder / 'compare.log', 1), 0)
        if not (folder / 'endings.json').exists():
            raise UsageError(f'the runs could not be compared: {(folder / "compare.log").read_text()[-500:]}')
        for fate, ending in zip(fates, json.loads((folder / 'endings.json').read_text()), strict=True):
            fate.ending = ending
    counted = killed_runs.counts(fates)
    passed = counted['same'] == runs and not counted['failures']
    comparison.show('runs killed at random', list(counted), [[str(count) for count in counted.values()]])
    if _QUICK.value:
        print('quick: no record')
        return 0 if passed else 3
    print(f'every run ends as the one that was left alone: {comparison.verdict(passed)}')
    path = pathlib.Path(_RESULTS_DIR.value) / ('killed_runs' if devices == processes == [1] else 'killed_on_meshes')
    about = {
        'table': 'runs killed at random',
        'devices': devices,
        'processes': processes,
        'seed': _SEED.value,
        'seconds_alone': seconds,
        'seconds': time.time() - began,
        'verdict': comparison.verdict(passed),
    }
    write_table(path, [counted], about)
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


def _seconds_alone(folder: pathlib.Path) -> float:
    """Returns the seconds of the run that was left alone, 0 if the folder has none yet."""
    path = folder / ALONE
    return json.loads(path.read_text()) if path.exists() else 0.0


def tables_of(count: int) -> list[dict[str, Any]]:
    """Returns the options of the meshes of so many devices: whole tables, and tables that some or all devices split."""
    return [{'mesh.table': parts} for parts in TABLE_DEVICES if count % parts == 0]


def _numbers(flag: flags.FlagHolder) -> list[int]:
    """Returns the numbers of a flag. Raises UsageError."""
    try:
        return [int(number) for number in flag.value]
    except ValueError:
        raise UsageError(f'--{flag.name}={",".join(flag.value)} is not a list of whole numbers such as 1,2') from None


if __name__ == '__main__':
    command.run(main)
