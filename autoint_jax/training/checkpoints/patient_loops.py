"""Event loops that finish all tasks before they close, for a library that leaves tasks behind after an error."""

import asyncio
import contextlib
from collections.abc import Iterator


class _PatientLoop(asyncio.SelectorEventLoop):
    """An event loop that finishes its tasks before it closes, and does not print the errors they raise.

    Orbax reads all arrays at once and gives up at the first array that it cannot read. Without this class the other
    tasks end in a closed loop, and each prints a traceback.
    """

    def __init__(self):
        super().__init__()
        self.set_exception_handler(lambda loop, context: None)

    def close(self) -> None:
        while not self.is_closed() and not self.is_running() and (left := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        super().close()


class _PatientPolicy(asyncio.DefaultEventLoopPolicy):
    """The policy that makes every new event loop a patient one."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _PatientLoop()


@contextlib.contextmanager
def patient_loops() -> Iterator[None]:
    """Inside this context every new event loop is a patient one."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(_PatientPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)
