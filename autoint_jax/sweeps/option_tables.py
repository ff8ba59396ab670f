"""Tables of a sweep file that name options of a configuration."""

from typing import Any

from autoint_jax.config import configuration
from autoint_jax.config.renamed import hint
from autoint_jax.errors import UsageError, nearest

# {path of an option, such as 'model.num_layers': value}
Values = dict[str, Any]


def option_values(tree: Any, part: str) -> Values:
    """Flattens nested tables to {'model.num_layers': value}.

    Args:
      tree: the table as TOML reads it.
      part: the name of the table, for errors.

    Raises:
      UsageError: `tree` is no table, or one of its keys is no option.
    """
    known = [leaf.path for leaf in configuration.leaves()]
    groups = {path.rpartition('.')[0] for path in known}
    found: Values = {}

    def walk(table: dict[str, Any], prefix: str) -> None:
        for name, value in table.items():
            path = prefix + name
            if path in known:
                found[path] = value
            elif path in groups and isinstance(value, dict):
                walk(value, path + '.')
            else:
                raise UsageError(
                    f'[{part}] has the unknown option {path!r}{hint(path) or nearest(path, known)}; '
                    'scripts/train.py --help lists the options'
                )

    walk(checked_table(tree, part), '')
    return found


def checked_table(tree: Any, part: str) -> dict[str, Any]:
    """Returns `tree` if it is a table. Raises UsageError that names the part of the file otherwise."""
    if not isinstance(tree, dict):
        raise UsageError(f'{part} = {shortened(tree)} must be a table: [{part}], then one option a line')
    return tree


def shortened(value: Any) -> str:
    """Returns a value as an error sentence shows it, at most about 100 characters."""
    text = repr(value)
    return text if len(text) <= 100 else f'{text[:100]}...'
