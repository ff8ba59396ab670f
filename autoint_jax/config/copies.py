"""Copies of a run: the configurations that the options of `replicas` ask for."""

import dataclasses
import itertools
import math

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.replicas_config import MOST_COPIES, OF_COPIES, ReplicasConfig
from autoint_jax.errors import UsageError


def copies(config: Config) -> list[Config]:
    """Returns the configurations that `config.replicas` asks for, each as that of a run alone. Raises UsageError."""
    lists = {'seed': range(config.seed, config.seed + config.replicas.seeds)} | {
        path: getattr(config.replicas, name) for name, path in OF_COPIES.items() if getattr(config.replicas, name)
    }
    count = math.prod(map(len, lists.values()))
    if count > MOST_COPIES:
        raise UsageError(
            f"options of 'replicas' ask for {count:,} copies of a run, but one program trains at most "
            f'{MOST_COPIES:,}: use a sweep (scripts/sweep.py), which trains them in groups'
        )
    alone = dataclasses.replace(config, replicas=ReplicasConfig())
    return [replace(alone, dict(zip(lists, values, strict=True))) for values in itertools.product(*lists.values())]
