"""A server of a bundle in a process of its own, and requests to it."""

import contextlib
import http.client
import json
import re
import subprocess
import sys

from conftest import ROOT


class Served:
    """A server that runs.

    Attributes:
      process: its process.
      port: its port.
    """

    def __init__(self, process):
        self.process = process
        self.said = process.stdout.readline()
        found = re.search(r'http://127\.0\.0\.1:(\d+)/score', self.said)
        assert found, self.said + process.stderr.read()
        self.port = int(found[1])

    def connection(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)

    def ask(self, path, body=None, method=None, headers=None):
        """Sends a request, and returns the status and the body of its answer, from JSON if it is JSON."""
        with contextlib.closing(self.connection()) as connection:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            connection.request(method or ('GET' if body is None else 'POST'), path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if 'json' in answer.headers['content-type'] else text


@contextlib.contextmanager
def served(bundle, *flags):
    """A context with a server of a bundle, which is ended by SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, ROOT / 'scripts/serve.py', f'--bundle={bundle}', '--port=0', *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process)
        process.terminate()
        assert process.wait(30) == 0, process.stderr.read()
    finally:
        process.kill()
        process.communicate()
