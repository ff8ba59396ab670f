"""Commands that are printed as next steps. They can be pasted into a shell in the current folder."""

import os
import shlex
import sys


def shell_line(script: str, *arguments: str) -> str:
    """Returns the command that runs a script of this folder by the same Python."""
    python, scripts = (
        min(path, os.path.relpath(path), key=len) for path in (sys.executable, os.path.dirname(__file__))
    )
    return shlex.join([python, os.path.join(scripts, script), *arguments])
