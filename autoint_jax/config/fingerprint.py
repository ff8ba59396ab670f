"""Fingerprints: the names of runs, made from the options that a run's values depend on."""

import dataclasses
import hashlib
import json
from typing import Any

from autoint_jax.config.configuration import Config, leaves, to_tree, value
from autoint_jax.config.execution_config import ExecutionConfig
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.config.renamed import OLD_NAMES

HOW = ('execution', 'mesh')  # the groups of options that are not part of a run's identity, but for
ORDERED = 'mesh.ordered_sums'  # which changes the rounding of all steps on purpose


def identity(config: Config) -> Config:
    """Returns the configuration with default options of how it is computed. It is equal for all starts of a run.

    Ordered sums are part of it, with the slices that they sum.
    """
    if not config.mesh.ordered_sums:
        return dataclasses.replace(config, execution=ExecutionConfig(), mesh=MeshConfig())
    return dataclasses.replace(
        config, execution=ExecutionConfig(slice_rows=config.execution.slice_rows), mesh=MeshConfig(ordered_sums=True)
    )


def identity_tree(config: Config) -> dict[str, Any]:
    """Returns the configuration as nested dictionaries of JSON values, of 'execution' and 'mesh' what is identity."""
    tree = {name: value for name, value in to_tree(config).items() if name not in HOW}
    if config.mesh.ordered_sums:
        tree |= {'execution': {'slice_rows': config.execution.slice_rows}, 'mesh': {'ordered_sums': True}}
    return tree


def fingerprint(config: Config) -> str:
    """Returns twelve hexadecimal digits that name a run, whatever devices and forms compute it.

    They are made from the options that differ from their defaults. So older runs keep their names when an option is
    added that is off by default. A default is therefore never changed.
    """
    return _digits(_chosen(identity(config)))


def former_fingerprint(config: Config) -> str:
    """Returns the name that the run had before 'execution' was a group, when its options were part of the identity.

    It differs from `fingerprint` only if an option of 'execution' differs from its default.
    """
    chosen = _chosen(dataclasses.replace(config, mesh=identity(config).mesh))
    return _digits({OLD_NAMES.get(path, path): value for path, value in chosen.items()})


def _chosen(config: Config) -> dict[str, Any]:
    """Returns {option: value} of the options that differ from their defaults."""
    return {leaf.path: chosen for leaf in leaves() if (chosen := value(config, leaf.path)) != leaf.default}


def _digits(chosen: dict[str, Any]) -> str:
    canonical = json.dumps(chosen, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
