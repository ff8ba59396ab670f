"""The names of run folders."""

from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.opening import OWN_TABLE


def run_name(name: str, config: Config) -> str:
    """Returns the name of a run's folder: NAME-FINGERPRINT, or NAME-RECIPE-FINGERPRINT for a user's own table.

    A configuration of a published data set has its name, but one configuration serves all tables of a user.

    Args:
      name: the name of the configuration file.
      config: the configuration of the run.
    """
    table = f'{config.data.recipe}-' if config.data.dataset == OWN_TABLE else ''
    return f'{name}-{table}{fingerprint(config)}'
