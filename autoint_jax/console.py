"""Rich's console, for tables and progress bars."""

from typing import NoReturn

import rich.console


class Console(rich.console.Console):
    """A console that leaves it to the command what happens where nobody reads its output; Rich would end the process with status 1."""

    def on_broken_pipe(self) -> NoReturn:
        raise  # the BrokenPipeError that is being handled
