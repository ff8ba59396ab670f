"""Work of threads whose results come in the order of the items."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def in_order(
    threads: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """Yields `function(item)` for each item, in order.

    Unlike `threads.map`, it takes the next item only if fewer than `ahead` results wait, so that memory stays bounded.
    """
    waiting: collections.deque[Future[Result]] = collections.deque()
    for item in items:
        waiting.append(threads.submit(function, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
