"""What a server counts and times, for Prometheus."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

SECONDS = (0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
# The variable by which processes share their figures; it names a folder. The library reads it when it is imported.
SHARED = 'PROMETHEUS_MULTIPROC_DIR'


class Figures:
    """The figures of a server.

    Attributes:
      answers: answers by path and status.
      seconds: seconds from the first byte of a request to its answer, by path.
      scoring_seconds: seconds of the scoring alone.
      rows: rows or candidates of requests.
      in_flight: requests that are not answered yet.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.answers = Counter('autoint_requests', 'Answers.', ['path', 'status'], registry=registry)
        self.seconds = Histogram(
            'autoint_request_seconds', 'Time until the answer.', ['path'], buckets=SECONDS, registry=registry
        )
        self.scoring_seconds = Histogram(
            'autoint_scoring_seconds', 'Time of the scoring alone.', buckets=SECONDS, registry=registry
        )
        self.rows = Histogram('autoint_rows', 'Rows of a request.', buckets=ROWS, registry=registry)
        self.in_flight = Gauge(
            'autoint_requests_in_flight', 'Requests without an answer.', registry=registry, multiprocess_mode='livesum'
        )

    def text(self) -> bytes:
        """Returns the figures as Prometheus reads them; those of all workers, if there are several."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)
        return generate_latest(shared)
