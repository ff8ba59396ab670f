"""Trains the trials of a sweep file with any number of processes, on any number of hosts that share a folder.

    python scripts/sweep.py run --sweep=experiments/sweeps/movielens_1m_depth.toml --workers=2
    python scripts/sweep.py status --sweep=FILE
    python scripts/sweep.py retry --failed --sweep=FILE
    python scripts/sweep.py report --sweep=FILE
    python scripts/sweep.py submit --sweep=FILE --workers=8 --slurm_minutes=240
    python scripts/sweep.py submit --sweep=FILE --workers=8 --engine=ray --address=auto --wait

`run` trains all pending trials and ends when none is left, with exit status 3 if trials failed. The same command on
another host joins in. You may kill or interrupt it at any time: trials that are done stay done, and the others continue
from their last checkpoint. `status` shows counts, progress, and the end of the log of each failed trial. `retry
--failed` makes failed trials pending. `report` writes tables to the folder of the sweep, or to --output. `submit` runs
the workers as SLURM jobs, or on a Ray cluster. Each run that is done has its record in RESULTS_DIR/runs.

Trials with the same shapes train in one program, as copies of a run: on a GPU as many as fit in memory, on a CPU a few
on each core. Each has its own log, checkpoints, and result or failure, and ends as it would alone, except for rounding.

docs/sweeps.md explains sweep files; experiments/sweeps/ has examples. The folder SWEEPS_DIR/NAME holds a run folder for
each trial, as scripts/train.py makes it.
"""

import os
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import engine_flags
from absl import flags

from autoint_jax import command
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError, nearest

# More processes on a core than these are not faster, and only cost memory.
WORKERS_OF_A_CORE = 8
EXAMPLES = CONFIGS.with_name('sweeps')

_SWEEP = flags.DEFINE_string('sweep', None, 'The sweep file.')
_SWEEPS_DIR = flags.DEFINE_string('sweeps_dir', 'sweeps', 'Folder of sweep folders, shared by all hosts.')
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
_RESULTS_DIR = flags.DEFINE_string(
    'results_dir', 'results', 'Folder of records. A run that has a record is not trained again.'
)
_OUTPUT = flags.DEFINE_string(
    'output', None, 'report: folder of the tables; by default the folder of the sweep, SWEEPS_DIR/NAME.'
)
_WORKERS = flags.DEFINE_integer(
    'workers', 1, 'Number of worker processes on this host (run), or of jobs (submit).', lower_bound=1, upper_bound=1000
)
_CPUS = flags.DEFINE_integer(
    'cpus', None, 'CPU cores of each worker; by default an equal part of all cores.', lower_bound=1
)
_GPUS = flags.DEFINE_list(
    'gpus',
    [],
    'GPUs as CUDA_VISIBLE_DEVICES names them; each worker gets one of them in turn. By default every worker uses all '
    'GPUs.',
)
_STALE = flags.DEFINE_float(
    'stale_seconds',
    120.0,
    'If a worker gives no sign of life for so many seconds, it counts as dead and its trial as pending. Use the same '
    'number on all hosts.',
    lower_bound=0.5,
)
_TOGETHER = flags.DEFINE_boolean(
    'together',
    True,
    'Train trials in one program if they differ only in seed, learning rate, L2 and dropout, see '
    'autoint_jax/sweeps/groups.py. --together=false trains every trial alone.',
)
_FAILED = flags.DEFINE_boolean('failed', False, 'retry: retry all failed trials.')
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(engine_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import jax

from autoint_jax.sweeps import report, sweep_file, trials, workers
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.worker_task import WorkerTask, check_data, record_missing


def _run(folder: SweepFolder) -> int:
    most = WORKERS_OF_A_CORE * len(_available())
    if _WORKERS.value > most:
        raise UsageError(
            f'--workers={_WORKERS.value} is more than {most}, which is {WORKERS_OF_A_CORE} for each CPU core of this '
            'machine: give fewer, or run the same command on more machines'
        )
    resources = workers.divided_machine(_WORKERS.value, _available(), _CPUS.value, _GPUS.value)
    task = _task(folder, wait=True)
    workers.run(task, resources)
    record_missing(task)
    return _ended(folder)


def _ended(folder: SweepFolder) -> int:
    """Prints the status of a sweep whose workers have ended, and returns the exit status."""
    _status(folder)
    return 3 if status(folder).failed else 0


def _status(folder: SweepFolder) -> None:
    found = status(folder)
    print(f'{folder.sweep.name}: ' + ', '.join(f'{count} {state}' for state, count in found.counts.items()))
    for line in [*found.running, *found.notes, *found.failed]:
        print(line)
    if found.failed:
        print('scripts/sweep.py retry --failed makes them pending again')


def _retry(folder: SweepFolder) -> None:
    if not _FAILED.value:
        raise UsageError('retry needs --failed, which stands for all failed trials')
    failed = [trial for trial in folder.trials() if folder.state(trial)[0] == trials.FAILED]
    for trial in failed:
        trials.retry(folder.of(trial))
        print(f'{trial.id} is pending again')
    print(
        f'{len(failed)} trials are pending again: scripts/sweep.py run trains them' if failed else 'no trial has failed'
    )


def _report(folder: SweepFolder) -> None:
    made = report.report(folder)
    report.show(folder, made)
    for path in report.write(folder, made, folder.path if _OUTPUT.value is None else pathlib.Path(_OUTPUT.value)):
        print(f'wrote {path}.json and .csv')


def _submit(folder: SweepFolder) -> int:
    if engine_flags.engine() == 'slurm':
        engine_flags.submit_to_slurm(_task(folder, wait=False))
        return 0
    if not engine_flags.submit_to_ray(_task(folder, wait=True)):
        return 0
    return _ended(folder)


SHARED = {'sweep', 'sweeps_dir', 'stale_seconds'}
TRAINING = SHARED | {'data_dir', 'results_dir', 'workers', 'together', 'compilation_cache'}
# {name of a command: (its function, the flags that it reads)}
COMMANDS = {
    'run': (_run, TRAINING | {'cpus', 'gpus'}),
    'status': (_status, SHARED),
    'retry': (_retry, SHARED | {'failed'}),
    'report': (_report, SHARED | {'output'}),
    'submit': (_submit, TRAINING | engine_flags.NAMES),
}


def _task(folder: SweepFolder, *, wait: bool) -> WorkerTask:
    """Returns the task of the workers. Raises UsageError if data is not prepared."""
    compilation_flags.start_cache()
    task = WorkerTask(
        folder,
        os.path.abspath(_DATA_DIR.value),
        pathlib.Path(_RESULTS_DIR.value).absolute(),
        wait,
        jax.config.values['jax_compilation_cache_dir'] or '',
        _TOGETHER.value,
        _WORKERS.value,
    )
    check_data(task)
    folder.keep_file()
    return task


def _available() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else list(range(os.cpu_count() or 1))


def main(argv: list[str]) -> int | None:
    name = argv[1] if len(argv) > 1 else None
    if name not in COMMANDS:
        said = 'no command is given' if name is None else f'unknown command {name!r}{nearest(name, list(COMMANDS))}'
        raise UsageError(f'{said}; scripts/sweep.py takes one of: {", ".join(COMMANDS)}, and --sweep=FILE')
    run, known = COMMANDS[name]
    for flag in set().union(*(flags_of for _, flags_of in COMMANDS.values())) - known:
        if flags.FLAGS[flag].present:
            raise UsageError(f'{name} does not read --{flag}: leave it out')
    if _SWEEP.value is None:
        files = ', '.join(f'--sweep={os.path.relpath(path)}' for path in sorted(EXAMPLES.glob('*.toml')))
        raise UsageError(f'{name} needs --sweep=FILE; docs/sweeps.md says how to write one, and there are: {files}')
    sweep = sweep_file.load(pathlib.Path(_SWEEP.value), CONFIGS)
    return run(SweepFolder(sweep, pathlib.Path(_SWEEPS_DIR.value, sweep.name).absolute(), _STALE.value))


if __name__ == '__main__':
    command.run(main, arguments=1)
