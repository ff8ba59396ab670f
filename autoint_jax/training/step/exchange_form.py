"""The choice between the forms in which rows of split tables are exchanged, gathered or all-to-all, and its capacity.

The bytes that both move (`traffic.py`) speak for the all-to-all form unless a device looks up very few rows: then some
devices need several times the mean, and the gathered form would be taken anyway.
"""

import math

from jax.sharding import Mesh

from autoint_jax.config.mesh_config import ALL_TO_ALL, AUTOMATIC, GATHERED, MeshConfig
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.training.step.placement import batch_devices, table_parts
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup

# The automatic choice is the gathered form if a device looks up fewer rows of a table than the first number times the
# devices that split it, and fewer than the second. So few rows are hardly repeated and vary much from device to device,
# so that some often need more than the capacity. Measured with rows of Criteo's shape, 1 and 60 million ids, batches of
# 256 to 16,384 on 2 to 64 devices: a capacity of 1.0 sufficed in all steps from these numbers on. Below, 2 to 100 in
# 100 steps needed more with 60 million ids.
LEAST_LOOKUPS, ENOUGH_LOOKUPS = 300, 5000


def device_rows(cut: Cut, mesh: Mesh) -> int:
    """Returns the rows of a batch that each device takes, with padding."""
    return cut.padded_batch // batch_devices(mesh)


def is_all_to_all(setup: Setup, mesh: Mesh | None, rows: int) -> bool:
    """Returns whether rows of tables are exchanged all-to-all.

    Args:
      setup: the setup of the run.
      mesh: the devices; None for one device.
      rows: rows of a batch that each device takes, with padding.
    """
    options = setup.config.mesh
    lookups = [rows * len(spec.columns) for spec in setup.table_specs.values() if spec.rows]
    if mesh is None or table_parts(mesh) == 1 or options.table == 1 or options.ordered_sums or not lookups:
        return False
    if options.exchange == AUTOMATIC:
        return min(lookups) >= min(LEAST_LOOKUPS * table_parts(mesh), ENOUGH_LOOKUPS)
    return options.exchange == ALL_TO_ALL


def capacity(options: MeshConfig, spec: TableSpec, parts: int, rows: int) -> int:
    """Returns C, the most distinct rows of a table that a device asks of each device, from 1 to all of its lookups.

    Args:
      options: the group `mesh` of the configuration.
      spec: the table.
      parts: number of devices between which the table is split.
      rows: rows of a batch that each device takes, with padding.
    """
    return most_asked(rows * len(spec.columns), parts, options.capacity)


def most_asked(lookups: int, parts: int, capacity: float) -> int:
    """Returns C for so many lookups of a device, as `capacity` does.

    Args:
      lookups: rows of the table that a device looks up for its part of a batch, n.
      parts: number of devices between which the table is split, T.
      capacity: the most distinct rows that a device asks of each device, as a multiple of n / T.
    """
    return min(lookups, max(1, math.ceil(capacity * lookups / parts)))


def exchange_clause(setup: Setup, mesh: Mesh, cut: Cut) -> str:
    """Returns a clause for the line about devices: how rows of split tables are exchanged; '' if tables are whole."""
    options, parts = setup.config.mesh, table_parts(mesh)
    if parts == 1 or not any(spec.rows for spec in setup.table_specs.values()):
        return ''
    asked = ', by mesh.exchange=automatic' if options.exchange == AUTOMATIC else ''
    rows = device_rows(cut, mesh)
    if not is_all_to_all(setup, mesh, rows):
        return f'; rows of tables are exchanged in the {GATHERED} form{asked}'
    most = sum(capacity(options, spec, parts, rows) for spec in setup.table_specs.values() if spec.rows)
    return f'; rows of tables are exchanged all-to-all{asked}: a device asks each other one for {most:,} rows at most'
