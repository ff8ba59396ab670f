"""The folder of the named configurations."""

import pathlib

from autoint_jax.errors import UsageError
from autoint_jax.names import checked_name

CONFIGS = pathlib.Path(__file__).parents[2] / 'experiments' / 'configs'


def path_of(name: str, flag: str = '') -> pathlib.Path:
    """Returns the path of a configuration: that of a TOML file itself, or that of a named configuration.

    Args:
      name: a name in CONFIGS without its suffix, or the path of a TOML file.
      flag: what stands before the name in a sentence, such as '--config='.

    Raises:
      UsageError: the name cannot be one of a file, or it has a suffix that it should not have.
    """
    path = pathlib.Path(name)
    if path.suffix != '.toml':
        said = flag.rstrip('=') or 'the configuration'
        return CONFIGS / f'{checked_name(name, f"{said}, which is no TOML file,")}.toml'
    if not path.exists() and (CONFIGS / path.name).exists():
        raise UsageError(f'there is no file {path}; the named configuration is {flag}{path.stem}, without .toml')
    return path
