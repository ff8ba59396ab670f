"""Event loops for libraries that leave tasks behind where something cannot be read."""

import asyncio
import contextlib
from collections.abc import Iterator


class _PatientLoop(asyncio.SelectorEventLoop):
    """An event loop that lets its tasks end before it is closed, and keeps what they raise to itself.

    Orbax reads all arrays at once and gives up at the first that it cannot read. The others would then end in a loop that is closed,
    and each would print a traceback.
    """

    def __init__(self):
        super().__init__()
        self.set_exception_handler(lambda loop, context: None)

    def close(self) -> None:
        while not self.is_closed() and not self.is_running() and (left := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        super().close()


@contextlib.contextmanager
def patient_loops() -> Iterator[None]:
    """Event loops that are made meanwhile are patient."""
    policy, before = asyncio.DefaultEventLoopPolicy(), asyncio.get_event_loop_policy()
    policy.new_event_loop = _PatientLoop
    asyncio.set_event_loop_policy(policy)
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)
