"""Scores over HTTP: POST /score, GET /health, GET /metadata and GET /metrics.

Errors are JSON, {"error": SENTENCE}, with status 404 for another path, 405 for another method, 408 if the body does not
come in time, 413 if a request is too large, 415 if its body is packed, 422 if it cannot be understood, and 503 if the
server has too much to do.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import onnxruntime
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoint_jax.errors import UsageError
from autoint_jax.serving.figures import Figures
from autoint_jax.serving.limits import Limits
from autoint_jax.serving.requests import Refused, answer, asked
from autoint_jax.serving.scorer import Scorer, Scores
from autoint_jax.terminal import shown

SCORE, HEALTH, METADATA, METRICS = '/score', '/health', '/metadata', '/metrics'
PATHS = (SCORE, HEALTH, METADATA, METRICS)
GONE = 499  # the status that is counted if a client goes before it gets its answer


def make_app(scorer: Scorer, limits: Limits) -> Starlette:
    """Returns the application that serves a scorer within limits."""
    service = _Service(scorer, limits)
    routes = [
        Route(SCORE, service.score, methods=['POST']),
        Route(HEALTH, service.health, methods=['GET']),
        Route(METADATA, service.metadata, methods=['GET']),
        Route(METRICS, service.metrics, methods=['GET']),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_error, Refused: _refused, Exception: _defect},
        lifespan=service.lifespan,
    )
    app.add_middleware(_Counted, figures=service.figures)
    return app


class _Service:
    """What the paths of the server do."""

    def __init__(self, scorer: Scorer, limits: Limits):
        self.figures, self._scorer, self._limits = Figures(), scorer, limits
        self._threads = concurrent.futures.ThreadPoolExecutor(limits.scored_together, 'scoring')
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Ends the scoring threads with the server."""
        yield
        self._threads.shutdown()

    async def score(self, request: Request) -> Response:
        wanted = asked(await self._body(request), self._limits)
        self.figures.rows.observe(len(wanted.rows))
        if self._waiting >= self._limits.waiting + self._limits.scored_together:
            raise Refused(503, f'{self._waiting} requests are not answered yet: send this one again later')
        self._waiting += 1
        try:
            scoring = self._threads.submit(self._timed, wanted.scores)
            scores = await asyncio.wait_for(asyncio.wrap_future(scoring), self._limits.seconds)
        except TimeoutError:
            raise Refused(
                503, f'the scores were not ready after {self._limits.seconds:g} seconds: send this request again later'
            ) from None
        except UsageError as error:
            raise Refused(422, str(error)) from None
        finally:
            self._waiting -= 1
        return _body_of(answer(scores))

    async def health(self, request: Request) -> Response:
        return _json({'status': 'ok'})

    async def metadata(self, request: Request) -> Response:
        manifest = self._scorer.manifest
        return _json(
            {
                'model': manifest.model,
                'created_by': manifest.created_by,
                'sha256': manifest.sha256,
                'fingerprint': manifest.fingerprint,
                'data_hash': manifest.data_hash,
                'step': manifest.step,
                'precision': manifest.precision,
                'formats': list(manifest.formats),
                'columns': [dataclasses.asdict(column) for column in manifest.raw_inputs],
                'context': list(self._scorer.context),
                'unknown_values': manifest.unknown_values,
                'limits': self._limits._asdict(),
                'onnxruntime': onnxruntime.__version__,
            }
        )

    async def metrics(self, request: Request) -> Response:
        return Response(self.figures.text(), headers={'content-type': CONTENT_TYPE_LATEST})

    async def _body(self, request: Request) -> bytes:
        """Returns the body of a request. Raises Refused if it is larger than the limit, or does not come in time."""
        most = self._limits.body_bytes
        too_large = Refused(413, f'the body has more than {most:,} bytes: send several requests')
        packed = request.headers.get('content-encoding', 'identity')
        if packed != 'identity':
            raise Refused(415, f'the body is packed (Content-Encoding: {shown(packed[:40])}): send it as it is')
        length = request.headers.get('content-length', '')
        if length.isdecimal() and int(length) > most:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > most:
                        raise too_large
                    parts.append(part)
        except TimeoutError:
            raise Refused(
                408, f'the body did not come within {self._limits.seconds:g} seconds: send this request again'
            ) from None
        except ClientDisconnect:
            raise Refused(GONE, 'the client went away') from None
        return b''.join(parts)

    def _timed(self, score: Callable[[Scorer], Scores]) -> Scores:
        begun = time.perf_counter()
        try:
            return score(self._scorer)
        finally:
            self.figures.scoring_seconds.observe(time.perf_counter() - begun)


class _Counted:
    """Counts and times the answers of an application."""

    def __init__(self, app: ASGIApp, figures: Figures):
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            return await self._app(scope, receive, send)
        begun, status = time.perf_counter(), GONE
        path = scope['path'] if scope['path'] in PATHS else 'other'

        async def noted(message: Message) -> None:
            nonlocal status
            if message['type'] == 'http.response.start':
                status = message['status']
            await send(message)

        self._figures.in_flight.inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._figures.in_flight.dec()
            self._figures.answers.labels(path, status).inc()
            self._figures.seconds.labels(path).observe(time.perf_counter() - begun)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _body_of(json.dumps(value, allow_nan=False, separators=(',', ':')).encode(), status, headers)


def _body_of(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type='application/json')


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    # After a body that was not read to its end, the connection cannot be used for another request.
    closed = {'connection': 'close'}
    headers = {503: {'retry-after': '1'}, 408: closed, 413: closed, 415: closed}
    return _json({'error': str(error)}, error.code, headers.get(error.code))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, method = request.url.path, request.method
    said = {
        404: f'there is no path {path!r} here: the paths are {", ".join(PATHS)}',
        405: f'{path} does not take {method}: use {"POST" if path == SCORE else "GET"}',
    }.get(error.status_code, str(error.detail))
    return _json({'error': said}, error.status_code, dict(error.headers or {}))


async def _defect(request: Request, error: Exception) -> Response:
    return _json({'error': 'the server failed to answer; its log has the reason'}, 500)
