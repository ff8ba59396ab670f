"""The workers of a host: started, watched, and started again where one dies."""

import errno
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.errors import UsageError, described, terminate
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.trial_training import disk_is_full
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.terminal import Harmless

# A worker is given up that died so often in a row without any trial ending meanwhile.
MAX_RESTARTS = 2 * trials.MAX_DEATHS
_DISK_FULL, _REFUSED = 74, 75  # exit statuses


class Share(NamedTuple):
    """What of the machine a worker uses: CPU cores, and a GPU as CUDA_VISIBLE_DEVICES names it; None is all there is."""

    cpus: tuple[int, ...] | None
    gpu: str | None


def shares(workers: int, available: Sequence[int], cpus: int | None, gpus: Sequence[str]) -> list[Share]:
    """Shares the machine out: each worker gets cores of its own as far as they go, and the GPUs in turn.

    Args:
      workers: their number.
      available: cores that this process may use.
      cpus: cores of a worker; None = an equal share, at least one.
      gpus: () leaves all of them to every worker.
    """
    each = min(cpus or max(1, len(available) // workers), len(available))
    return [
        Share(
            tuple(available[(worker * each + core) % len(available)] for core in range(each)),
            gpus[worker % len(gpus)] if gpus else None,
        )
        for worker in range(workers)
    ]


def run(task: WorkerTask, shared: Sequence[Share]) -> None:
    """Runs a worker for each share until there is no trial left for them.

    A worker whose process dies is started again; its trial goes on from its last checkpoint. An interruption makes all
    workers give their trials back first.

    Raises:
      OSError: the disk is full.
      UsageError: what a worker raised, or that one died again and again.
    """
    _Workers(task, shared).run()


class _Workers:
    def __init__(self, task: WorkerTask, shared: Sequence[Share]):
        self._task, self._shared = task, shared
        os.environ['PYTHONWARNINGS'] = (
            'ignore:resource_tracker'  # its word on semaphores that workers left, killed or stopped
        )
        self._context = multiprocessing.get_context('spawn')
        self._said = self._context.SimpleQueue()  # the sentences of workers that ended with _REFUSED
        self._running: dict[int, Any] = {}  # worker -> process
        self._deaths = [0] * len(shared)  # in a row
        self._ended = 0  # trials, at the last death

    def run(self) -> None:
        given_up = []
        previous = signal.signal(signal.SIGTERM, terminate)
        try:
            self._ended = self._task.folder.ended()
            for worker in range(len(self._shared)):
                self._start(worker)
            while self._running:
                multiprocessing.connection.wait([process.sentinel for process in self._running.values()])
                for worker, process in list(self._running.items()):
                    if not process.is_alive() and not self._goes_on(worker, process.exitcode):
                        given_up.append(worker)
        finally:
            self._stop()
            signal.signal(signal.SIGTERM, previous)
        if given_up:
            raise UsageError(
                f'{len(given_up)} of {len(self._shared)} workers died {MAX_RESTARTS} times in a row without a trial '
                f'ending: see above, and {trials.LOG} in the folders of {self._task.folder.path / "trials"}'
            )

    def _goes_on(self, worker: int, status: int) -> bool:
        """Starts a worker again that died, unless it did too often. One that is through needs nothing."""
        del self._running[worker]
        if status == _DISK_FULL:
            raise OSError(errno.ENOSPC, 'no space left', str(self._task.folder.path))
        if status == _REFUSED:
            raise UsageError(self._said.get())
        if status == 0:
            return True
        ended = self._task.folder.ended()
        self._deaths = [0] * len(self._shared) if ended > self._ended else self._deaths
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
            target=_process, args=(self._task, f'worker {worker + 1}', self._shared[worker], self._said)
        )
        blocked = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT}
        )  # which the new process inherits: what a terminal
        try:  # sends to all is for this one to pass on
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._running[worker] = process

    def _stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.join()


def _process(task: WorkerTask, name: str, share: Share, said: Any) -> None:
    """A worker's process. It ends with the process that started it, which reads in the queue `said` what a user can mend."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = Harmless(sys.stdout)
    if share.gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = share.gpu
    if share.cpus is not None and hasattr(
        os, 'sched_setaffinity'
    ):  # before JAX makes as many threads as there are cores
        os.sched_setaffinity(0, share.cpus)
    try:
        work(task, name)
    except KeyboardInterrupt:
        _leave(130)
    except Exception as error:
        if disk_is_full(error):
            _leave(_DISK_FULL)
        found = described(error)
        if found is None:  # a defect: the traceback is shown, and the worker started again
            raise
        said.put(found[0])
        _leave(_REFUSED)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(status: int) -> None:
    sys.stdout.flush()
    os._exit(status)  # threads that still write checkpoints would add their tracebacks
