"""The limits of a server: what a request may ask for, and how long it may take."""

from typing import NamedTuple


class Limits(NamedTuple):
    """The limits of a server.

    Attributes:
      rows: most rows or candidates of a request.
      body_bytes: most bytes of the body of a request.
      seconds: after so many seconds a request is answered with status 503, if its body came in time.
      waiting: most requests that wait while others are scored; others are answered with status 503 at once.
      scored_together: requests that are scored at the same time.
    """

    rows: int = 10_000
    body_bytes: int = 16 << 20
    seconds: float = 10.0
    waiting: int = 100
    scored_together: int = 1
