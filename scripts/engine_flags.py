"""The flags of `scripts/sweep.py submit`: the engine that starts the workers on other machines, and what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from autoint_jax.errors import UsageError

if TYPE_CHECKING:
    from autoint_jax.sweeps.worker_task import WorkerTask

_ENGINE = flags.DEFINE_enum(
    'engine', 'slurm', ['slurm', 'ray'], 'submit: run the workers as SLURM jobs, or on a Ray cluster.'
)
_CLUSTER = flags.DEFINE_enum(
    'cluster', 'slurm', ['slurm', 'local'], 'submit: run jobs by SLURM, or as local processes to try it out.'
)
_SLURM_MINUTES = flags.DEFINE_integer(
    'slurm_minutes', 60, 'submit: time limit of a job in minutes; then it is queued again.', lower_bound=1
)
_SLURM_CPUS = flags.DEFINE_integer('slurm_cpus', 4, 'submit: number of CPU cores of a job.', lower_bound=1)
_SLURM_MEMORY = flags.DEFINE_integer('slurm_memory_gb', 16, 'submit: memory of a job in GB.', lower_bound=1)
_SLURM_GPUS = flags.DEFINE_integer('slurm_gpus', 0, 'submit: number of GPUs of a job.', lower_bound=0)
_SLURM_PARTITION = flags.DEFINE_string(
    'slurm_partition', None, 'submit: partition of the jobs; by default that of the cluster.'
)
_ADDRESS = flags.DEFINE_string(
    'address',
    None,
    'submit --engine=ray: the Ray cluster. auto is the one that this machine belongs to, HOST:PORT or ray://HOST:PORT '
    'another one, and local is a cluster of this machine alone that ends with the command.',
)
_RAY_CPUS = flags.DEFINE_integer(
    'ray_cpus',
    None,
    'submit --engine=ray: number of CPU cores of each worker; by default as many as let all workers run at the same '
    'time.',
    lower_bound=1,
)
_RAY_GPUS = flags.DEFINE_integer(
    'ray_gpus',
    None,
    'submit --engine=ray: number of GPUs of each worker; by default one if the cluster has any, else none.',
    lower_bound=0,
)
_RAY_RETRIES = flags.DEFINE_integer(
    'ray_retries', 10, 'submit --engine=ray: how often Ray starts a worker again that died.', lower_bound=0
)
_WAIT = flags.DEFINE_boolean(
    'wait', False, 'submit --engine=ray: wait until the workers have ended. Their errors are then those of the command.'
)

OF_SLURM = {'cluster', 'slurm_minutes', 'slurm_cpus', 'slurm_memory_gb', 'slurm_gpus', 'slurm_partition'}
OF_RAY = {'address', 'ray_cpus', 'ray_gpus', 'ray_retries', 'wait'}
NAMES = {'engine'} | OF_SLURM | OF_RAY


def engine() -> str:
    """Returns the name of the engine. Raises UsageError if a flag of another engine is given, or one is missing."""
    for flag in sorted(OF_RAY if _ENGINE.value == 'slurm' else OF_SLURM):
        if flags.FLAGS[flag].present:
            raise UsageError(f'submit --engine={_ENGINE.value} does not read --{flag}: leave it out')
    if _ENGINE.value == 'ray' and not _ADDRESS.value:
        raise UsageError(
            'submit --engine=ray needs the --address of a Ray cluster: auto for the one that this machine belongs to, '
            'HOST:PORT or ray://HOST:PORT for another one, or local for a cluster of this machine alone'
        )
    if _ADDRESS.value == 'local' and not _WAIT.value:
        raise UsageError('the cluster of --address=local ends with the command: add --wait')
    return _ENGINE.value


def submit_to_slurm(task: WorkerTask) -> None:
    """Submits the workers of a task as SLURM jobs. Raises UsageError if that is impossible."""
    from autoint_jax.sweeps.engines import slurm  # imports JAX, for which --help does not wait

    logs = task.folder.path / 'slurm'
    jobs = slurm.submit(
        task,
        task.workers,
        cluster=_CLUSTER.value,
        minutes=_SLURM_MINUTES.value,
        cpus=_SLURM_CPUS.value,
        memory_gb=_SLURM_MEMORY.value,
        gpus=_SLURM_GPUS.value,
        partition=_SLURM_PARTITION.value,
        logs=logs,
    )
    print(f'submitted {", ".join(job.job_id for job in jobs)}; their output is in {logs}')


def submit_to_ray(task: WorkerTask) -> bool:
    """Starts the workers of a task on a Ray cluster. Returns whether it has waited until they ended.

    Raises:
      UsageError: Ray is not installed, no cluster answers, a worker fits no node, or a worker failed.
    """
    from autoint_jax.sweeps.engines import ray_cluster, shares

    with ray_cluster.connected(_ADDRESS.value or ''):  # `engine` refuses a missing address
        nodes = ray_cluster.nodes()
        share = shares.share_of_a_worker(nodes, task.workers, _RAY_CPUS.value, _RAY_GPUS.value)
        submission = ray_cluster.Submission(task, share, _RAY_RETRIES.value, ray_cluster.new_logs(task.folder.path))
        at_once = min(task.workers, shares.room(nodes, share))
        print(
            f'each worker gets {share}, and {at_once} of {task.workers} can run at the same time; their output is in '
            f'{submission.logs}',
            flush=True,
        )
        if _WAIT.value:
            ray_cluster.run(submission)
        else:
            name = ray_cluster.start(submission)
            print(
                f'submitted; to end the workers: ray kill-actor --name={name} --namespace={ray_cluster.NAMESPACE} '
                '--force --no-restart'
            )
    return _WAIT.value
