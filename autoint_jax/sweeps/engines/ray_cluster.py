"""Workers on a Ray cluster. Only this module and the process of a worker import Ray.

Each worker is a task of Ray, which starts it on a node with enough free cores and GPUs, and starts it again elsewhere
if it dies. The process that submits the tasks owns them, and they end with it. So an actor of Ray, the overseer,
submits them if the command returns at once.
"""

import contextlib
import pathlib
import signal
import socket
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autoint_jax.errors import UsageError
from autoint_jax.exits import Terminated, terminate
from autoint_jax.sweeps.engines.ray_worker import train
from autoint_jax.sweeps.engines.shares import Share
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.worker_task import WorkerTask, record_missing

NAMESPACE = 'autoint_jax'  # of the names of overseers
CONNECT_SECONDS = 10.0  # the longest time until the port of a cluster answers
POLL_SECONDS = 5.0  # the time between two looks at the states of trials
GRACE_SECONDS = 60.0  # the longest time in which interrupted workers release their trials
OVERSEER_LOG = 'submission.txt'


class Submission(NamedTuple):
    """A submission says what the workers of one command do, and what each of them gets.

    Attributes:
      task: the task of the workers.
      share: the cores and GPUs of each worker.
      retries: how often Ray starts a worker again that died.
      logs: the folder of the workers' output. It exists and has a new name, so that a node that sees it shares the
        folder of the sweep.
    """

    task: WorkerTask
    share: Share
    retries: int
    logs: pathlib.Path


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects this process to a Ray cluster within this context.

    Args:
      address: 'auto' for the cluster that this machine belongs to, 'HOST:PORT' or 'ray://HOST:PORT' for another one, or
        'local' for a cluster of this machine alone, which ends with the context.

    Raises:
      UsageError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            f"--engine=ray needs the package ray, which cannot be imported ({error}): pip install -e '.[ray]'"
        ) from None
    _check_port(address)
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level='error')
    except (OSError, RuntimeError, ValueError, ImportError, AssertionError) as error:
        said = ' '.join(str(error).split()) or type(error).__name__
        raise UsageError(f'the Ray cluster at --address={address} cannot be used: {said}') from None
    try:
        yield
    finally:
        ray.shutdown()


def _check_port(address: str) -> None:
    """Raises UsageError if an address names a port at which nobody answers; Ray would try for minutes."""
    if address in ('auto', 'local'):
        return
    host, _, port = address.removeprefix('ray://').rpartition(':')
    if not host or not port.isdigit():
        raise UsageError(f'--address={address} is none of auto, local, HOST:PORT and ray://HOST:PORT')
    try:
        socket.create_connection((host.strip('[]'), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f'no Ray cluster answers at --address={address} ({error}): start one there by ray start --head, or name '
            'another'
        ) from None


def nodes() -> list[Share]:
    """Returns the cores and GPUs of each live node of the connected cluster."""
    import ray

    resources = [node['Resources'] for node in ray.nodes() if node['Alive']]
    return [Share(int(found.get('CPU', 0)), int(found.get('GPU', 0))) for found in resources]


def new_logs(sweep_folder: pathlib.Path) -> pathlib.Path:
    """Makes a folder for the output of a submission's workers, in the folder of the sweep, and returns it."""
    logs = sweep_folder / 'ray' / f'{time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}-{uuid.uuid4().hex[:8]}'
    logs.mkdir(parents=True)
    return logs


def run(submission: Submission) -> None:
    """Runs the workers on the connected cluster until no trial is left for them, and prints the counts of trials.

    After an interruption all workers release their trials first.

    Raises:
      KeyboardInterrupt: the command was interrupted; `Terminated` after SIGTERM.
      UsageError: workers ended with errors.
    """
    terminated = threading.Event()

    def stop(number: int, frame: Any) -> None:
        terminated.set()
        terminate(number, frame)

    previous = signal.signal(signal.SIGTERM, stop)  # Ray has set a handler of its own
    try:
        errors = _oversee(submission, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        if terminated.is_set():  # Ray raises another exception in place of Terminated
            raise Terminated from None
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    if errors:
        raise UsageError(f'{len(errors)} of {submission.task.workers} workers failed: {"; ".join(errors)}')


def start(submission: Submission) -> str:
    """Starts an overseer that runs the workers on the connected cluster when this process has ended.

    Returns:
      The name of the overseer, an actor in NAMESPACE.

    Raises:
      UsageError: the overseer did not start.
    """
    import ray

    name = f'sweep-{submission.task.folder.sweep.name}-{submission.logs.name}'
    overseer = ray.remote(Overseer).options(name=name, lifetime='detached', num_cpus=0, max_restarts=submission.retries)
    try:
        problem = ray.get(overseer.remote(submission, name).problem.remote())
    except ray.exceptions.RayError as error:
        problem = _first_line(error)
    if problem:
        raise UsageError(f'no worker was started: {problem}')
    return name


class Overseer:
    """An actor of Ray that runs the workers of a submission, and ends with the last of them.

    It writes what `run` prints into the file OVERSEER_LOG beside the output of the workers. Ray starts it again if its
    node dies.
    """

    def __init__(self, submission: Submission, name: str):
        self._submission, self._name = submission, name
        if not self.problem():
            threading.Thread(target=self._run, daemon=True).start()

    def problem(self) -> str:
        """Returns '' if the workers are started, or a sentence that says why they are not."""
        logs = self._submission.logs
        return '' if logs.is_dir() else f'{logs} is not shared by all nodes of the cluster: pass another --sweeps_dir'

    def _run(self) -> None:
        import ray

        try:
            with open(self._submission.logs / OVERSEER_LOG, 'a', buffering=1) as log:
                try:
                    errors = _oversee(self._submission, lambda line: print(line, file=log))
                    print(f'all workers have ended, {len(errors)} of them with an error', file=log)
                except Exception:
                    traceback.print_exc(file=log)
        finally:
            ray.kill(ray.get_actor(self._name, namespace=NAMESPACE))  # without a restart


def _oversee(submission: Submission, say: Callable[[str], None]) -> list[str]:
    """Runs the workers and returns a sentence for each that ended with an error, beginning with its name.

    `say` gets these sentences, and a line whenever the counts of trials change.
    """
    import ray

    task, share = submission.task, submission.share
    # max_calls=1 ends the process of a worker with it: then its memory, its GPUs and its cores are free.
    worker = ray.remote(max_calls=1, num_cpus=share.cpus, num_gpus=share.gpus)(train)
    shared_task = ray.put(task)
    running: dict[Any, str] = {}  # reference to the result of a worker -> its name
    errors: list[str] = []
    counts = ''
    try:
        for name in (f'worker {number + 1}' for number in range(task.workers)):
            options = worker.options(name=name, max_retries=submission.retries, scheduling_strategy='SPREAD')
            running[options.remote(shared_task, name, submission.logs / f'{name.replace(" ", "_")}.txt', share)] = name
        while running:
            for ended in ray.wait(list(running), num_returns=len(running), timeout=POLL_SECONDS)[0]:
                name = running.pop(ended)
                if error := _error(ended, submission.retries):
                    errors.append(f'{name}: {error}')
                    say(errors[-1])
            found = ', '.join(f'{count} {state}' for state, count in status(task.folder).counts.items())
            if found != counts:
                counts = found
                say(f'{task.folder.sweep.name}: {counts}')
    finally:
        for reference in running:
            ray.cancel(reference)  # raises KeyboardInterrupt in the worker
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=GRACE_SECONDS)
    record_missing(task)
    return errors


def _error(result: Any, retries: int) -> str | None:
    """Returns a sentence if a worker ended with an error, else None."""
    import ray

    try:
        return ray.get(result)
    except ray.exceptions.RayTaskError as error:
        return f'it raised {_first_line(error.cause)}'
    except ray.exceptions.RayError as error:
        return f'Ray gave it up after {retries} retries: {_first_line(error)}'


def _first_line(error: BaseException) -> str:
    return f'{type(error).__name__}: {next(iter(str(error).splitlines()), "")}'
