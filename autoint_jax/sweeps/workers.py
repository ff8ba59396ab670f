"""The worker processes of one host. They are started, watched, and started again if they die."""

import errno
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.errors import UsageError, disk_is_full
from autoint_jax.exits import described, terminate
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.terminal import Harmless

# A worker is not started again if it died so many times in a row while no trial ended.
MAX_RESTARTS = 2 * trials.MAX_DEATHS
_DISK_FULL, _REFUSED = 74, 75  # exit statuses


class Resources(NamedTuple):
    """Resources are the part of the machine that a worker uses.

    Attributes:
      cpus: the CPU cores; None for all.
      gpu: the GPU as CUDA_VISIBLE_DEVICES names it; None for all.
    """

    cpus: tuple[int, ...] | None
    gpu: str | None


def divided_machine(workers: int, available: Sequence[int], cpus: int | None, gpus: Sequence[str]) -> list[Resources]:
    """Divides the machine. Each worker gets cores of its own while they last, and the GPUs are given out in turn.

    Args:
      workers: the number of workers.
      available: the cores that this process may use.
      cpus: the number of cores of each worker; None gives equal parts, at least one core each.
      gpus: the names of GPUs; if there are none, every worker uses all GPUs.
    """
    each = min(cpus or max(1, len(available) // workers), len(available))
    return [
        Resources(
            tuple(available[(worker * each + core) % len(available)] for core in range(each)),
            gpus[worker % len(gpus)] if gpus else None,
        )
        for worker in range(workers)
    ]


def run(task: WorkerTask, resources: Sequence[Resources]) -> None:
    """Runs one worker for each of `resources` until no trial is left for them.

    If the process of a worker dies, the worker is started again, and its trial continues from its last checkpoint.
    After an interruption all workers release their trials first.

    Raises:
      OSError: the disk is full.
      UsageError: a worker raised it, or a worker died again and again.
    """
    _Workers(task, resources).run()


class _Workers:
    """The worker processes of one call of `run`."""

    def __init__(self, task: WorkerTask, resources: Sequence[Resources]):
        self._task, self._resources = task, resources
        self._context = multiprocessing.get_context('spawn')
        self._errors = self._context.SimpleQueue()  # error sentences of workers that ended with _REFUSED
        self._running: dict[int, Any] = {}  # worker -> process
        self._deaths = [0] * len(resources)  # deaths of each worker in a row
        self._ended = 0  # number of trials that had ended at the last death

    def run(self) -> None:
        given_up = []
        warnings = os.environ.get('PYTHONWARNINGS')
        # Without this, Python warns about semaphores of workers that were killed or stopped.
        os.environ['PYTHONWARNINGS'] = 'ignore:resource_tracker'
        previous = signal.signal(signal.SIGTERM, terminate)
        try:
            self._ended = self._task.folder.ended()
            for worker in range(len(self._resources)):
                self._start(worker)
            while self._running:
                multiprocessing.connection.wait([process.sentinel for process in self._running.values()])
                for worker, process in list(self._running.items()):
                    if not process.is_alive() and not self._restarted(worker, process.exitcode):
                        given_up.append(worker)
        finally:
            self._stop()
            signal.signal(signal.SIGTERM, previous)
            del os.environ['PYTHONWARNINGS']
            os.environ |= {} if warnings is None else {'PYTHONWARNINGS': warnings}
        if given_up:
            raise UsageError(
                f'{len(given_up)} of {len(self._resources)} workers died {MAX_RESTARTS} times in a row without a trial '
                f'ending: see above, and {trials.LOG} in the folders of {self._task.folder.path / "trials"}'
            )

    def _restarted(self, worker: int, status: int) -> bool:
        """Starts a worker again if it died. Returns False if it died too often."""
        del self._running[worker]
        if status == _DISK_FULL:
            raise OSError(errno.ENOSPC, 'no space left', str(self._task.folder.path))
        if status == _REFUSED:
            raise UsageError(self._errors.get())
        if status == 0:
            return True
        ended = self._task.folder.ended()
        self._deaths = [0] * len(self._resources) if ended > self._ended else self._deaths
        self._ended = ended
        self._deaths[worker] += 1
        if self._deaths[worker] > MAX_RESTARTS:
            return False
        died = f'was killed by signal {-status}' if status < 0 else f'ended with status {status}'
        print(f'worker {worker + 1} {died}: it is started again', flush=True)
        self._start(worker)
        return True

    def _start(self, worker: int) -> None:
        process = self._context.Process(
            target=_process, args=(self._task, f'worker {worker + 1}', self._resources[worker], self._errors)
        )
        # The new process inherits a blocked SIGINT. A terminal sends SIGINT to all processes, but only this one handles
        # it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._running[worker] = process

    def _stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.join()


def _process(task: WorkerTask, name: str, resources: Resources, errors: Any) -> None:
    """Is the main function of a worker's process. The process ends when the process that started it ends.

    A sentence for an error that the user can fix goes into the queue `errors`.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = Harmless(sys.stdout)
    if resources.gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = resources.gpu
    if resources.cpus is not None and hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, resources.cpus)  # before JAX starts one thread for each core
    try:
        work(task, name)
    except KeyboardInterrupt:
        _leave(130)
    except Exception as error:
        if disk_is_full(error):
            _leave(_DISK_FULL)
        found = described(error)
        if found is None:  # a defect of this project: the traceback is shown, and the worker is started again
            raise
        errors.put(found[0])
        _leave(_REFUSED)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(status: int) -> None:
    sys.stdout.flush()
    os._exit(status)  # otherwise threads that still write checkpoints print their tracebacks
