"""The console for tables and progress bars."""

from typing import NoReturn

import rich.console


class Console(rich.console.Console):
    """A console of Rich that raises BrokenPipeError if nobody reads its output, instead of ending the process."""

    def on_broken_pipe(self) -> NoReturn:
        raise  # the BrokenPipeError that is being handled
