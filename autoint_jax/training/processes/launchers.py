"""Which process of how many this one is: by the flags of a command, or by the variables that a launcher sets."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from jax._src.clusters import ClusterEnv, OmpiCluster, SlurmCluster

from autoint_jax.errors import UsageError

# A process that has all of these was started by srun; a batch script without srun lacks the second.
SLURM = ('SLURM_JOB_ID', 'SLURM_STEP_NODELIST', 'SLURM_NTASKS', 'SLURM_PROCID', 'SLURM_LOCALID')
# By this variable JAX finds the coordinator under Open MPI 4. Open MPI 5 does not set it.
OPEN_MPI_HOST = 'OMPI_MCA_orte_hnp_uri'
ADDRESS = re.compile(r'(\S+):(\d{1,5})')


class Launch(NamedTuple):
    """The place of this process among those that share a run.

    Attributes:
      coordinator: HOST:PORT at which the first process listens.
      processes: the number of processes.
      process: the number of this process, from 0.
      device: the number of the GPU of this host that this process takes; None for all that it sees.
    """

    coordinator: str
    processes: int
    process: int
    device: int | None


class _Found(NamedTuple):
    """What the variables of a launcher say.

    Attributes:
      launcher: the name of the launcher.
      processes: the number of processes; None if the launcher does not tell.
      process: the number of this process.
      device: the number of this process among those on its host; None if the launcher does not tell.
      cluster: how JAX finds the coordinator; None if it cannot.
    """

    launcher: str
    processes: int | None
    process: int
    device: int | None
    cluster: type[ClusterEnv] | None


def launch(
    coordinator: str | None, processes: int | None, process: int | None, environment: Mapping[str, str]
) -> Launch | None:
    """Returns the place of this process among those that share a run; None if it trains alone.

    Flags come before what a launcher says. A process that a launcher started as one of several never trains alone
    unless `processes` is 1.

    Args:
      coordinator: the flag --coordinator, or None.
      processes: the flag --processes, or None.
      process: the flag --process, or None.
      environment: the variables of this process.

    Raises UsageError if something is missing or does not fit.
    """
    found = _found(environment)
    if processes is None and found is not None:
        processes = found.processes
    if processes is None and found is not None:
        raise UsageError(
            f'{found.launcher} started this process as number {found.process} and does not say of how many: give '
            '--processes=N and --coordinator=HOST:PORT, or --processes=1 if each process trains a run of its own'
        )
    if processes is None:
        if coordinator is None and process is None:
            return None
        raise UsageError('--coordinator and --process need --processes=N, the number of processes that share the run')
    if processes < 1:
        raise UsageError(f'--processes={processes} must be at least 1')
    if process is None and found is not None and processes > 1:
        process = found.process
    if not 0 <= (process or 0) < processes:
        raise UsageError(f'--process={process} must be from 0 to {processes - 1}, because --processes is {processes}')
    if processes == 1:
        return None
    if process is None:
        raise UsageError(f'--processes={processes} needs --process=I too, from 0 to {processes - 1}, in each process')
    if coordinator is None and found is not None and found.cluster is not None:
        coordinator = found.cluster.get_coordinator_address(None, environment.get('JAX_COORDINATOR_PORT'))
    if coordinator is None:
        raise UsageError(
            f'{processes} processes need --coordinator=HOST:PORT: the host of process 0 and a free port of it, the '
            'same in each process'
        )
    if not ((parts := ADDRESS.fullmatch(coordinator)) and 0 < int(parts[2]) < 65536):
        raise UsageError(f'--coordinator={coordinator} is not HOST:PORT, such as node1:5555')
    # A launcher that binds GPUs shows this process only its own, which is then number 0 here.
    bound = ',' not in environment.get('CUDA_VISIBLE_DEVICES', ',') or 'JAX_LOCAL_DEVICE_IDS' in environment
    return Launch(coordinator, processes, process, None if found is None or bound else found.device)


def _found(environment: Mapping[str, str]) -> _Found | None:
    """Returns what the launcher of this process says; None if no launcher started it."""
    if all(name in environment for name in SLURM):
        tasks, task, on_host = (_number(environment, name) for name in SLURM[2:])
        return _Found('SLURM', tasks, task, on_host, SlurmCluster)
    if 'OMPI_COMM_WORLD_SIZE' in environment and 'OMPI_COMM_WORLD_RANK' in environment:
        size, rank, on_host = (
            _number(environment, f'OMPI_COMM_WORLD_{name}') for name in ('SIZE', 'RANK', 'LOCAL_RANK')
        )
        return _Found('Open MPI', size, rank, on_host, OmpiCluster if OPEN_MPI_HOST in environment else None)
    if 'PMI_SIZE' in environment and 'PMI_RANK' in environment:
        return _Found('MPI', _number(environment, 'PMI_SIZE'), _number(environment, 'PMI_RANK'), None, None)
    if 'JOB_COMPLETION_INDEX' in environment:
        return _Found('a Kubernetes Indexed Job', None, _number(environment, 'JOB_COMPLETION_INDEX'), None, None)
    return None


def _number(environment: Mapping[str, str], name: str) -> int:
    """Returns a variable that holds a number. Raises UsageError."""
    try:
        return int(environment[name])
    except (KeyError, ValueError):
        raise UsageError(
            f'the variable {name} is {environment.get(name)!r}, and the launcher should set it to a whole number'
        ) from None
