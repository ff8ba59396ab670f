"""Parses the flags of a script and runs its `main`. It defines no flag."""

import functools
import math
import re
import signal
import sys
from collections.abc import Callable

from absl import app, flags

from autoint_jax import interruptions
from autoint_jax.config.renamed import RENAMED
from autoint_jax.errors import UsageError, nearest
from autoint_jax.exits import BROKEN_PIPE, USAGE, fail, reported, terminate
from autoint_jax.terminal import Harmless

HELP = ('--help', '-help', '-h', '--helpshort', '-?')


def parse(short_help: Callable[[], str] | None = None) -> list[str]:
    """Parses the flags of the command line, once, and returns what is left of it. Every flag must be defined before.

    A script whose imports take long calls it as soon as its flags are defined, and imports the rest afterwards. --help,
    -h and --helpfull print what they should, and end the process with status 0. A flag that does not exist, has no
    value or one of a wrong type ends it with a sentence on stderr and status 2.

    Args:
      short_help: returns what --help prints, after the other flags were parsed. By default --help lists the flags of
        the script. A UsageError that it raises ends the process like a wrong flag.
    """
    end = sys.argv.index('--') if '--' in sys.argv else len(sys.argv)
    if short_help is None or not set(HELP) & set(sys.argv[1:end]):
        return _parsed_once()
    sys.argv = [one for number, one in enumerate(sys.argv) if not (0 < number < end and one in HELP)]
    _parsed_once()
    try:
        print(short_help(), flush=True)
    except UsageError as error:
        fail(str(error), USAGE)
    except BrokenPipeError:
        fail('', BROKEN_PIPE)
    sys.exit(0)


@functools.cache
def _parsed_once() -> list[str]:
    app.define_help_flags()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # Characters that a terminal's encoding lacks are written as \\u1234.
        stream.reconfigure(errors='backslashreplace')
    if sys.stdout is not None:
        sys.stdout = Harmless(sys.stdout)
    return _parsed(sys.argv)


def run(main: Callable[[list[str]], int | None], *, arguments: int = 0) -> None:
    """Parses the flags, unless that is done, and calls `main` with what is left, as `exits.reported` says."""
    parse()
    signal.signal(signal.SIGTERM, terminate)
    interruptions.imported()
    app.run(reported(main, arguments=arguments), flags_parser=lambda argv: parse())


def _parsed(argv: list[str]) -> list[str]:
    """Parses flags into `flags.FLAGS`, and returns the rest of the command line. Ends the process as `parse` does."""
    end = argv.index('--') if '--' in argv else len(argv)
    try:
        try:
            left = flags.FLAGS([argv[0], *('--help' if one == '-h' else one for one in argv[1:end]), *argv[end:]])
        except SystemExit:  # help was printed, and absl would end with status 1
            sys.stdout.flush()
            sys.exit(0)
    except BrokenPipeError:
        fail('', BROKEN_PIPE)
    except (flags.Error, ValueError) as error:
        fail(_sentence(error), USAGE)
    for name in flags.FLAGS:
        value = flags.FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            fail(f'flag --{name}={value} must be a finite number', USAGE)
    return left


def _sentence(error: Exception) -> str:
    """Returns an error of parsing as a sentence of this project."""
    if isinstance(error, flags.UnrecognizedFlagError):
        known = [name for name in flags.FLAGS if len(name) > 1]
        option = RENAMED.get(error.flagname.removeprefix('config.'))
        named = f'; it was renamed to --config.{option}' if option else nearest(error.flagname, known)
        return f'there is no flag {error.flagname!r}{named}: --help lists the flags'
    text = re.sub(r'invalid literal for int\(\) with base \d+: (.*)', r'\1 is not a whole number', str(error))
    text = re.sub(r'could not convert string to float: (.*)', r'\1 is not a number', text)
    text = re.sub(r"\('Non-boolean argument to boolean flag', (.*)\)", r'\1 is neither true nor false', text)
    return f'{text[:1].lower()}{text[1:].rstrip(".")}: --help says what each flag takes'
