"""How the nodes of a cluster are shared out among the workers of a sweep."""

from collections.abc import Sequence
from typing import NamedTuple

from autoint_jax.errors import UsageError


class Share(NamedTuple):
    """A share is a number of CPU cores and of GPUs: all those of a node, or those of a worker.

    Attributes:
      cpus: the number of CPU cores.
      gpus: the number of GPUs.
    """

    cpus: int
    gpus: int

    def __str__(self) -> str:
        cores, gpus = ('' if count == 1 else 's' for count in self)
        return f'{self.cpus} CPU core{cores} and {self.gpus} GPU{gpus}'


def share_of_a_worker(nodes: Sequence[Share], workers: int, cpus: int | None, gpus: int | None) -> Share:
    """Returns what each worker of a sweep gets.

    Args:
      nodes: what each node of the cluster has.
      workers: the number of workers.
      cpus: the number of cores of each worker; None gives as many as let most workers run at the same time.
      gpus: the number of GPUs of each worker; None gives one if the cluster has any, else none.

    Raises:
      UsageError: a worker fits no node.
    """
    if gpus is None:
        gpus = min(1, max((node.gpus for node in nodes), default=0))
    least = Share(cpus or 1, gpus)
    most_at_once = min(workers, room(nodes, least))
    if not most_at_once:
        had = ', '.join(sorted({str(node) for node in nodes if node.cpus or node.gpus})) or 'no CPU cores and no GPUs'
        raise UsageError(
            f'no node of the cluster has {least} for a worker; its nodes have {had}: pass other values of --ray_cpus '
            'and --ray_gpus, or add a node'
        )
    if cpus is not None:
        return least
    shares = [Share(cores, gpus) for cores in range(1, max(node.cpus for node in nodes) + 1)]
    return [share for share in shares if room(nodes, share) >= most_at_once][-1]


def room(nodes: Sequence[Share], share: Share) -> int:
    """Returns how many workers with a share of at least one core run on the nodes at the same time."""
    return sum(
        min(node.cpus // share.cpus, node.gpus // share.gpus) if share.gpus else node.cpus // share.cpus
        for node in nodes
    )
