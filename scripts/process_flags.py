"""The flags of commands that several processes run together: --coordinator, --processes, --process."""

import contextlib
import os

from absl import flags

_COORDINATOR = flags.DEFINE_string(
    'coordinator',
    None,
    'HOST:PORT of process 0, at which the processes of a run meet; not needed under SLURM and Open MPI 4.',
)
_PROCESSES = flags.DEFINE_integer(
    'processes',
    None,
    'Number of processes that share the run; by default what SLURM or Open MPI says, else 1. Each is started with the '
    'same command.',
)
_PROCESS = flags.DEFINE_integer(
    'process',
    None,
    'Number of this process, from 0; by default what SLURM, Open MPI or an Indexed Job of Kubernetes says.',
)
_HANG_SECONDS = flags.DEFINE_float(
    'hang_seconds',
    900.0,
    'Several processes end if one of them makes no step and reads no block of rows for so many seconds.',
    lower_bound=1.0,
)


def joined() -> contextlib.AbstractContextManager[None]:
    """Joins the processes that share a run, as flags and launcher say. Raises UsageError if they do not fit."""
    from autoint_jax.training.processes import joining, launchers  # import JAX, for which --help does not wait

    place = launchers.launch(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value, os.environ)
    return joining.joined(place, _HANG_SECONDS.value)
