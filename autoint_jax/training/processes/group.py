"""The processes that share a run: how many there are, which this one is, and the store of texts that all of them see.

JAX's coordination service, which runs in the first process, holds the store. No other module of this project knows it.
"""

from typing import Any

import jax
from jax._src import distributed

# Texts of this project in the store have names that begin so.
ROOM = 'autoint_jax'
# How long one question to the store waits, so that an interruption is seen in between.
ASK_SECONDS = 1.0

_moves = 0  # see `moves`
_on_this_host = 1  # see `on_this_host`


class PeerLost(Exception):
    """The store cannot be reached, because the first process has ended."""


def count() -> int:
    """Returns the number of processes that share a run; 1 if this process trains alone."""
    return distributed.global_state.num_processes


def number() -> int:
    """Returns the number of this process, from 0."""
    return distributed.global_state.process_id


def is_first() -> bool:
    """Whether this process writes records and prints lines. A process that trains alone does."""
    return number() == 0


def note_hosts(hosts: list[str]) -> None:
    """Notes the names of the hosts of all processes, in their order."""
    global _on_this_host
    _on_this_host = hosts.count(hosts[number()])


def on_this_host() -> int:
    """Returns the number of processes of the run on this host, this one included."""
    return _on_this_host


def moved() -> None:
    """Notes that this process has moved on, as opposed to one that hangs."""
    global _moves
    _moves += 1


def moves() -> int:
    """Returns how often this process has moved on."""
    return _moves


def say(name: str, text: str) -> None:
    """Puts a text into the store; it replaces the text of that name."""
    _client().key_value_set(f'{ROOM}/{name}', text, allow_overwrite=True)


def said(folder: str) -> dict[str, str]:
    """Returns the texts whose names begin with 'FOLDER/', {rest of the name: text}."""
    return {name.rpartition('/')[2]: text for name, text in _client().key_value_dir_get(f'{ROOM}/{folder}/')}


def heard(name: str) -> str:
    """Waits for a text and returns it. It waits without limit; a `Watch` ends the process if that takes too long.

    Raises PeerLost if the store cannot be reached.
    """
    while True:
        try:
            return _client().blocking_key_value_get(f'{ROOM}/{name}', int(1000 * ASK_SECONDS))
        except jax.errors.JaxRuntimeError as error:
            if 'DEADLINE_EXCEEDED' not in str(error):
                raise PeerLost(str(error)) from error


def forget(name: str) -> None:
    """Takes a text out of the store."""
    _client().key_value_delete(f'{ROOM}/{name}')


def _client() -> Any:
    """Returns the client of the coordination service."""
    return distributed.global_state.client
