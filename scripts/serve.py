"""Serves an exported bundle over HTTP: raw rows in, scores out. It needs no JAX, only the extra `serving`.

    python scripts/serve.py --bundle=bundle
    curl -d '{"rows": [{"user": "7", "item": "31"}]}' http://127.0.0.1:8000/score

POST /score takes {"rows": [{COLUMN: VALUE, ...}, ...]}, or {"context": {...}, "candidates": [{...}, ...]} for rows that
share the columns of a context. GET /health, /metadata and /metrics (Prometheus) say how the server is, what it serves
and what it did. SIGTERM and Ctrl-C let requests in flight end; then the server ends with status 0.
"""

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError

_BUNDLE = flags.DEFINE_string('bundle', None, 'Folder that scripts/export.py wrote with --onnx_inputs=raw.')
_HOST = flags.DEFINE_string('host', '127.0.0.1', 'Address of this machine to listen at; 0.0.0.0 for all.')
_PORT = flags.DEFINE_integer('port', 8000, 'Port to listen at; 0 for a free one.', lower_bound=0, upper_bound=65535)
_WORKERS = flags.DEFINE_integer('workers', 1, 'Number of processes that serve.', lower_bound=1)
_THREADS = flags.DEFINE_integer(
    'threads', 0, 'Threads of each process that share the rows of one request; 0 for as many as cores.', lower_bound=0
)
_SCORED_TOGETHER = flags.DEFINE_integer(
    'scored_together', 0, 'Requests that a process scores at the same time; 0 for as many as threads.', lower_bound=0
)
_MAX_CANDIDATES = flags.DEFINE_integer('max_candidates', 10_000, 'Most rows or candidates of a request.', lower_bound=1)
_MAX_BODY_BYTES = flags.DEFINE_integer('max_body_bytes', 16 << 20, 'Most bytes of a request.', lower_bound=1)
_MAX_WAITING = flags.DEFINE_integer(
    'max_waiting', 100, 'Most requests that wait in a process; others are answered with status 503.', lower_bound=0
)
_TIMEOUT = flags.DEFINE_float(
    'timeout', 10.0, 'Seconds after which a request is answered with status 503.', lower_bound=0.001
)

if __name__ == '__main__':
    command.parse()

import pathlib

from autoint_jax.cores import usable_cores
from autoint_jax.serving.limits import Limits
from autoint_jax.serving.server import Address, serve


def main(argv: list[str]) -> None:
    if _BUNDLE.value is None:
        raise UsageError('say which bundle to serve: --bundle=FOLDER')
    threads = _THREADS.value or usable_cores()
    limits = Limits(
        rows=_MAX_CANDIDATES.value,
        body_bytes=_MAX_BODY_BYTES.value,
        seconds=_TIMEOUT.value,
        waiting=_MAX_WAITING.value,
        scored_together=_SCORED_TOGETHER.value or threads,
    )
    address = Address(_HOST.value, _PORT.value)
    serve(pathlib.Path(_BUNDLE.value), address, _WORKERS.value, threads, limits)


if __name__ == '__main__':
    command.run(main)
