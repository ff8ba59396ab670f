"""Fingerprints: the names of runs, made from the options that a run's values depend on."""

import dataclasses
import hashlib
import json
from typing import Any

from autoint_jax.config.configuration import Config, leaves, to_tree, value
from autoint_jax.config.execution_config import ExecutionConfig
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.config.renamed import OLD_NAMES

HOW = ('execution', 'mesh')  # the groups of options that are not part of a run's identity


def identity(config: Config) -> Config:
    """Returns the configuration with default options of 'execution' and 'mesh'. It is equal for all starts of a run."""
    return dataclasses.replace(config, execution=ExecutionConfig(), mesh=MeshConfig())


def identity_tree(config: Config) -> dict[str, Any]:
    """Returns the configuration as nested dictionaries of JSON values, without 'execution' and 'mesh'."""
    return {name: value for name, value in to_tree(config).items() if name not in HOW}


def fingerprint(config: Config) -> str:
    """Returns twelve hexadecimal digits that name a run, whatever its options of 'execution' and 'mesh' are.

    They are made from the options that differ from their defaults. So older runs keep their names when an option is
    added that is off by default. A default is therefore never changed.
    """
    return _digits({path: chosen for path, chosen in _chosen(config).items() if path.partition('.')[0] not in HOW})


def former_fingerprint(config: Config) -> str:
    """Returns the name that the run had before 'execution' was a group, when its options were part of the identity.

    It differs from `fingerprint` only if an option of 'execution' differs from its default.
    """
    chosen = {path: value for path, value in _chosen(config).items() if not path.startswith('mesh.')}
    return _digits({OLD_NAMES.get(path, path): value for path, value in chosen.items()})


def _chosen(config: Config) -> dict[str, Any]:
    """Returns {option: value} of the options that differ from their defaults."""
    return {leaf.path: chosen for leaf in leaves() if (chosen := value(config, leaf.path)) != leaf.default}


def _digits(chosen: dict[str, Any]) -> str:
    canonical = json.dumps(chosen, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
