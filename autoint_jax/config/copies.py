"""Copies of a run: the configurations that `replicas` asks for, and options that are arrays in a compiled program."""

import copy
import dataclasses
import itertools
import math
from typing import Any

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.replicas_config import MOST_COPIES, OF_COPIES, ReplicasConfig
from autoint_jax.errors import UsageError


def copies(config: Config) -> list[Config]:
    """The runs that `config.replicas` asks for, each as it would be configured alone. Raises UsageError on wrong values."""
    lists = {'seed': range(config.seed, config.seed + config.replicas.seeds)} | {
        path: getattr(config.replicas, name) for name, path in OF_COPIES.items() if getattr(config.replicas, name)
    }
    count = math.prod(map(len, lists.values()))
    if count > MOST_COPIES:
        raise UsageError(
            f"options of 'replicas' ask for {count:,} copies of a run in one program, but {MOST_COPIES:,} are the most: "
            'a sweep (scripts/sweep.py) trains as many in groups'
        )
    alone = dataclasses.replace(config, replicas=ReplicasConfig())
    return [replace(alone, dict(zip(lists, values, strict=True))) for values in itertools.product(*lists.values())]


def with_arrays(config: Config, values: dict[str, Any]) -> Config:
    """`config` with options replaced by arrays of a compiled program, which no check can look at."""
    groups = {'': copy.copy(config)}
    for path, value in values.items():
        group, _, name = path.rpartition('.')
        if group not in groups:
            groups[group] = copy.copy(getattr(config, group))
            object.__setattr__(groups[''], group, groups[group])
        object.__setattr__(groups[group], name, value)
    return groups['']
