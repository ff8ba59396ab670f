"""Work on the items of a sequence by threads, results in the order of the items, few of them at once."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def in_order(
    threads: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """Like `threads.map`, but takes an item only when fewer than `ahead` results wait, so that memory stays bounded."""
    waiting = collections.deque()
    for item in items:
        waiting.append(threads.submit(function, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
