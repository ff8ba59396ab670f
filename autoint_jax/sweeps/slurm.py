"""Workers as SLURM jobs, by submitit, which is asked for only here."""

import pathlib
from typing import Any

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.worker import work
from autoint_jax.sweeps.worker_task import WorkerTask


class Job:
    """A worker as a job. One that is preempted, or reaches its time limit, is queued again."""

    def __call__(self, task: WorkerTask, name: str) -> None:
        work(task, name)

    def checkpoint(self, task: WorkerTask, name: str) -> Any:
        """What submitit queues in place of a job that was told to end."""
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
    """Submits workers; returns submitit's jobs.

    Args:
      task: of the workers.
      jobs: how many workers.
      cluster: 'slurm', or 'local' for processes on this machine, to try things out.
      minutes, cpus, memory_gb, gpus, partition: of each job; no partition leaves the choice to SLURM.
      logs: folder of the jobs' output.

    Raises:
      UsageError: submitit or SLURM is not there.
    """
    try:
        import submitit
    except ImportError:
        raise UsageError(
            'jobs are submitted by submitit, which is not installed: pip install submitit==1.5.4'
        ) from None
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
