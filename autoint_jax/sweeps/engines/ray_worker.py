"""A worker as a task of Ray: the loop of every worker, in a process that Ray starts on one of its nodes."""

import os
import pathlib
import platform
import traceback

import jax

from autoint_jax.errors import UsageError
from autoint_jax.exits import described
from autoint_jax.interruptions import INTERRUPTED
from autoint_jax.sweeps.engines.cores import take_cores
from autoint_jax.sweeps.engines.shares import Share
from autoint_jax.sweeps.trial_reporter import output_to
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask


def train(task: WorkerTask, name: str, log: pathlib.Path, share: Share) -> str | None:
    """Trains trials until none is left, and appends the output to the file `log`.

    Ray runs it in the main thread of a process that ends afterwards. If the process dies, or gets SIGTERM because its
    node leaves the cluster, Ray calls this function again in another process.

    Args:
      task: the task of the workers.
      name: the name of this worker in its output.
      log: a file in a folder that exists already where the submitting process runs.
      share: the cores and GPUs that Ray has set aside for this worker.

    Returns:
      None, or a sentence for an error that the user can fix.

    Raises:
      KeyboardInterrupt: the submitting process cancelled the worker.
    """
    host = platform.node()
    if not log.parent.is_dir():
        return (
            f'{host} does not see {log.parent}, which the submitting machine has made: pass a --sweeps_dir that all '
            'nodes of the cluster share'
        )
    with output_to(log):
        try:
            if not share.gpus:
                os.environ['CUDA_VISIBLE_DEVICES'] = ''  # Ray leaves all GPUs visible to a task that asks for none
            cores = ','.join(map(str, take_cores(share.cpus))) or 'all'
            gpus = os.environ.get('CUDA_VISIBLE_DEVICES') or 'none'
            print(f'{name} on {host}, process {os.getpid()}: cores {cores}, GPUs {gpus}', flush=True)
            if share.gpus and jax.default_backend() == 'cpu':
                raise UsageError(
                    f'{host} has GPUs for Ray, but JAX finds none there: install JAX for these GPUs on that node, or '
                    'pass --ray_gpus=0'
                )
            work(task, name)
        except KeyboardInterrupt:
            import ray

            if ray.get_runtime_context().is_canceled():
                raise
            print('interrupted', flush=True)
            os._exit(INTERRUPTED)  # Ray then calls the worker again elsewhere
        except Exception as error:
            found = described(error)
            if found is None:  # a defect of this project
                traceback.print_exc()
                raise
            print(f'error: {found[0]}', flush=True)
            return found[0]
    return None
