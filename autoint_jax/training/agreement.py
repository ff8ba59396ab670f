"""The check that all processes of a run train the same run with the same code on the same data."""

import jax
from jax.sharding import Mesh

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.execution_config import GO_ON
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.training.processes import group
from autoint_jax.training.processes.decisions import agreed, of_all
from autoint_jax.training.step.state import Setup


def check_alike(config: Config, data: PreparedData, mesh: Mesh) -> None:
    """Raises UsageError in every process if one has other options, data, devices or another JAX than the first.

    It also raises UsageError if an option asks for what several processes cannot do.
    """
    configs = [configuration.from_tree(tree) for tree in of_all(configuration.to_tree(config))]
    for process, other in enumerate(configs):
        if differing := configuration.difference(other, configs[0]):
            raise UsageError(
                f'process {process} has other options than process 0 ({"; ".join(differing)}): start all processes '
                'with the same command'
            )
    agreed('data', data.hash)
    agreed('version of JAX', jax.__version__)
    check_devices(mesh)
    if group.count() > 1 and config.execution.full_disk == GO_ON:
        raise UsageError(
            f'execution.full_disk={GO_ON} needs a run of one process, because a disk may be full for one of '
            f'{group.count()} and not for the others: leave this option out'
        )


def check_devices(mesh: Mesh) -> None:
    """Raises UsageError in every process if they do not have equally many devices of a mesh."""
    agreed('number of devices in the mesh', len(mesh.local_devices))


def check_forms(setup: Setup) -> None:
    """Raises UsageError in every process if one has another form than the first, as a host without a compiler has."""
    agreed('form of the interacting layers', setup.form)
    agreed('form of dense layers', setup.dense_form)
    agreed('form of the optimizer of tables', setup.table_form)
