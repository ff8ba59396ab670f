"""The options in which copies of a run may differ, and the names of copies by them."""

from collections.abc import Sequence

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import OPTIONS
from autoint_jax.errors import UsageError


def varying_options(configs: Sequence[Config]) -> list[str]:
    """Returns the options in which copies differ: the seed, then others in the order of `replicas`.

    Raises:
      UsageError: the copies differ in an option that may change a shape.
    """
    allowed = list(OPTIONS.values())
    paths = {path: None for config in configs[1:] for path in configuration.differing(configs[0], config)}
    for path in paths:
        if path not in allowed:
            raise UsageError(f'copies of a run cannot differ in {path}: they can in {", ".join(allowed)}')
    return ['seed', *(path for path in allowed[1:] if path in paths)]


def varying_rates(varying: Sequence[str]) -> list[str]:
    """Returns the names in `Rates` of what differs between copies, from the options in which they differ.

    Tables have the learning rate of parameters unless they have their own, so both count as different.
    """
    names = [name for name, path in OPTIONS.items() if path in varying]
    also = ['tables_learning_rate'] if 'learning_rate' in names and 'tables_learning_rate' not in names else []
    return [*names, *also]


def copy_name(config: Config, varying: Sequence[str]) -> str:
    """Returns the name of a copy by the options in which copies differ, such as 'seed=3 learning_rate=0.001'."""
    values = {path.rpartition('.')[2]: configuration.value(config, path) for path in varying}
    return ' '.join(
        f'{name}={value:g}' if isinstance(value, float) else f'{name}={value}' for name, value in values.items()
    )
