"""The connection of this process to the first one, watched on its way.

JAX ends a process with a text of its own as soon as the connection to its coordination service, in the first process,
breaks. So JAX is given the address of this relay, which passes all bytes on. When the first process is lost, the relay
keeps JAX waiting and says what happened.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

CHUNK = 1 << 16


class Relay:
    """Passes bytes between JAX in this process and the coordination service in the first process.

    Attributes:
      address: HOST:PORT of this relay, which JAX is given in place of the service's.
    """

    def __init__(self, coordinator: str, silence_seconds: float, lost: Callable[[], object]):
        """Args:
        coordinator: HOST:PORT of the service.
        silence_seconds: seconds without a byte from the service after which it is taken for lost.
        lost: called from a thread, after `guard`, when the service is lost.
        """
        host, _, port = coordinator.rpartition(':')
        self._service = host.strip('[]'), int(port)
        self._silence_seconds, self._lost = silence_seconds, lost
        self._guarded = False
        self._listening = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self._listening.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True, name='relay').start()

    def guard(self) -> None:
        """From now on the service is lost if a connection to it breaks or falls silent."""
        self._guarded = True

    def release(self) -> None:
        """From now on the service may end."""
        self._guarded = False

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            try:
                service = socket.create_connection(self._service, timeout=self._silence_seconds)
            except OSError:  # the first process has not started yet, and JAX tries again
                client.close()
                continue
            for sender, receiver in ((client, service), (service, client)):
                sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._pass_on, args=(sender, receiver, sender is service), daemon=True, name='relay'
                ).start()

    def _pass_on(self, sender: socket.socket, receiver: socket.socket, from_service: bool) -> None:
        """Passes bytes on until a side closes; then closes both sides, unless the service is lost."""
        while True:
            try:
                found = sender.recv(CHUNK)
                receiver.sendall(found)
            except TimeoutError:
                if not self._guarded:
                    continue
                found = b''
            except OSError:
                found = b''
            if found:
                continue
            if from_service and self._guarded:
                self._lost()
                return
            for side in (sender, receiver):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            return
