"""Decisions that the processes of a run take together, so that none of them goes another way and waits for ever.

What depends on the clock, a disk, a folder or a signal may differ between processes. The first process decides it, and
the others take over its decision or its error.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any, TypeVar

from autoint_jax.errors import UsageError
from autoint_jax.exits import described
from autoint_jax.training.processes import group

Value = TypeVar('Value')
# The first process takes a decision out of the store after so many later ones. No process is that far behind.
KEPT = 1000

_numbers, _rounds = itertools.count(), itertools.count()
_deciding = False  # whether this process, the first, is in a decision


class PeerEnded(UsageError):
    """Another process of the run has ended with an error; `status` is its exit status."""

    def __init__(self, process: int, sentence: str, status: int):
        super().__init__(f'process {process} ended: {sentence}')
        self.status = status


def decided(decide: Callable[[], Value]) -> Value:
    """Returns in every process what `decide` returns in the first one, which alone calls it.

    Every process must call this function equally often, in the same order and from one thread. In a decision another
    one is part of it, so `decide` may call functions that decide.

    Args:
      decide: a function that waits for no other process. It returns a value that JSON can hold.

    Raises what `decide` raises in the first process, and PeerEnded in the others.
    """
    global _deciding
    if group.count() == 1 or _deciding:
        return decide()
    group.moved()
    number = next(_numbers)
    if not group.is_first():
        found = json.loads(group.heard(f'decided/{number}'))
        if 'error' in found:
            raise PeerEnded(0, *found['error'])
        return found['value']
    _deciding = True
    try:
        text = json.dumps({'value': decide()})
    except BaseException as error:
        sentence = described(error) or (f'{type(error).__name__}: {error}', 1)
        group.say(f'decided/{number}', json.dumps({'error': sentence}))
        raise
    finally:
        _deciding = False
    group.say(f'decided/{number}', text)
    if number >= KEPT:
        group.forget(f'decided/{number - KEPT}')
    return json.loads(text)['value']


def of_all(value: Any) -> list[Any]:
    """Returns the values of all processes, in their order, in every process. JSON must be able to hold a value."""
    if group.count() == 1:
        return [value]
    if _deciding:
        raise RuntimeError('a decision of the first process cannot ask the others')
    name = f'of_all/{next(_rounds)}'
    if not group.is_first():
        group.say(f'{name}/{group.number()}', json.dumps(value))

    def collect() -> list[Any]:
        others = [f'{name}/{process}' for process in range(1, group.count())]
        values = [value, *(json.loads(group.heard(other)) for other in others)]
        for other in others:
            group.forget(other)
        return values

    return decided(collect)


def agreed(what: str, value: Any) -> None:
    """Raises UsageError in every process if the processes do not have the same value.

    Args:
      what: words that name the value.
      value: a value that JSON can hold.
    """
    values = of_all(value)
    for process, other in enumerate(values):
        if other != values[0]:
            raise UsageError(
                f'process {process} has another {what} than process 0 ({other}, not {values[0]}): start all processes '
                'with the same command, code and data'
            )
