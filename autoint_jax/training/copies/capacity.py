"""The number of copies of a run that fit into memory beside each other."""

import jax

from autoint_jax.config.configuration import Config
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.training.copies.programs import replica_mesh
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.loop import open_splits, split_rows
from autoint_jax.training.memory.available import available_ram, device_memory
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.columns import bytes_per_row
from autoint_jax.training.step.feed import RESIDENT_FRACTION, chosen_feed
from autoint_jax.training.step.schedule import make_schedule
from autoint_jax.training.step.state import make_setup, state_shapes

# The most copies in a program: more gain nothing, and an interruption takes all of them back to their last checkpoints.
MOST_COPIES = 32
# States of a copy in memory: one trains, one is saved, and a step writes the next one.
STATES = 3


def copies_that_fit(config: Config, data: PreparedData, processes: int = 1) -> int:
    """Returns how many copies of a run fit into half of the available memory beside the rows; at least 1.

    It is 1 if the rows must be streamed, or options of 'mesh' are set. A copy takes its state STATES times, and the
    order of two epochs.

    Args:
      config: the configuration of the run.
      data: the prepared data of the run.
      processes: the processes that share the RAM of this host.
    """
    if config.mesh != MeshConfig():
        return 1
    mesh, device, splits = replica_mesh(1), jax.local_devices()[0], open_splits(data)
    setup = make_setup(config, fitted_schema(config, data), placement.platform(mesh))
    on_cpu, schedule = device.platform == 'cpu', make_schedule(config, len(splits['train']))
    available = available_ram() if on_cpu else device_memory(device)
    streamed, _ = chosen_feed(config, sum(split_rows(splits).values()) * bytes_per_row(setup.schema), available)
    if streamed:
        return 1
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state_shapes(setup)))
    orders = 2 * 4 * schedule.epoch_steps * slices.cut(schedule.batch_size, setup, mesh).padded_batch
    if available is None:
        return MOST_COPIES
    free = RESIDENT_FRACTION * (available / processes if on_cpu else available * jax.local_device_count())
    return int(min(max(1, free // (STATES * state + orders)), MOST_COPIES))
