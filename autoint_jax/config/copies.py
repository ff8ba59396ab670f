"""Copies of a run: the configurations that `replicas` asks for."""

import dataclasses
import itertools
import math

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
