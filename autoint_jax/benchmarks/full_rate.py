"""Windows of measurement during which the cores ran at their full rate.

The cores of a virtual machine that waited for some seconds may share one core of the host when work comes: they run at
half their rate until the host parts them, which takes up to ten seconds. A candidate that is measured after a peer was
started would pay for that, and the peer would not.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

from autoint_jax.benchmarks.windows import Timing, in_turn, peer_rate

PRODUCT_SIZE = 512
PROBE_SECONDS = 0.05
SETTLED_PROBES = 4  # so many probes in succession have to be at the full rate
LEAST_SHARE = 0.9  # of the fastest probe
SETTLING_SECONDS = 20.0  # a machine that has other work to do never settles
ATTEMPTS = 3


class FullRate:
    """Waits until the processor runs at its full rate, and measures windows again during which it did not.

    Attributes:
      slow_windows: how many windows were kept although the processor was slow around each attempt.
    """

    def __init__(self, settling_seconds: float = SETTLING_SECONDS):
        """Measures the full rate. `settling_seconds` is the longest wait for it."""
        self.slow_windows = 0
        self._settling_seconds = settling_seconds
        self._factor = jnp.full((PRODUCT_SIZE, PRODUCT_SIZE), 0.5, jnp.float32)
        self._product = jax.jit(jnp.dot)
        self._fastest = max(self._probe() for _ in range(2 * SETTLED_PROBES))

    def settle(self) -> bool:
        """Waits for the full rate, and returns whether it came."""
        end, full = time.perf_counter() + self._settling_seconds, 0
        while full < SETTLED_PROBES and time.perf_counter() < end:
            full = full + 1 if self._is_full() else 0
        return full == SETTLED_PROBES

    def window(self, measure: Callable[[float], float], seconds: float) -> float:
        """Returns the rate of the first window that begins and ends at the full rate, or else of the last attempt."""
        for _ in range(ATTEMPTS):
            settled = self.settle()
            rate = measure(seconds)
            if settled and self._is_full():
                return rate
        self.slow_windows += 1
        return rate

    def peer(self, command: str, seconds: float) -> float:
        """Returns the rate of a peer that starts at the full rate."""
        self.settle()
        return _peer(command, seconds)

    def _is_full(self) -> bool:
        rate = self._probe()
        self._fastest = max(self._fastest, rate)
        return rate >= LEAST_SHARE * self._fastest

    def _probe(self) -> float:
        """Returns the products per second of all cores."""
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < PROBE_SECONDS or not count:
            self._product(self._factor, self._factor).block_until_ready()
            count += 1
        return count / passed


def beside_peers(
    ours: Mapping[str, Callable[[float], float]], peers: Sequence[str], timing: Timing, *, quick: bool
) -> tuple[dict[str, list[float]], int]:
    """Measures candidates and the commands of peers in turn, at the full rate of the processor if there are peers.

    Args:
      ours: {name: function of the seconds of a window that returns a rate}.
      peers: commands whose last line is JSON with `examples_per_second`.
      timing: number and length of the windows.
      quick: whether nothing waits for the full rate, to try a benchmark out.

    Returns:
      ({name or command: rate of each window}, number of windows that the processor was slow around).

    Raises:
      UsageError: a peer fails.
    """
    if quick or not peers:
        return in_turn({**ours, **{peer: functools.partial(_peer, peer) for peer in peers}}, timing), 0
    machine = FullRate()
    candidates = {name: functools.partial(machine.window, measure) for name, measure in ours.items()}
    rates = in_turn(candidates | {peer: functools.partial(machine.peer, peer) for peer in peers}, timing)
    return rates, machine.slow_windows


def _peer(command: str, seconds: float) -> float:
    return peer_rate(command)  # a peer decides itself how long it measures
