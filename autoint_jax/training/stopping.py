"""How SIGTERM and Ctrl-C stop a run that trains: it saves first, and a second signal ends it at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from autoint_jax.exits import Stopped, Terminated

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """A context in which the first SIGTERM or Ctrl-C only asks the run to stop.

    The training loop reads `asked` between chunks of steps, saves, and calls `leave`. A second signal does at once what
    the first one would do outside of the context. A signal that is ignored stays ignored. In a thread other than the
    main one the context changes nothing, because Python handles signals in the main thread only.

    Attributes:
      asked: whether a signal has arrived.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}
        self._number = signal.SIGTERM

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler) or handler == signal.SIG_DFL:
                    self._before[number] = handler
                    signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def leave(self, step: int) -> NoReturn:
        """Ends training as the signal would have ended it outside of the context.

        Args:
          step: the newest step that is saved; 0 if none is.

        Raises:
          Stopped: the signal was SIGTERM, and a step is saved.
          Terminated: the signal was SIGTERM, and none is.
          KeyboardInterrupt: it was Ctrl-C, or the handler of the process raises it.
        """
        handler = self._before.get(self._number, signal.SIG_DFL)
        self._restore()
        try:
            if callable(handler):
                handler(self._number, None)
        except Terminated:
            pass  # `Stopped` says that the run is saved
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Stopped(step) if step else Terminated

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked, self._number = True, signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._ask:
                signal.signal(number, handler)
