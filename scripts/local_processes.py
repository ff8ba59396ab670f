"""Processes of this machine that share a run: their start, their output and their end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import BinaryIO

LOOK_SECONDS = 0.05
FORCED = '--xla_force_host_platform_device_count'


class LocalProcesses:
    """Processes with one command, which start at once."""

    def __init__(self, command: list[str], count: int, devices_each: int | None):
        """Args:
        command: the command without the flags that tell processes apart.
        count: number of processes.
        devices_each: devices of each; None to leave them as they are.
        """
        coordinator, cores = f'localhost:{free_port()}', usable_cores()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: self._send(number))
        for process in range(count):
            flags = [f'--coordinator={coordinator}', f'--processes={count}', f'--process={process}']
            own = share(cores, process, count)
            self._processes.append(
                subprocess.Popen(
                    [*command, *flags],
                    env=environment(process, devices_each),
                    stdin=subprocess.DEVNULL,
                    stdout=None if process == 0 else subprocess.PIPE,
                    stderr=None if process == 0 else subprocess.STDOUT,
                    process_group=0,  # a Ctrl-C at the terminal comes to this process alone, which passes it on once
                    preexec_fn=lambda own=own: os.sched_setaffinity(0, own) if own else None,
                )
            )
        for process, started in enumerate(self._processes[1:], start=1):
            thread = threading.Thread(target=pass_on, args=(started.stdout, f'[{process}] '.encode()))
            thread.start()
            self._threads.append(thread)

    def status(self, grace_seconds: float) -> int:
        """Waits for the end of all processes and returns 0, or the exit status of the first one that failed.

        Args:
          grace_seconds: seconds for which the others may end by themselves after a failure; then they get SIGTERM, and
            after as many seconds SIGKILL.
        """
        failed, next_signals, due = 0, [signal.SIGTERM, signal.SIGKILL], 0.0
        while None in [process.poll() for process in self._processes]:  # all are asked, so that all codes are known
            failure = next((process.returncode for process in self._processes if process.returncode), 0)
            if failure and not failed:
                failed, due = failure, time.monotonic() + grace_seconds
            if failed and next_signals and time.monotonic() > due:
                self._send(next_signals.pop(0))
                due = time.monotonic() + grace_seconds
            time.sleep(LOOK_SECONDS)
        for thread in self._threads:
            thread.join()
        failed = failed or next((process.returncode for process in self._processes if process.returncode), 0)
        return 128 - failed if failed < 0 else failed

    def _send(self, number: int) -> None:
        """Sends a signal to all processes that run."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)


def pass_on(stream: BinaryIO, prefix: bytes) -> None:
    """Writes the lines of a stream to stderr, each with a prefix."""
    for line in stream:
        sys.stderr.buffer.write(prefix + line)
        sys.stderr.buffer.flush()


def free_port() -> int:
    """Returns a port that nobody uses now."""
    with socket.socket() as found:
        found.bind(('', 0))
        return found.getsockname()[1]


def usable_cores() -> list[int]:
    """Returns the numbers of the cores that this process may use; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []


def share(cores: list[int], process: int, count: int) -> list[int]:
    """Returns the cores of one of `count` processes; all of them if there are fewer cores than processes."""
    if len(cores) < count:
        return cores
    return cores[len(cores) * process // count : len(cores) * (process + 1) // count]


def environment(process: int, devices_each: int | None) -> dict[str, str]:
    """Returns the variables of one of the processes, which say what its devices are."""
    found = dict(os.environ)
    if devices_each is not None:
        kept = [flag for flag in found.get('XLA_FLAGS', '').split() if not flag.startswith(FORCED)]
        found['XLA_FLAGS'] = ' '.join([*kept, f'{FORCED}={devices_each}'])
        first = process * devices_each
        found['JAX_LOCAL_DEVICE_IDS'] = ','.join(str(first + device) for device in range(devices_each))
    return found
