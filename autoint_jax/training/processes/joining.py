"""Connects the processes of a run, and disconnects them at the end, after a success or an error."""

import contextlib
import platform
import socket
import threading
import time
from collections.abc import Iterator

import jax

from autoint_jax.errors import UsageError
from autoint_jax.exits import SYSTEM, described, fail
from autoint_jax.training.processes import group, watch
from autoint_jax.training.processes.decisions import PeerEnded, of_all
from autoint_jax.training.processes.launchers import Launch
from autoint_jax.training.processes.relay import Relay

# Seconds that a process waits for the others at the start.
START_SECONDS = 300
# JAX would end the process itself, with a text of its own, after so many seconds; a `Watch` is faster.
JAX_SECONDS = 300
SHUTDOWN_SECONDS = 60
# With such a host the coordinator listens to processes of its own machine only.
LOOPBACK = ('localhost', '127.0.0.1', '[::1]')


@contextlib.contextmanager
def joined(place: Launch | None, hang_seconds: float) -> Iterator[None]:
    """Inside this context the processes of a launch are one run; if one ends with an error, all others end too.

    It must be entered before JAX starts its devices.

    Args:
      place: the place of this process; None if it trains alone, and then nothing is done.
      hang_seconds: seconds without any move after which this process ends.

    The process ends with a sentence if the others do not come within START_SECONDS. Raises UsageError in the first one
    if the port of the coordinator is not free.
    """
    if place is None:
        yield
        return
    relay = None if place.process == 0 else Relay(place.coordinator, watch.DEAD_SECONDS, _first_is_lost)
    _join(place, place.coordinator if relay is None else relay.address)
    guard = watch.Watch(hang_seconds, fail)
    guard.start()
    if relay is not None:
        relay.guard()
    try:
        group.note_hosts(of_all(platform.node()))
        yield
        of_all(None)  # none leaves before all are here
    except BaseException as error:
        _tell(error, guard)
        raise
    guard.stop()
    if relay is not None:
        relay.release()
    jax.distributed.shutdown()


def _join(place: Launch, address: str) -> None:
    """Connects this process with the others, at the address of the first or of a relay, as `joined` says."""
    host, _, port = place.coordinator.rpartition(':')
    if place.process == 0:
        check_port(host, int(port))
    # Otherwise JAX takes over SIGTERM, and no handler of Python would see it.
    jax.config.update('jax_enable_preemption_service', False)
    unmet = (
        f'process {place.process} of {place.processes} has not met all others at {place.coordinator} within '
        f'{START_SECONDS} s: start all of them with the same --coordinator and --processes, and see that the port can '
        'be reached'
    )
    # JAX would abort the process with a text of its own.
    timer = threading.Timer(START_SECONDS, fail, (unmet, SYSTEM))
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            address,
            place.processes,
            place.process,
            local_device_ids=place.device,
            cluster_detection_method='deactivate',
            initialization_timeout=2 * START_SECONDS,
            heartbeat_timeout_seconds=JAX_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
            coordinator_bind_address=place.coordinator if host in LOOPBACK else f'[::]:{port}',
        )
    finally:
        timer.cancel()


def check_port(host: str, port: int) -> None:
    """Raises UsageError if the coordinator cannot listen on a port of this host; JAX would crash."""
    try:
        socket.create_server(('127.0.0.1' if host in LOOPBACK else '', port)).close()
    except OSError as error:
        raise UsageError(
            f'process 0 cannot listen on port {port} of --coordinator ({error.strerror}): choose a free port, the same '
            'in all processes'
        ) from None


def _first_is_lost() -> None:
    """Ends this process because the first one is lost."""
    fail(f'process 0 of this run has died or is stopped, or its host cannot be reached: {watch.GO_ON}', SYSTEM)


def _tell(error: BaseException, guard: watch.Watch) -> None:
    """Tells the others that this process ends with an error.

    An error that is none of the user or the system may come from the loss of another process. Then the watch finds out
    which one it is and ends this process, for which it gets the time here.
    """
    found = described(error)
    if found is None and not isinstance(error, SystemExit):
        guard.suspect()
        time.sleep(watch.SUSPECT_SECONDS + 3 * watch.LOOK_SECONDS)
        found = f'{type(error).__name__}: {error}', 1
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        if found is not None and not isinstance(error, PeerEnded):
            watch.tell_end(*found)
    watch.linger()
