"""A server with too much to do: the application itself, with a scorer that waits until it may go on."""

import asyncio
import json
import threading

import numpy as np

from autoint_jax.serving.app import make_app
from autoint_jax.serving.limits import Limits
from autoint_jax.serving.scorer import Scores


class Waiting:
    """A scorer that waits."""

    def __init__(self):
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()

    def score(self, rows):
        self.begun.release()
        assert self.go_on.wait(30)
        return Scores(np.ones(len(rows), np.float32), np.ones(len(rows), np.float32), [])


async def ask(app, value):
    """Sends a request to an application, and returns status, headers and body of the answer."""
    bodies = [{'type': 'http.request', 'body': json.dumps(value).encode(), 'more_body': False}]
    sent = []
    scope = {'type': 'http', 'method': 'POST', 'path': '/score', 'headers': [], 'query_string': b'', 'root_path': ''}

    async def receive():
        return bodies.pop()

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]['status'], dict(sent[0]['headers']), json.loads(sent[1]['body'])


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_requests_that_would_wait_too_long_are_refused():
    scorer, rows = Waiting(), {'rows': [{}]}
    app = make_app(scorer, Limits(seconds=30, waiting=1, scored_together=1))

    async def story():
        first = asyncio.ensure_future(ask(app, rows))
        await until(lambda: scorer.begun.acquire(blocking=False))
        second = asyncio.ensure_future(ask(app, rows))  # it waits
        await asyncio.sleep(0.01)
        refused = await ask(app, rows)
        scorer.go_on.set()
        return await first, await second, refused

    first, second, refused = asyncio.run(story())
    assert first[0] == second[0] == 200 and first[2] == {'probabilities': [1.0], 'logits': [1.0]}
    assert (refused[0], refused[1][b'retry-after']) == (503, b'1')
    assert refused[2] == {'error': '2 requests are not answered yet: send this one again later'}


def test_scores_that_come_too_late_are_not_waited_for():
    scorer = Waiting()
    app = make_app(scorer, Limits(seconds=0.05))

    async def story():
        late = await ask(app, {'rows': [{}]})
        waiting = await ask(app, {'rows': [{}]})  # it is given up before it begins
        scorer.go_on.set()
        await until(lambda: scorer.begun.acquire(blocking=False))
        return late, waiting, await ask(app, {'rows': [{}]})

    late, waiting, last = asyncio.run(story())
    assert late[0] == waiting[0] == 503
    assert late[2] == {'error': 'the scores were not ready after 0.05 seconds: send this request again later'}
    assert last[0] == 200
    # The one that was given up never began.
    assert scorer.begun.acquire(blocking=False) and not scorer.begun.acquire(blocking=False)
