"""Serves a bundle over HTTP by uvicorn, in one process or several, until SIGTERM or Ctrl-C.

A signal lets requests in flight end; then the process ends with status 0.
"""

import functools
import gc
import math
import os
import pathlib
import signal
import socket
import tempfile
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from autoint_jax.errors import UsageError
from autoint_jax.serving.app import make_app
from autoint_jax.serving.figures import SHARED
from autoint_jax.serving.limits import Limits
from autoint_jax.serving.scorer import Scorer

BACKLOG = 2048  # connections that may wait to be accepted


class Address(NamedTuple):
    """Where a server listens.

    Attributes:
      host: name or number of the host's own address.
      port: the port; 0 for any that is free.
    """

    host: str
    port: int


def serve(bundle: pathlib.Path, address: Address, workers: int, threads: int, limits: Limits) -> None:
    """Serves a bundle until a signal ends it.

    Args:
      bundle: the folder.
      address: where to listen.
      workers: number of processes.
      threads: of each process, for the rows of one request.
      limits: of requests.

    Raises:
      UsageError: the bundle cannot be used, or the address.
    """
    listening = _listening(address)
    host, port = listening.getsockname()[:2]
    said = f'scores are served at http://{f"[{host}]" if ":" in host else host}:{port}/score by {{}}; Ctrl-C ends it'
    if workers == 1:
        app = _app(bundle, threads, limits)
        server = uvicorn.Server(_config(app, limits))

        def end(number: int, frame: Any) -> None:
            server.should_exit = True

        # uvicorn handles signals while it runs, and raises them again when it has ended.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        print(said.format('one process'), flush=True)
        server.run([listening])
        return
    Scorer(bundle, threads=1)  # raises what is wrong with it, before there are processes
    config = _config(functools.partial(_worker_app, bundle, threads, limits), limits, workers=workers, factory=True)
    with tempfile.TemporaryDirectory(prefix='autoint_jax-') as shared:
        os.environ[SHARED] = shared
        processes = Multiprocess(config, [listening])
        print(said.format(f'{workers} processes'), flush=True)
        processes.run()


def _worker_app(bundle: pathlib.Path, threads: int, limits: Limits) -> Starlette:
    """Returns the application of one of several processes. Ctrl-C reaches it by the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _app(bundle, threads, limits)


def _app(bundle: pathlib.Path, threads: int, limits: Limits) -> Starlette:
    """Returns the application. The garbage collector no longer looks at what lives as long as the process does."""
    app = make_app(Scorer(bundle, threads=threads), limits)
    gc.collect()
    gc.freeze()
    return app


def _config(app: Any, limits: Limits, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level='warning',
        access_log=False,
        backlog=BACKLOG,
        ws='none',
        timeout_keep_alive=30,
        timeout_graceful_shutdown=math.ceil(limits.seconds) + 1,
        **options,
    )


def _listening(address: Address) -> socket.socket:
    """Returns a socket that listens at an address. Raises UsageError if that is not possible."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
        reason = os.strerror(number) if number else str(getattr(error, 'strerror', None) or error)
        raise UsageError(
            f'port {address.port} of host {address.host!r} cannot be used ({reason}): name another by --port or --host'
        ) from None
