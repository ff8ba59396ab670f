"""Workers as SLURM jobs. Only this module needs submitit."""

import pathlib
from typing import Any

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask


class Job:
    """A worker as a SLURM job. It is queued again if it is preempted or reaches its time limit."""

    def __call__(self, task: WorkerTask, name: str) -> None:
        work(task, name)

    def checkpoint(self, task: WorkerTask, name: str) -> Any:
        """Returns the job that submitit queues in place of this one when SLURM ends it."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task, name)


def submit(
    task: WorkerTask,
    jobs: int,
    *,
    cluster: str,
    minutes: int,
    cpus: int,
    memory_gb: int,
    gpus: int,
    partition: str | None,
    logs: pathlib.Path,
) -> list[Any]:
    """Submits workers and returns submitit's jobs.

    Args:
      task: the task of the workers.
      jobs: the number of workers.
      cluster: 'slurm', or 'local' for processes on this machine, to try a sweep out.
      minutes: the time limit of each job.
      cpus: the number of CPU cores of each job.
      memory_gb: the memory of each job in GB.
      gpus: the number of GPUs of each job.
      partition: the partition of each job; None leaves the choice to SLURM.
      logs: the folder of the jobs' output.

    Raises:
      UsageError: submitit is not installed or SLURM is unavailable.
    """
    try:
        import submitit
    except ImportError:
        raise UsageError('submitit submits the jobs, but it is not installed: pip install submitit==1.5.4') from None
    try:
        executor = submitit.AutoExecutor(folder=logs, cluster=cluster)
    except RuntimeError as error:
        raise UsageError(f'jobs cannot be submitted here: {error}') from None
    executor.update_parameters(
        name=task.folder.sweep.name,
        timeout_min=minutes,
        cpus_per_task=cpus,
        mem_gb=memory_gb,
        gpus_per_node=gpus,
        **{'slurm_partition': partition} if partition else {},
    )
    return executor.map_array(Job(), [task] * jobs, [f'job {job + 1}' for job in range(jobs)])
