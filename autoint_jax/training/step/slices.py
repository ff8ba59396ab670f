"""How a batch is cut: into equal parts for the devices, and each part into slices of rows that fit a core's cache."""

from typing import NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.cores import usable_cores
from autoint_jax.models import registry
from autoint_jax.models.autoint import resolved
from autoint_jax.models.interacting import slice_costs
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.step.placement import batch_devices
from autoint_jax.training.step.state import Setup, state_shapes

# Outside the compiled kernel: the most bytes of the largest array of a slice (`row_floats`).
HEADS_SLICE_BYTES = 8_000_000


class Cut(NamedTuple):
    """How a batch is cut.

    Attributes:
      slice_rows: rows that a device takes at a time.
      padded_batch: rows of the batch with padding, a multiple of slice_rows times the number of devices.
      group_rows: rows that a deep network takes at a time (`turns.group_gradients`), a multiple of slice_rows that
        divides the part of a device; 0 if it takes slices, too.
    """

    slice_rows: int
    padded_batch: int
    group_rows: int = 0


def cut(rows: int, setup: Setup, mesh: Mesh) -> Cut:
    """Returns the cut of a training batch over a mesh. With batch normalisation each device's part is one slice.

    Args:
      rows: rows of the batch, without padding.
      setup: the setup of the run.
      mesh: the devices.
    """
    if setup.config.model.deep_batch_norm:
        return _cut(rows, 0, mesh)
    if setup.config.mesh.ordered_sums:
        return _equal_cut(rows, setup, mesh, fewest=1)
    if setup.config.execution.slice_rows:
        return _cut(rows, setup.config.execution.slice_rows, mesh)
    return _grouped(_cut(rows, _decided_slice_rows(rows, setup, mesh), mesh), setup, mesh)


def scoring_cut(rows: int, setup: Setup, mesh: Mesh) -> Cut:
    """Returns the cut of a batch to score; the arguments are those of `cut`.

    The compiled kernel keeps no activations then, and is fastest if each device's part is one slice. With ordered sums
    logits have the same bits on every mesh, too: XLA compiles loops of several turns alike.
    """
    if setup.config.mesh.ordered_sums:
        return _equal_cut(rows, setup, mesh, fewest=2)
    slice_rows = setup.config.execution.slice_rows
    if not slice_rows and setup.form != 'cpu_kernel':
        slice_rows = _decided_slice_rows(rows, setup, mesh)
    return _cut(rows, slice_rows, mesh)


def _equal_cut(rows: int, setup: Setup, mesh: Mesh, *, fewest: int) -> Cut:
    """Returns the cut into slices that have the same size on every mesh; some may hold padding only.

    Each device takes at least `fewest` slices.
    """
    slice_rows, devices = setup.config.execution.slice_rows, batch_devices(mesh)
    return Cut(slice_rows, max(fewest, -(-rows // (slice_rows * devices))) * slice_rows * devices)


def _cut(rows: int, slice_rows: int, mesh: Mesh) -> Cut:
    """Returns the cut for slices of `slice_rows` rows, 0 for one slice per device."""
    devices = batch_devices(mesh)
    per_device = -(-rows // devices)
    slice_rows = min(slice_rows, per_device) if slice_rows else per_device
    return Cut(slice_rows, -(-per_device // slice_rows) * slice_rows * devices)


def _grouped(cut: Cut, setup: Setup, mesh: Mesh) -> Cut:
    """Returns a cut whose slices are taken in groups of about the same size, if a deep network is taken apart."""
    devices = batch_devices(mesh)
    count = cut.padded_batch // (cut.slice_rows * devices)
    if count == 1 or not _deep_apart(setup):
        return cut
    config, schema = setup.config.model, setup.schema
    most = _fitting_power_of_two(HEADS_SLICE_BYTES, 4 * len(schema.fields) * config.embedding_dim)
    groups = -(-count // max(1, most // cut.slice_rows))
    group_rows = -(-count // groups) * cut.slice_rows
    return Cut(cut.slice_rows, groups * group_rows * devices, group_rows)


def _deep_apart(setup: Setup) -> bool:
    """Returns whether the deep network of a model can take more rows at a time than the rest."""
    return registry.model_class(setup.config.model).deep_apart(setup.config.model)


def _decided_slice_rows(rows: int, setup: Setup, mesh: Mesh) -> int:
    """Returns what `_automatic_slice_rows` returns in the first process, because hosts may have different caches."""
    return decided(lambda: _automatic_slice_rows(rows, setup, mesh))


def _automatic_slice_rows(rows: int, setup: Setup, mesh: Mesh) -> int:
    """Returns the rows of a slice, or 0 for one slice per device."""
    config, schema = setup.config, setup.schema
    if setup.platform != 'cpu':
        return 0
    if setup.form == 'cpu_kernel' and config.model.num_layers:
        devices = len(mesh.local_devices)  # they share the cores and the last-level cache of the host
        cores, cache = max(1, usable_cores() // devices), slice_costs.last_level_cache() // devices
        return slice_costs.best_slice_rows(-(-rows // batch_devices(mesh)), kernel_stack(setup), cores, cache)
    row_bytes = 4 * registry.model_class(config.model).row_floats(config.model, schema)
    return _fitting_power_of_two(HEADS_SLICE_BYTES, row_bytes)


def kernel_stack(setup: Setup) -> slice_costs.Stack:
    """Returns what the costs of slices depend on, for a setup whose form is the compiled kernel.

    Raises kernels.library.Unavailable if the kernels are unavailable.
    """
    config, parsed = setup.config.model, resolved(setup.config.model)
    params = dict(state_shapes(setup).params)
    if _deep_apart(setup):
        params.pop('deep')  # it takes groups of slices
    dense = sum(4 * leaf.size for leaf in jax.tree.leaves(params))
    return slice_costs.kernel_stack(
        parsed.stack,
        len(setup.schema.fields),
        config.embedding_dim,
        config.num_layers,
        norm=parsed.layer_norm,
        dense_bytes=dense,
    )


def _fitting_power_of_two(available: int, row_bytes: int) -> int:
    """Returns the largest power of two of rows that fits into `available` bytes, but at least 16."""
    return 1 << (max(16, available // row_bytes).bit_length() - 1)
