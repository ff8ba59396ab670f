"""The short help of scripts/train.py: its flags in groups, with the values of the chosen configuration."""

import re
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import config_flags
from absl import flags

from autoint_jax.config import configuration
from autoint_jax.models.read_options import options_of

WIDTH, INDENT, COLUMN = 118, 2, 46  # of a line; of a flag; where the text of a flag begins


def text() -> str:
    """Returns the help for the configuration that the other flags name.

    Raises:
      UsageError: they name no configuration, or no model.
    """
    config = config_flags.chosen_config()
    leaves = {leaf.path: leaf for leaf in configuration.leaves()}
    chosen = config_flags.config_name()
    lines = [
        *(sys.modules['__main__'].__doc__ or '').rstrip().splitlines(),
        '',
        f'Flags, with the values of {chosen}. --helpfull describes all flags in full.',
        '',
        'run',
    ]
    lines += _flag('config', chosen, 'named configuration (a file in experiments/configs/), or the path of a TOML file')
    lines += _flag('config.seed', config.seed, leaves['seed'].help)
    for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]):
        if not flag.name.startswith('config'):
            lines += _flag(flag.name, flag.value, _first(flag.help))

    read = options_of(config.model.name)
    of_model = [path for path in leaves if path.startswith('model.') and path.removeprefix('model.') in ('name', *read)]
    groups = {
        'data': _group('data', leaves),
        f'model {config.model.name}': of_model,
        **{group: _group(group, leaves) for group in ('optimizer', 'training', 'execution', 'mesh', 'replicas')},
    }
    for title, paths in groups.items():
        lines += ['', title]
        for path in paths:
            lines += _flag(f'config.{path}', configuration.value(config, path), _first(leaves[path].help))
        if paths is of_model:
            others = [path.removeprefix('model.') for path in _group('model', leaves) if path not in of_model]
            lines += [
                '',
                'options of other models, --config.model.OPTION (give --config.model.name to read about them)',
            ]
            lines += _wrapped(', '.join(others), INDENT)
    return '\n'.join(lines)


def _group(name: str, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.partition('.')[0] == name]


def _first(sentence: str) -> str:
    """Returns what stands before the first semicolon outside parentheses, or the first sentence."""
    depth = 0
    for place, letter in enumerate(sentence):
        depth += (letter == '(') - (letter == ')')
        if letter == ';' and not depth:
            sentence = sentence[:place]
            break
    return re.split(r'\.( (?=[A-Z])|$)', sentence, maxsplit=1)[0]


def _flag(name: str, value: Any, sentence: str) -> list[str]:
    """Returns the lines of a flag: as it is written to get `value`, and what it says."""
    if isinstance(value, bool):
        shown = str(value).lower()
    else:
        shown = ','.join(map(str, value)) if isinstance(value, (list, tuple)) else '' if value is None else str(value)
    head = f'{" " * INDENT}--{name}={shown}'
    body = _wrapped(sentence, COLUMN)
    if len(head) >= COLUMN:
        return [head, *body]
    return [head + body[0][len(head) :], *body[1:]]


def _wrapped(sentence: str, indent: int) -> list[str]:
    space = ' ' * indent
    return textwrap.wrap(sentence, WIDTH, initial_indent=space, subsequent_indent=space, break_long_words=False)
