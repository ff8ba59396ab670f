"""Checks names that become files or folders: of data sets, recipes, configurations, runs and sweeps."""

from autoint_jax.errors import UsageError
from autoint_jax.terminal import shown

# Most bytes of a name. File systems allow 255, and files of a run add endings to the name.
LONGEST = 150
_FORBIDDEN = '/\\'


def checked_name(name: str, what: str) -> str:
    """Returns a name, if it can be the name of a file or folder.

    Args:
      name: such as 'movielens_1m'.
      what: the thing with that name, for the sentence, such as 'the data set'.

    Raises:
      UsageError: the name is empty or too long, or it is a path, the name of a hidden file, an option, or unprintable.
    """
    reason = _reason(name)
    if reason:
        said = shown(name) if len(name) <= LONGEST else f'{shown(name[:40])}...'
        raise UsageError(
            f"{what} cannot be named '{said}', because a name {reason}: it becomes a file or folder, so choose one of "
            f'letters, digits, _ and -, such as my_table'
        )
    return name


def _reason(name: str) -> str:
    """Returns the rule that a name breaks, or ''."""
    if not name:
        return 'cannot be empty'
    if found := next((character for character in name if character in _FORBIDDEN), ''):
        return f'has no {found}'
    if name != shown(name):
        return 'has no control characters or line ends'
    if name[0] in '.-~' or name != name.strip():
        return 'does not begin with a dot, a dash or a tilde, nor begin or end with a blank'
    if len(name.encode()) > LONGEST:
        return f'has at most {LONGEST} bytes'
    return ''
