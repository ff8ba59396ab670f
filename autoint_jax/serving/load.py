"""A client that loads a server with requests over kept connections, and times every answer.

Closed loop: each connection sends its next request when it has the answer to the last, so the rate is what the server
can do. Open loop: requests come at random times at a stated rate, as from many users, and a request that must wait for
a connection counts from the time at which it came.
"""

import asyncio
import random
import selectors
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

CONNECTIONS = 64  # most connections of an open loop


class Load(NamedTuple):
    """What was sent.

    Attributes:
      bodies: bodies of requests, sent in turn.
      seconds: for how long requests are sent.
      rate: requests a second of an open loop; 0 for a closed loop.
      connections: number of connections of a closed loop.
    """

    bodies: Sequence[bytes]
    seconds: float
    rate: float = 0.0
    connections: int = 1


class Timed(NamedTuple):
    """What was answered.

    Attributes:
      seconds: of each request until its answer, float64 [n].
      failed: number of answers with another status than 200.
      elapsed: seconds from the first request to the last answer.
    """

    seconds: np.ndarray
    failed: int
    elapsed: float

    def figures(self) -> dict[str, Any]:
        """Returns the figures as JSON values: percentiles in milliseconds, and requests a second."""
        percentiles = np.percentile(1e3 * self.seconds, (50, 95, 99, 100))
        names = ('p50_ms', 'p95_ms', 'p99_ms', 'slowest_ms')
        return {
            'requests': len(self.seconds),
            'failed': self.failed,
            'requests_per_second': len(self.seconds) / self.elapsed,
            **dict(zip(names, percentiles.tolist(), strict=True)),
        }


def loaded(port: int, load: Load, seed: int = 0) -> Timed:
    """Loads the server of a port of this machine, and returns what was answered."""
    # The selector of asyncio by default wakes at whole milliseconds only, so requests of an open loop would be late.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(_loaded(port, load, seed))


async def _loaded(port: int, load: Load, seed: int) -> Timed:
    seconds: list[float] = []
    failed = 0

    async def send(connection: 'Connection', since: float) -> None:
        nonlocal failed
        status = await connection.answered(load.bodies[len(seconds) % len(load.bodies)])
        seconds.append(time.perf_counter() - since)
        failed += status != 200

    begun = time.perf_counter()
    if load.rate:
        await _open_loop(port, load, send, begun, random.Random(seed))
    else:

        async def one_connection() -> None:
            connection = await Connection.opened(port)
            while time.perf_counter() < begun + load.seconds:
                await send(connection, time.perf_counter())
            connection.close()

        await asyncio.gather(*(one_connection() for _ in range(load.connections)))
    return Timed(np.array(seconds), failed, time.perf_counter() - begun)


async def _open_loop(port: int, load: Load, send: Any, begun: float, rng: random.Random) -> None:
    """Sends requests at random times, with exponential times between them."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    connections: list[Connection] = []
    sent: set[asyncio.Task[None]] = set()

    async def one(since: float) -> None:
        if free.empty() and len(connections) < CONNECTIONS:
            connection = await Connection.opened(port)
            connections.append(connection)
        else:
            connection = await free.get()
        await send(connection, since)
        free.put_nowait(connection)

    due = begun
    while (due := due + rng.expovariate(load.rate)) < begun + load.seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.ensure_future(one(due))
        sent.add(task)
        task.add_done_callback(sent.discard)
    await asyncio.gather(*sent)
    for connection in connections:
        connection.close()


class Connection:
    """A kept connection that sends one request at a time to /score."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    @classmethod
    async def opened(cls, port: int) -> 'Connection':
        """Returns a new connection to a port of this machine."""
        return cls(*await asyncio.open_connection('127.0.0.1', port))

    async def answered(self, body: bytes) -> int:
        """Sends a body, waits for the whole answer, and returns its status."""
        head = f'POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n'
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b'\r\n\r\n')).lower()
        length = answer.partition(b'content-length:')[2].partition(b'\r\n')[0]
        await self._reader.readexactly(int(length))
        return int(answer.split(b' ', 2)[1])

    def close(self) -> None:
        self._writer.close()
